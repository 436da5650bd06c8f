"""Zones are added, changed and deleted by their owner; what is wrong is said at its field and loses nothing."""

from typing import Any

from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.const import DOMAIN, SUBENTRY_ZONE

from .pump_node import begin

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


async def start(hass: HomeAssistant, hub: MockConfigEntry) -> Any:
    result = await hass.config_entries.subentries.async_init(
        (hub.entry_id, SUBENTRY_ZONE), context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    return result


async def answer(hass: HomeAssistant, flow: Any, user_input: dict[str, Any]) -> Any:
    result = await hass.config_entries.subentries.async_configure(flow["flow_id"], user_input)
    await hass.async_block_till_done()
    return result


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


_WINDOW = {"from": "00:00", "to": "23:59", "duty_cycle": 0.5}
WRONG = [
    ({CONF_NAME: "  "}, CONF_NAME, "name_missing", None),
    ({"pumps": {"drain": "switch.fill"}}, "drain", "pump_twice", "pumps"),
    ({"limits": {"empty_level": 10}}, "empty_level", "empty_not_above_min", "limits"),
    ({"limits": {"target_level": 15}}, "target_level", "target_not_above_empty", "limits"),
    ({"limits": {"target_level": 95}}, "target_level", "target_not_below_max", "limits"),
    ({"limits": {"ph_low": 6.5, "ph_high": 6.0}}, "ph_high", "high_not_above_low", "limits"),
    ({"limits": {"ec_low": 2.0, "ec_high": 2.0}}, "ec_high", "high_not_above_low", "limits"),
    (
        {"sensors": {"ec": None}, "water_cycle": {"ec_drift_threshold": 20}},
        "ec_drift_threshold",
        "drift_without_ec",
        "water_cycle",
    ),
    ({"water_cycle": {"time_of_day": "9:30"}}, "time_of_day", "time_unreadable", "water_cycle"),
    *(
        ({"water_cycle": {"schedule": [_WINDOW | odd]}}, "schedule", "schedule_unreadable", "water_cycle")
        for odd in ({"from": "7:05"}, {"duty_cycle": "0.5"})
    ),
    ({"water_cycle": {"fill_timeout_minutes": "nan"}}, "fill_timeout_minutes", "not_a_number", "water_cycle"),
    ({"limits": {"stale_after": "nan"}}, "stale_after", "not_a_number", "limits"),
    (
        {
            "pumps": {"fill": None, "drain": None, "recirculation": None},
            "sensors": {"level": None, "ec": None},
        },
        "base",
        "nothing_chosen",
        None,
    ),
]


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(("wrong", "field", "error", "folded"), WRONG, ids=[one[2] + "_" + one[1] for one in WRONG])
async def test_what_is_wrong_is_said_at_its_field_and_can_be_put_right(
    hass: HomeAssistant, hub: MockConfigEntry, wrong: dict[str, Any], field: str, error: str, folded: str | None
) -> None:
    flow = await start(hass, hub)
    result = await answer(hass, flow, changed(**wrong))
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == {field: error} | ({folded: error} if folded else {})
    assert hub.subentries == {}
    result = await answer(hass, flow, INPUT)
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
        "pumps": "pump_of_other_zone",
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
    flow = await reconfigure(hass, hub, zone_id)
    assert flow["type"] is FlowResultType.FORM
    result = await answer(hass, flow, changed(limits={"target_level": 97}))
    assert result["errors"] == {"target_level": "target_not_below_max", "limits": "target_not_below_max"}
    result = await answer(hass, flow, changed(name="Room", limits={"target_level": 70}, pumps={"drain": None}))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    assert hub.runtime_data.zones[zone_id] is zone
    assert zone.name == "Room"
    assert zone.settings.rules.target_level == 70
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
    flow = await reconfigure(hass, hub, zone_id)
    fields = {str(key): value for key, value in flow["data_schema"].schema.items()}
    level_field = next(key for key in fields["sensors"].schema.schema if key == "level")
    assert level_field.description is None or "suggested_value" not in level_field.description
    pump_field = next(key for key in fields["pumps"].schema.schema if key == "drain")
    assert pump_field.description == {"suggested_value": "switch.drain"}


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
    flow = await reconfigure(hass, hub, zone_id)
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
    flow = await start(hass, hub)
    wrong = changed(pumps={"drain": None, "pumps_inverted": ["drain"]})
    result = await answer(hass, flow, wrong)
    assert result["errors"] == {"pumps_inverted": "inverted_without_pump", "pumps": "inverted_without_pump"}
    node = await begin(hass, broker, hub.runtime_data)
    ours = entity_registry.async_get_or_create("switch", DOMAIN, f"{node.uid}-pump_drain:pump", config_entry=hub)
    result = await answer(hass, flow, changed(pumps={"drain": ours.entity_id, "pumps_inverted": ["drain"]}))
    assert result["errors"] == {"pumps_inverted": "inverted_of_device", "pumps": "inverted_of_device"}
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
    assert result["errors"] == {"tank_volume": "volume_for_rate", "limits": "volume_for_rate"}
    result = await answer(hass, flow, changed(limits={"fill_rate": 6, "tank_volume": 20}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    zone = hub.runtime_data.zones[str(list(hub.subentries)[-1])]
    assert zone.settings.rules.fill_rate == 0.5


def unit(hass: HomeAssistant, entity_id: str, unit: str | None, state: str = "40") -> None:
    """Give a sensor a unit."""
    hass.states.async_set(entity_id, state, {} if unit is None else {"unit_of_measurement": unit})


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("what", "unit_of", "field", "error", "section"),
    [
        ("level", "hPa", "level", "unit_of_level", "sensors"),
        ("level", None, "level", "unit_of_level", "sensors"),
        ("level", "cm", "tank_height", "height_missing", "limits"),
        ("level", "L", "tank_volume", "volume_missing", "limits"),
        ("ec", "ppm", "ec", "unit_of_ec", "sensors"),
        ("ph", "mV", "ph", "unit_of_ph", "sensors"),
        ("flow", "Hz", "flow", "unit_of_flow", "sensors"),
        ("temperature", "%", "temperature", "unit_of_temperature", "sensors"),
    ],
)
async def test_a_sensor_whose_unit_is_not_understood_is_refused_where_it_is_chosen(
    hass: HomeAssistant, hub: MockConfigEntry, what: str, unit_of: str | None, field: str, error: str, section: str
) -> None:
    unit(hass, "sensor.odd", unit_of)
    result = await answer(hass, await start(hass, hub), changed(sensors={what: "sensor.odd"}))
    assert result["errors"] == {field: error, section: error}


@pytest.mark.usefixtures("house")
async def test_a_unit_is_asked_of_the_registry_where_the_sensor_is_away_and_not_judged_where_nobody_knows_it(
    hass: HomeAssistant, hub: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    away = entity_registry.async_get_or_create("sensor", "test", "away", unit_of_measurement="hPa").entity_id
    result = await answer(hass, await start(hass, hub), changed(sensors={"level": away}))
    assert result["errors"] == {"level": "unit_of_level", "sensors": "unit_of_level"}
    unit(hass, "sensor.mute", None, "unavailable")
    await add(hass, hub, changed(sensors={"level": "sensor.mute"}))


@pytest.mark.usefixtures("house")
async def test_a_distance_from_above_needs_a_length_and_the_height_of_the_tank(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    flow = await start(hass, hub)
    above = {"sensors": {"level_from_above": True}}
    result = await answer(hass, flow, changed(**above))
    assert result["errors"] == {"level_from_above": "not_a_distance", "sensors": "not_a_distance"}
    unit(hass, "sensor.level", "cm", "15")
    result = await answer(hass, flow, changed(**above))
    assert result["errors"] == {"tank_height": "height_missing", "limits": "height_missing"}
    result = await answer(hass, flow, changed(**above, limits={"tank_height": 50, "sensor_gap": 5}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    zone = hub.runtime_data.zones[str(list(hub.subentries)[-1])]
    assert zone.value("level") == 80.0
