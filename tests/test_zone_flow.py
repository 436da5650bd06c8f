"""Zones are added, changed and deleted by their owner; what is wrong is said at its field and loses nothing."""

from typing import Any

from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_NAME, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.const import DOMAIN, SUBENTRY_ZONE

from .conftest import Say
from .pump_node import INFO, begin

SWITCHES = {"recirculation": "switch.recirc", "fill": "switch.fill", "drain": "switch.drain"}
INPUT: dict[str, Any] = {
    CONF_NAME: "Tent",
    "pumps": dict(SWITCHES),
    "sensors": {"level": "sensor.level", "ec": "sensor.ec", "flow_of": "fill"},
    "limits": {"min_level": 10, "empty_level": 15, "target_level": 80, "max_level": 95, "stale_after": 60},
    "water_cycle": {
        "time_of_day": "10:00:00",
        "max_recirc_off_minutes": 15,
        "drain_timeout_minutes": 20,
        "fill_timeout_minutes": 20,
        "stabilize_minutes": 10,
    },
}


def changed(**sections: Any) -> dict[str, Any]:
    """Return the input with some fields otherwise; None takes one away."""
    result: dict[str, Any] = {}
    for name, content in INPUT.items():
        other = sections.get(name, {})
        if isinstance(content, dict):
            result[name] = {key: value for key, value in (content | other).items() if value is not None}
        else:
            result[name] = sections.get(name, content)
    return result


@pytest.fixture
def house(hass: HomeAssistant) -> None:
    """Some switches and sensors that are not SmartAir's."""
    for entity_id in SWITCHES.values():
        hass.states.async_set(entity_id, "off")
    hass.states.async_set("sensor.level", "80", {"unit_of_measurement": "%"})
    hass.states.async_set("sensor.ec", "1.8", {"unit_of_measurement": "mS/cm", "device_class": "conductivity"})


STEPS = {"user": (), "pumps": ("pumps", "sensors"), "limits": ("limits",), "cycle": ("water_cycle",)}


async def start(hass: HomeAssistant, hub: MockConfigEntry) -> Any:
    """Begin to add a zone of no node."""
    result = await hass.config_entries.subentries.async_init(
        (hub.entry_id, SUBENTRY_ZONE), context={"source": SOURCE_USER}
    )
    if result["step_id"] == "user":
        result = await hass.config_entries.subentries.async_configure(result["flow_id"], {"node": "none"})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "pumps"
    return result


def of_step(step: str, user_input: dict[str, Any]) -> dict[str, Any]:
    """Return what a step asks for."""
    asked = {name: value for section in STEPS[step] for name, value in user_input[section].items()}
    beside = {name: user_input[name] for name in (CONF_NAME, "area") if name in user_input and step == "pumps"}
    return asked | beside


async def answer(hass: HomeAssistant, flow: Any, user_input: dict[str, Any]) -> Any:
    """Answer from the step that is shown on to the first that is not content."""
    step = hass.config_entries.subentries.async_get(flow["flow_id"])["step_id"]
    while True:
        result = await hass.config_entries.subentries.async_configure(flow["flow_id"], of_step(step, user_input))
        await hass.async_block_till_done()
        if result["type"] is not FlowResultType.FORM or result["errors"]:
            return result
        step = result["step_id"]


def suggested(flow: Any) -> dict[str, Any]:
    """Return what a form shows in its fields."""
    shown = {str(key): (key.description or {}).get("suggested_value") for key in flow["data_schema"].schema}
    return {name: value for name, value in shown.items() if value is not None}


async def choose(hass: HomeAssistant, flow: Any, step: str) -> Any:
    """Choose from the menu what of a zone is to be changed."""
    assert flow["type"] is FlowResultType.MENU
    return await hass.config_entries.subentries.async_configure(flow["flow_id"], {"next_step_id": step})


async def add(hass: HomeAssistant, hub: MockConfigEntry, user_input: dict[str, Any] = INPUT) -> str:
    result = await answer(hass, await start(hass, hub), user_input)
    assert result["type"] is FlowResultType.CREATE_ENTRY, result.get("errors")
    return str(list(hub.subentries)[-1])


@pytest.mark.usefixtures("house")
async def test_a_zone_of_any_switches_and_sensors_is_added(
    hass: HomeAssistant, hub: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    zone_id = await add(hass, hub)
    subentry = hub.subentries[zone_id]
    assert subentry.title == "Tent"
    assert subentry.data["pumps"] == SWITCHES
    zone = hub.runtime_data.zones[zone_id]
    assert {str(role): pump.channel for role, pump in zone.pumps.items()} == SWITCHES
    device = device_registry.async_get(zone.device_id)
    assert device is not None
    assert device.name == "Tent"
    assert hass.states.get("sensor.tent_state").state == "normal_recirc"


@pytest.mark.usefixtures("house")
async def test_a_zone_of_a_smartair_node_hangs_on_it(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    hub: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    device_registry: dr.DeviceRegistry,
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    registered = entity_registry.async_get_or_create("switch", DOMAIN, f"{node.uid}-pump_fill:pump", config_entry=hub)
    zone_id = await add(
        hass, hub, changed(pumps={"fill": registered.entity_id, "drain": None, "recirculation": None})
    )
    assert hub.subentries[zone_id].data["pumps"] == {"fill": registered.id}
    zone = hub.runtime_data.zones[zone_id]
    assert [pump.channel for pump in zone.pumps.values()] == ["pump_fill"]
    device = device_registry.async_get(zone.device_id)
    assert device is not None
    assert device.via_device_id == hub.runtime_data.devices[node.uid].device_id


_WINDOW = {"from": "00:00", "to": "23:59", "on_minutes": 15, "off_minutes": 15}
WRONG = [
    ({CONF_NAME: "  "}, CONF_NAME, "name_missing"),
    ({"pumps": {"drain": "switch.fill"}}, "drain", "pump_twice"),
    ({"limits": {"empty_level": 10}}, "empty_level", "empty_not_above_min"),
    ({"limits": {"target_level": 15}}, "target_level", "target_not_above_empty"),
    ({"limits": {"target_level": 95}}, "target_level", "target_not_below_max"),
    ({"limits": {"ph_low": 6.5, "ph_high": 6.0}}, "ph_high", "high_not_above_low"),
    ({"limits": {"ec_low": 2.0, "ec_high": 2.0}}, "ec_high", "high_not_above_low"),
    (
        {"sensors": {"ec": None}, "water_cycle": {"ec_drift_threshold": 20}},
        "ec_drift_threshold",
        "drift_without_ec",
    ),
    ({"water_cycle": {"time_of_day": "9:30"}}, "time_of_day", "time_unreadable"),
    *(
        ({"water_cycle": {"schedule": [_WINDOW | odd]}}, "schedule", "schedule_unreadable")
        for odd in ({"from": "7:05"}, {"on_minutes": "15"})
    ),
    ({"water_cycle": {"fill_timeout_minutes": "nan"}}, "fill_timeout_minutes", "not_a_number"),
    ({"limits": {"stale_after": "nan"}}, "stale_after", "not_a_number"),
    (
        {
            "pumps": {"fill": None, "drain": None, "recirculation": None},
            "sensors": {"level": None, "ec": None},
        },
        "base",
        "nothing_chosen",
    ),
]


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(("wrong", "field", "error"), WRONG, ids=[one[2] + "_" + one[1] for one in WRONG])
async def test_what_is_wrong_is_said_at_its_field_and_can_be_put_right(
    hass: HomeAssistant, hub: MockConfigEntry, wrong: dict[str, Any], field: str, error: str
) -> None:
    flow = await start(hass, hub)
    result = await answer(hass, flow, changed(**wrong))
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == {field: error}
    assert field in {"base", *map(str, result["data_schema"].schema)}
    assert hub.subentries == {}
    result = await answer(hass, result, INPUT)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.usefixtures("house")
async def test_a_second_zone_takes_neither_name_nor_pump_of_the_first(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    await add(hass, hub)
    flow = await start(hass, hub)
    result = await answer(hass, flow, changed(name="tent", pumps={"fill": None, "recirculation": None}))
    assert result["errors"] == {
        CONF_NAME: "name_taken",
        "drain": "pump_of_other_zone",
    }
    result = await answer(
        hass, flow, changed(name="Other", pumps={"fill": None, "recirculation": None, "drain": None})
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.usefixtures("house")
async def test_a_pump_of_a_device_is_taken_for_nothing_but_what_it_is(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    drain = entity_registry.async_get_or_create("switch", DOMAIN, f"{node.uid}-pump_drain:pump", config_entry=hub)
    result = await answer(hass, await start(hass, hub), changed(pumps={"fill": drain.entity_id}))
    assert result["errors"]["fill"] == "pump_has_other_role"


async def reconfigure(hass: HomeAssistant, hub: MockConfigEntry, zone_id: str) -> Any:
    return await hub.start_subentry_reconfigure_flow(hass, zone_id)


@pytest.mark.usefixtures("house")
async def test_a_zone_is_changed_in_place(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    zone_id = await add(hass, hub)
    zone = hub.runtime_data.zones[zone_id]
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "limits")
    result = await answer(hass, flow, changed(limits={"target_level": 97}))
    assert result["errors"] == {"target_level": "target_not_below_max"}
    result = await answer(hass, flow, changed(limits={"target_level": 70}))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert hub.runtime_data.zones[zone_id] is zone
    assert zone.settings.rules.target_level == 70
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "pumps")
    result = await answer(hass, flow, changed(name="Room", pumps={"drain": None}))
    assert result["reason"] == "reconfigure_successful"
    assert (zone.name, zone.settings.rules.target_level) == ("Room", 70)
    assert set(map(str, zone.pumps)) == {"recirculation", "fill"}
    assert set(hub.runtime_data.pumps.switches) == {"switch.recirc", "switch.fill"}


@pytest.mark.usefixtures("house")
async def test_entities_that_are_gone_are_not_offered_again(
    hass: HomeAssistant, hub: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    level = entity_registry.async_get_or_create("sensor", "test", "level")
    zone_id = await add(hass, hub, changed(sensors={"level": level.entity_id}))
    entity_registry.async_remove(level.entity_id)
    await hass.async_block_till_done()
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "pumps")
    shown = suggested(flow)
    assert "level" not in shown
    assert (shown["name"], shown["drain"], shown["ec"]) == ("Tent", "switch.drain", "sensor.ec")


@pytest.mark.usefixtures("house")
async def test_a_zone_that_changes_its_water_is_not_reconfigured(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    zone_id = await add(hass, hub)
    zone = hub.runtime_data.zones[zone_id]
    await zone.async_start_change()
    result = await reconfigure(hass, hub, zone_id)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "water_change_running"


@pytest.mark.usefixtures("house")
async def test_a_zone_is_added_to_a_hub_that_is_not_loaded(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    zone_id = await add(hass, hub)
    assert await hass.config_entries.async_unload(hub.entry_id)
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "pumps")
    result = await answer(hass, flow, changed(name="Later"))
    assert result["reason"] == "reconfigure_successful"
    assert await hass.config_entries.async_setup(hub.entry_id)
    await hass.async_block_till_done()
    assert hub.runtime_data.zones[zone_id].name == "Later"


@pytest.mark.usefixtures("house")
async def test_a_zone_that_is_deleted_leaves_nothing(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    hass_storage: dict[str, Any],
) -> None:
    zone_id = await add(hass, hub)
    device_id = hub.runtime_data.zones[zone_id].device_id
    assert zone_id in hass_storage[f"{DOMAIN}.{hub.entry_id}.zones"]["data"]["zones"]
    hass.config_entries.async_remove_subentry(hub, zone_id)
    await hass.async_block_till_done()
    assert device_registry.async_get(device_id) is None
    assert hass.states.get("sensor.tent_state") is None
    assert hub.runtime_data.zones == {}
    assert hub.runtime_data.pumps.switches == {}
    assert hass_storage[f"{DOMAIN}.{hub.entry_id}.zones"]["data"]["zones"] == {}


@pytest.mark.usefixtures("house")
async def test_pumps_whose_switch_opens_the_contact_are_named_and_only_those_of_other_people(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    ours = entity_registry.async_get_or_create("switch", DOMAIN, f"{node.uid}-pump_drain:pump", config_entry=hub)
    flow = await start(hass, hub)
    wrong = changed(pumps={"drain": None, "pumps_inverted": ["drain"]})
    result = await answer(hass, flow, wrong)
    assert result["errors"] == {"pumps_inverted": "inverted_without_pump"}
    result = await answer(hass, flow, changed(pumps={"drain": ours.entity_id, "pumps_inverted": ["drain"]}))
    assert result["errors"] == {"pumps_inverted": "inverted_of_device"}
    result = await answer(hass, flow, changed(pumps={"pumps_inverted": ["recirculation"]}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    zone_id = str(list(hub.subentries)[-1])
    assert hub.subentries[zone_id].data["pumps"] == SWITCHES | {"pumps_inverted": ["recirculation"]}
    result = await answer(hass, await start(hass, hub), changed(name="Other", pumps={"pumps_inverted": []}))
    assert result["errors"]["drain"] == "pump_of_other_zone"


@pytest.mark.usefixtures("house")
async def test_a_fill_rate_needs_the_volume_of_the_tank(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    flow = await start(hass, hub)
    result = await answer(hass, flow, changed(limits={"fill_rate": 6}))
    assert result["errors"] == {"tank_volume": "volume_for_rate"}
    result = await answer(hass, flow, changed(limits={"fill_rate": 6, "tank_volume": 20}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    zone = hub.runtime_data.zones[str(list(hub.subentries)[-1])]
    assert zone.settings.rules.fill_rate == 0.5


def unit(hass: HomeAssistant, entity_id: str, unit: str | None, state: str = "40") -> None:
    """Give a sensor a unit."""
    hass.states.async_set(entity_id, state, {} if unit is None else {"unit_of_measurement": unit})


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("what", "unit_of", "field", "error"),
    [
        ("level", "hPa", "level", "unit_of_level"),
        ("level", None, "level", "unit_of_level"),
        ("level", "cm", "tank_height", "height_missing"),
        ("level", "L", "tank_volume", "volume_missing"),
        ("ec", "ppm", "ec", "unit_of_ec"),
        ("ph", "mV", "ph", "unit_of_ph"),
        ("flow", "Hz", "flow", "unit_of_flow"),
        ("temperature", "%", "temperature", "unit_of_temperature"),
    ],
)
async def test_a_sensor_whose_unit_is_not_understood_is_refused_where_it_is_chosen(
    hass: HomeAssistant, hub: MockConfigEntry, what: str, unit_of: str | None, field: str, error: str
) -> None:
    unit(hass, "sensor.odd", unit_of)
    result = await answer(hass, await start(hass, hub), changed(sensors={what: "sensor.odd"}))
    assert result["errors"] == {field: error}


@pytest.mark.usefixtures("house")
async def test_a_unit_is_asked_of_the_registry_where_the_sensor_is_away_and_not_judged_where_nobody_knows_it(
    hass: HomeAssistant, hub: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    away = entity_registry.async_get_or_create("sensor", "test", "away", unit_of_measurement="hPa").entity_id
    result = await answer(hass, await start(hass, hub), changed(sensors={"level": away}))
    assert result["errors"] == {"level": "unit_of_level"}
    unit(hass, "sensor.mute", None, "unavailable")
    await add(hass, hub, changed(sensors={"level": "sensor.mute"}))


@pytest.mark.usefixtures("house")
async def test_a_distance_from_above_needs_a_length_and_the_height_of_the_tank(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    flow = await start(hass, hub)
    above = {"sensors": {"level_from_above": True}}
    result = await answer(hass, flow, changed(**above))
    assert result["errors"] == {"level_from_above": "not_a_distance"}
    unit(hass, "sensor.level", "cm", "15")
    result = await answer(hass, flow, changed(**above))
    assert result["errors"] == {"tank_height": "height_missing"}
    result = await answer(hass, flow, changed(**above, limits={"tank_height": 50, "sensor_gap": 5}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    zone = hub.runtime_data.zones[str(list(hub.subentries)[-1])]
    assert zone.value("level") == 80.0


async def ask(hass: HomeAssistant, hub: MockConfigEntry) -> Any:
    """Begin to add a zone, at its very first step."""
    return await hass.config_entries.subentries.async_init(
        (hub.entry_id, SUBENTRY_ZONE), context={"source": SOURCE_USER}
    )


async def test_a_pump_node_fills_in_what_its_zone_is_made_of(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    hub: MockConfigEntry,
    area_registry: ar.AreaRegistry,
    device_registry: dr.DeviceRegistry,
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    area = area_registry.async_create("Greenhouse").id
    device_registry.async_update_device(hub.runtime_data.devices[node.uid].device_id, area_id=area)
    flow = await ask(hass, hub)
    assert (flow["step_id"], flow["data_schema"]({})) == ("user", {"node": node.uid})
    options = flow["data_schema"].schema["node"].config["options"]
    assert options[0] == {"value": node.uid, "label": "Greenhouse · Rack A"}
    assert options[1] == {"value": "none", "label": "No node: other switches and sensors"}
    flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], {"node": node.uid})
    shown = suggested(flow)
    entities = er.async_get(hass)
    assert {
        name: entities.async_get(shown[name]).unique_id for name in ("recirculation", "fill", "drain", "level")
    } == {
        "recirculation": f"{node.uid}-pump_recirc:pump",
        "fill": f"{node.uid}-pump_fill:pump",
        "drain": f"{node.uid}-pump_drain:pump",
        "level": f"{node.uid}-water_level",
    }
    assert (shown["name"], shown["area"]) == ("Rack A", area)
    # All that is filled in may stand as it is: three times *Submit*.
    for _ in range(3):
        values = {name: value for name, value in suggested(flow).items() if value is not None}
        flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], values)
        await hass.async_block_till_done()
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    zone = next(iter(hub.runtime_data.zones.values()))
    assert {str(role): pump.channel for role, pump in zone.pumps.items()} == {
        "recirculation": "pump_recirc",
        "fill": "pump_fill",
        "drain": "pump_drain",
    }
    assert zone.registered.area_id == area
    # The node is used now, and its name as well.
    flow = await ask(hass, hub)
    flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], {"node": node.uid})
    assert suggested(flow)["name"] == "Rack A 2"


async def test_the_node_that_is_offered_first_is_one_that_has_no_zone_yet(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, say: Say
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    await say("rack_b", "info", INFO, retain=True)
    await hub.runtime_data.async_approve(["rack_b"])
    await hass.async_block_till_done()
    flow = await ask(hass, hub)
    flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], {"node": node.uid})
    for _ in range(3):
        flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], suggested(flow))
        await hass.async_block_till_done()
    flow = await ask(hass, hub)
    assert flow["data_schema"]({}) == {"node": "rack_b"}


async def test_a_node_that_is_deleted_while_its_form_is_open_fills_in_nothing(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    flow = await ask(hass, hub)
    await hub.runtime_data.async_forget(node.uid)
    flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], {"node": node.uid})
    assert (flow["step_id"], "name" in suggested(flow)) == ("pumps", False)


@pytest.mark.usefixtures("house")
async def test_pickers_offer_pumps_and_no_settings(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    setting = entity_registry.async_get_or_create("switch", "shelly", "led", entity_category=EntityCategory.CONFIG)
    plug = entity_registry.async_get_or_create("switch", "shelly", "plug")
    hass.states.async_set(setting.entity_id, "on")
    hass.states.async_set(plug.entity_id, "on")
    flow = await start(hass, hub)
    offered = flow["data_schema"].schema["drain"].config["include_entities"]
    pumps = [
        entity_registry.async_get_entity_id("switch", DOMAIN, f"{node.uid}-pump_{one}:pump")
        for one in ("recirc", "fill", "drain")
    ]
    assert offered[:3] == pumps
    assert {*offered[3:]} == {*SWITCHES.values(), plug.entity_id}


@pytest.mark.usefixtures("house")
async def test_limits_of_ph_and_ec_are_offered_where_they_are_measured_and_can_be_taken_out(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    flow = await start(hass, hub)
    flow = await hass.config_entries.subentries.async_configure(flow["flow_id"], of_step("pumps", INPUT))
    shown = suggested(flow)
    assert (shown["ec_low"], shown["ec_high"], "ph_low" in shown) == (0.8, 3.0, False)
    await answer(hass, flow, INPUT)
    zone = next(iter(hub.runtime_data.zones.values()))
    assert (zone.settings.ec.low, zone.settings.ec.high) == (None, None)


@pytest.mark.usefixtures("house")
async def test_automatic_operation_is_asked_for_and_shown_as_it_is(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    zone_id = await add(hass, hub, changed(water_cycle={"automatic": True, "interval_days": 7}))
    zone = hub.runtime_data.zones[zone_id]
    assert zone.memory.automatic
    assert hass.states.get("switch.tent_automatic_operation").state == "on"
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "cycle")
    assert suggested(flow)["automatic"] is True
    await answer(hass, flow, changed(water_cycle={"automatic": False}))
    assert not zone.memory.automatic
    # What people switch afterwards is not undone by a start.
    assert "automatic" not in hub.subentries[zone_id].data["water_cycle"]


@pytest.mark.usefixtures("house")
async def test_a_zone_moves_to_another_room_by_its_form(
    hass: HomeAssistant, hub: MockConfigEntry, area_registry: ar.AreaRegistry
) -> None:
    garage, cellar = (area_registry.async_create(name).id for name in ("Garage", "Cellar"))
    zone_id = await add(hass, hub, INPUT | {"area": garage})
    zone = hub.runtime_data.zones[zone_id]
    assert zone.registered.area_id == garage
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "pumps")
    assert suggested(flow)["area"] == garage
    await answer(hass, flow, INPUT | {"area": cellar})
    assert zone.registered.area_id == cellar
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "pumps")
    await answer(hass, flow, INPUT)
    assert zone.registered.area_id is None


@pytest.mark.usefixtures("house")
async def test_a_share_of_earlier_versions_is_shown_in_minutes(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    zone_id = await add(hass, hub)
    subentry = hub.subentries[zone_id]
    share = {"from": "22:00", "to": "06:00", "duty_cycle": 0.5}
    data = {**subentry.data, "water_cycle": {**subentry.data["water_cycle"], "schedule": [share]}}
    hass.config_entries.async_update_subentry(hub, subentry, data=data)
    await hass.async_block_till_done()
    zone = hub.runtime_data.zones[zone_id]
    assert [one.duty_cycle for one in zone.settings.rules.windows] == [0.5]
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "cycle")
    shown = suggested(flow)["schedule"]
    assert shown == [{"from": "22:00", "to": "06:00", "on_minutes": 15.0, "off_minutes": 15.0}]
    await answer(hass, flow, changed(water_cycle={"schedule": shown}))
    assert [(one.on_s, one.off_s) for one in zone.settings.rules.windows] == [(900.0, 900.0)]


@pytest.mark.usefixtures("house")
async def test_what_is_chosen_in_one_step_leads_to_the_step_that_it_wants_something_of(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    zone_id = await add(hass, hub)
    unit(hass, "sensor.level", "cm", "15")
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "pumps")
    result = await answer(hass, flow, INPUT)
    assert (result["step_id"], result["errors"]) == ("limits", {"tank_height": "height_missing"})
    result = await answer(hass, result, changed(limits={"tank_height": 50}))
    assert result["reason"] == "reconfigure_successful"
    assert hub.runtime_data.zones[zone_id].settings.tank.height_cm == 50


@pytest.mark.usefixtures("house")
async def test_forms_speak_the_units_of_the_house(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    zone_id = await add(hass, hub, changed(limits={"tank_volume": 100, "tank_height": 50}))
    hass.config.units = US_CUSTOMARY_SYSTEM
    flow = await choose(hass, await reconfigure(hass, hub, zone_id), "limits")
    fields = flow["data_schema"].schema
    assert [fields[one].config["unit_of_measurement"] for one in ("tank_volume", "tank_height")] == ["gal", "in"]
    assert (suggested(flow)["tank_volume"], suggested(flow)["tank_height"]) == (26.42, 19.69)
    await answer(hass, flow, changed(limits={"tank_volume": 26.42, "tank_height": 20}))
    stored = hub.subentries[zone_id].data["limits"]
    # What was left as it was shown is what it was, to the last digit.
    assert (stored["tank_volume"], stored["tank_height"]) == (100, 50.8)
