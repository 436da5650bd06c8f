"""The dashboard: made once, told what the registries do not know, and gone with the last hub."""

from pathlib import Path
from typing import Any

from homeassistant.auth.models import User
from homeassistant.auth.permissions import PermissionLookup, PolicyPermissions
from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL, UrlManager
from homeassistant.components.lovelace.const import LOVELACE_DATA
from homeassistant.config_entries import SOURCE_MQTT, SOURCE_USER, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.service_info.mqtt import MqttServiceInfo
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    MqttMockHAClient,
    WebSocketGenerator,
)

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.dashboard import sidebar
from custom_components.smartair.dashboard.facts import facts
from custom_components.smartair.dashboard.modules import FOLDER, digest
from custom_components.smartair.dashboard.sidebar import PATH
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pysmartair import Code, Severity

from .conftest import CO2_INFO, Say, hub_entry
from .pump_node import Node
from .zone_rack import add_zone, settings

STRATEGY = {"strategy": {"type": "custom:smartair"}}
MOST_BYTES = 2000


@pytest.fixture
async def lovelace(hass: HomeAssistant) -> Any:
    """Home Assistant's dashboards, and as much of its frontend as a module needs to be loaded by it."""
    assert await async_setup_component(hass, "lovelace", {})
    hass.config.components.add("frontend")
    hass.data[DATA_EXTRA_MODULE_URL] = UrlManager(lambda _kind, _url: None, [])
    return hass.data[LOVELACE_DATA]


@pytest.fixture
async def shown(lovelace: Any, hub: MockConfigEntry) -> Any:
    """The dashboards once a hub is loaded."""
    assert PATH in lovelace.dashboards
    return lovelace


async def config_of(lovelace: Any) -> Any:
    return await lovelace.dashboards[PATH].async_load(False)


def break_collection(hass: HomeAssistant) -> None:
    """Have Home Assistant keep its dashboards where nobody finds them."""
    del hass.data["websocket_api"]["lovelace/dashboards/list"]


async def delete(hass: HomeAssistant) -> None:
    """Delete the dashboard as its owner does."""
    collection = hass.data["websocket_api"]["lovelace/dashboards/list"][0].__self__.storage_collection
    await collection.async_delete_item(hass.data[LOVELACE_DATA].dashboards[PATH].config["id"])


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()


# --- the sidebar --------------------------------------------------------------------------------


async def test_the_first_hub_brings_a_dashboard_that_everybody_sees(shown: Any) -> None:
    assert await config_of(shown) == STRATEGY
    item = shown.dashboards[PATH].config
    assert (item["title"], item["show_in_sidebar"], item["require_admin"]) == ("SmartAir", True, False)


async def test_a_dashboard_that_was_deleted_stays_deleted(
    hass: HomeAssistant, shown: Any, hub: MockConfigEntry
) -> None:
    await delete(hass)
    await reload(hass, hub)
    assert PATH not in shown.dashboards


async def test_a_dashboard_that_was_taken_control_of_is_left_alone(
    hass: HomeAssistant, shown: Any, hub: MockConfigEntry
) -> None:
    own = {"views": [{"title": "Mine"}]}
    await shown.dashboards[PATH].async_save(own)
    await reload(hass, hub)
    await hass.config_entries.async_remove(hub.entry_id)
    assert await config_of(shown) == own


async def test_a_dashboard_without_a_configuration_is_nobodys_to_delete(
    hass: HomeAssistant, shown: Any, hub: MockConfigEntry
) -> None:
    await shown.dashboards[PATH].async_save(None)
    await hass.config_entries.async_remove(hub.entry_id)
    assert PATH in shown.dashboards


async def test_the_last_hub_takes_dashboard_and_modules_along(
    hass: HomeAssistant, shown: Any, hub: MockConfigEntry
) -> None:
    second = hub_entry(root="site2")
    second.add_to_hass(hass)
    assert await hass.config_entries.async_setup(second.entry_id)
    await hass.config_entries.async_remove(hub.entry_id)
    assert PATH in shown.dashboards
    await hass.config_entries.async_remove(second.entry_id)
    assert PATH not in shown.dashboards
    assert shown.resources.async_items() == []
    assert hass.data[DATA_EXTRA_MODULE_URL].urls == frozenset()


async def test_a_hub_that_comes_after_the_last_one_went_brings_the_dashboard_again(
    hass: HomeAssistant, shown: Any, hub: MockConfigEntry
) -> None:
    await hass.config_entries.async_remove(hub.entry_id)
    again = hub_entry()
    again.add_to_hass(hass)
    assert await hass.config_entries.async_setup(again.entry_id)
    assert await config_of(shown) == STRATEGY
    assert len(shown.resources.async_items()) == 1


async def test_a_hub_is_set_up_and_removed_where_home_assistant_keeps_its_dashboards_elsewhere(
    hass: HomeAssistant,
    lovelace: Any,
    broker: MqttMockHAClient,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    break_collection(hass)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert PATH not in lovelace.dashboards
    assert "Add it under Settings > Dashboards" in caplog.text
    await hass.config_entries.async_remove(entry.entry_id)


@pytest.mark.parametrize("broken", ["create", "save", "nothing"])
async def test_a_hub_is_set_up_where_the_dashboard_is_refused(
    hass: HomeAssistant,
    lovelace: Any,
    broker: MqttMockHAClient,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    collection = hass.data["websocket_api"]["lovelace/dashboards/list"][0].__self__.storage_collection
    if broken == "create":
        monkeypatch.setattr(collection, "async_create_item", None)
    elif broken == "save":
        monkeypatch.setattr("homeassistant.components.lovelace.dashboard.LovelaceStorage.async_save", None)
    else:

        async def ignore(_item: dict[str, Any]) -> None:
            """Take a dashboard and make none of it."""

        monkeypatch.setattr(collection, "async_create_item", ignore)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert "Add it under Settings > Dashboards" in caplog.text
    caplog.clear()


@pytest.mark.usefixtures("hub")
async def test_nothing_is_made_without_a_frontend(hass: HomeAssistant) -> None:
    assert not sidebar(hass).shown
    assert await sidebar(hass).async_hide()
    assert not await sidebar(hass).async_is_ours()


async def test_what_goes_wrong_with_the_modules_holds_up_no_hub(
    hass: HomeAssistant,
    lovelace: Any,
    broker: MqttMockHAClient,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lovelace.resources, "async_get_info", None)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert "The dashboard cannot be set up" in caplog.text
    await hass.config_entries.async_remove(entry.entry_id)
    assert "The dashboard cannot be removed" in caplog.text
    caplog.clear()


# --- the modules --------------------------------------------------------------------------------


async def test_the_modules_are_served_under_a_path_that_follows_their_contents(
    hass: HomeAssistant, shown: Any, hass_client_no_auth: ClientSessionGenerator
) -> None:
    (resource,) = shown.resources.async_items()
    assert resource["url"] == f"/smartair_frontend/{digest(FOLDER)}/smartair.js"
    assert hass.data[DATA_EXTRA_MODULE_URL].urls == {resource["url"]}
    client = await hass_client_no_auth()
    for path in FOLDER.iterdir():
        answer = await client.get(resource["url"].replace("smartair.js", path.name))
        assert await answer.read() == path.read_bytes()
        assert answer.content_type in {"text/javascript", "application/javascript"}


def test_the_path_changes_with_a_file_and_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("1")
    first = digest(tmp_path)
    (tmp_path / "one.js").write_text("2")
    second = digest(tmp_path)
    (tmp_path / "one.js").rename(tmp_path / "two.js")
    assert len({first, second, digest(tmp_path)}) == 3


async def test_an_update_replaces_the_resource_and_leaves_those_of_others(
    hass: HomeAssistant, lovelace: Any, broker: MqttMockHAClient, entry: MockConfigEntry
) -> None:
    for url in ("/local/mine.js", "/smartair_frontend/old/smartair.js", "/smartair_frontend/older/smartair.js"):
        await lovelace.resources.async_create_item({"res_type": "module", "url": url})
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    urls = [one["url"] for one in lovelace.resources.async_items()]
    assert urls == ["/local/mine.js", f"/smartair_frontend/{digest(FOLDER)}/smartair.js"]


async def test_resources_of_yaml_are_not_touched(
    hass: HomeAssistant, broker: MqttMockHAClient, entry: MockConfigEntry
) -> None:
    own = {"resource_mode": "yaml", "resources": [{"type": "module", "url": "/somewhere/mine.js"}]}
    assert await async_setup_component(hass, "lovelace", {"lovelace": own})
    hass.config.components.add("frontend")
    hass.data[DATA_EXTRA_MODULE_URL] = UrlManager(lambda _kind, _url: None, [])
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert [one["url"] for one in hass.data[LOVELACE_DATA].resources.async_items()] == ["/somewhere/mine.js"]
    assert len(hass.data[DATA_EXTRA_MODULE_URL].urls) == 1


def test_what_every_page_loads_is_small() -> None:
    assert (FOLDER / "smartair.js").stat().st_size < MOST_BYTES


# --- the option ---------------------------------------------------------------------------------


async def answer(hass: HomeAssistant, hub: MockConfigEntry, *, wanted: bool) -> ConfigFlowResult:
    """Open the option and answer it."""
    menu = await hass.config_entries.options.async_init(hub.entry_id)
    form = await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "dashboard"})
    return await hass.config_entries.options.async_configure(form["flow_id"], {"in_sidebar": wanted})


async def test_the_option_takes_the_dashboard_away_and_brings_it_back(
    hass: HomeAssistant, shown: Any, hub: MockConfigEntry
) -> None:
    before = dict(hub.options)
    for _ in range(2):
        assert (await answer(hass, hub, wanted=False))["type"] is FlowResultType.CREATE_ENTRY
        assert PATH not in shown.dashboards
    await reload(hass, hub)
    assert PATH not in shown.dashboards
    for _ in range(2):
        assert (await answer(hass, hub, wanted=True))["type"] is FlowResultType.CREATE_ENTRY
        assert await config_of(shown) == STRATEGY
    assert dict(hub.options) == before


async def test_the_option_shows_what_is_there(hass: HomeAssistant, shown: Any, hub: MockConfigEntry) -> None:
    await delete(hass)
    menu = await hass.config_entries.options.async_init(hub.entry_id)
    form = await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "dashboard"})
    assert form["data_schema"] is not None
    (field,) = form["data_schema"].schema
    assert field.description == {"suggested_value": False}


async def test_the_option_deletes_no_dashboard_that_was_taken_control_of(
    hass: HomeAssistant, shown: Any, hub: MockConfigEntry
) -> None:
    await shown.dashboards[PATH].async_save({"views": []})
    result = await answer(hass, hub, wanted=False)
    assert result["errors"] == {"base": "dashboard_changed"}
    result = await hass.config_entries.options.async_configure(result["flow_id"], {"in_sidebar": True})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_the_option_says_where_else_the_dashboard_is_to_be_had(
    hass: HomeAssistant, shown: Any, hub: MockConfigEntry
) -> None:
    await delete(hass)
    handler = hass.data["websocket_api"].pop("lovelace/dashboards/list")
    result = await answer(hass, hub, wanted=True)
    assert result["errors"] == {"base": "dashboard_not_made"}
    hass.data["websocket_api"]["lovelace/dashboards/list"] = handler
    result = await hass.config_entries.options.async_configure(result["flow_id"], {"in_sidebar": True})
    assert result["type"] is FlowResultType.CREATE_ENTRY


# --- the facts ----------------------------------------------------------------------------------


def reader(hass: HomeAssistant, *entities: str) -> User:
    """Return a user who may read these entities and no others."""
    user: User = MockUser().add_to_hass(hass)
    granted = {"entity_ids": {entity: {"read": True} for entity in entities}}
    user.permissions = PolicyPermissions(
        {"entities": granted}, PermissionLookup(er.async_get(hass), dr.async_get(hass))
    )
    return user


def owner(hass: HomeAssistant) -> User:
    found: User = MockUser(is_owner=True).add_to_hass(hass)
    return found


def sensor(hass: HomeAssistant, unique_id: str) -> str:
    """Return the entity id of a sensor."""
    found = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)
    assert found is not None
    return found


async def test_the_browser_is_told_the_limits_in_force(
    hass: HomeAssistant, co2: str, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "smartair/dashboard"})
    told = (await client.receive_json())["result"]
    assert told["limits"][sensor(hass, "co2_001-co2")] == {"high": 1000, "low": None, "hysteresis": 100}
    assert told["limits"][sensor(hass, "co2_001-temperature")] == {"high": 27, "low": 18, "hysteresis": 0.5}
    assert told["hidden"] == []


async def test_a_limit_with_a_night_of_its_own_is_told_with_it(
    hass: HomeAssistant, co2: str, house: SmartAirHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = house.limits.bounds

    def nightly(device: Any, metric: str) -> Any:
        found = usual(device, metric)
        return type(found)(high=1000, hysteresis=100, night_high=800) if metric == "co2" else found

    monkeypatch.setattr(house.limits, "bounds", nightly)
    told = facts(hass, owner(hass))["limits"][sensor(hass, "co2_001-co2")]
    assert (told["night_high"], told["night_begin"], told["night_end"]) == (800, "22:00", "07:00")


async def test_a_zone_is_told_with_pumps_and_sensors_of_any_integration(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, node: Node
) -> None:
    hass.states.async_set("sensor.tank", "80", {"unit_of_measurement": "%"})
    found = settings(hass, hub)
    found["sensors"]["level"] = "sensor.tank"
    found["limits"] |= {"ph_low": 5.5, "ph_high": 6.5}
    zone = await add_zone(hass, hub, found)
    (told,) = facts(hass, owner(hass))["zones"]
    assert (told["name"], told["device_id"]) == (zone.name, zone.device_id)
    assert told["pumps"]["fill"] == house.pumps["rack_a", "pump_fill"].entity_id
    assert told["sensors"]["level"] == "sensor.tank"
    assert told["ph"] == {"low": 5.5, "high": 6.5}
    assert told["level"]["low"] < told["level"]["target"] < told["level"]["high"]


async def test_nobody_is_told_what_they_may_not_read(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, co2: str, node: Node
) -> None:
    await add_zone(hass, hub, settings(hass, hub))
    told = facts(hass, reader(hass, sensor(hass, "co2_001-temperature")))
    assert set(told["limits"]) == {sensor(hass, "co2_001-temperature")}
    assert told["zones"] == []
    assert sensor(hass, "co2_001-co2") in told["hidden"]
    assert sensor(hass, "co2_001-temperature") not in told["hidden"]


async def test_who_may_read_one_entity_of_a_zone_sees_the_zone_without_its_pumps(
    hass: HomeAssistant, hub: MockConfigEntry, house: SmartAirHub, node: Node
) -> None:
    zone = await add_zone(hass, hub, settings(hass, hub))
    (told,) = facts(hass, reader(hass, sensor(hass, f"{zone.unique_prefix}state")))["zones"]
    assert (told["pumps"], told["sensors"]) == ({}, {})


async def test_devices_with_the_worst_alerts_come_first_and_then_the_newest(
    hass: HomeAssistant, house: SmartAirHub, say: Say
) -> None:
    for number in range(4):
        uid = f"co2_00{number}"
        await say(uid, "info", {**CO2_INFO, "device_uid": uid}, retain=True)
        await house.async_approve([uid])
    house.alerts.async_raise(Code.CO2_HIGH, uid="co2_001", severity=Severity.WARNING)
    house.alerts.async_raise(Code.CO2_HIGH, uid="co2_002", severity=Severity.CRITICAL)
    first = [house.devices.by_id(one) for one in facts(hass, owner(hass))["first"]]
    assert [one and one.uid for one in first] == ["co2_002", "co2_001", "co2_003", "co2_000"]


async def test_the_hub_counts_its_alerts_by_severity_and_the_devices_that_are_away(
    hass: HomeAssistant, house: SmartAirHub, co2: str
) -> None:
    house.alerts.async_raise(Code.CO2_HIGH, uid=co2, severity=Severity.CRITICAL)
    house.alerts.async_raise(Code.DEVICE_OFFLINE, uid=co2)
    await hass.async_block_till_done()
    state = hass.states.get("sensor.smartair_active_alerts")
    assert state is not None
    counted = {name: state.attributes[name] for name in ("critical", "warning", "info", "offline")}
    assert counted == {"critical": 1, "warning": 1, "info": 0, "offline": 1}


# --- with the first hub -------------------------------------------------------------------------


async def by_hand(hass: HomeAssistant, **answers: Any) -> ConfigFlowResult:
    """Add a hub by hand."""
    form = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    return await hass.config_entries.flow.async_configure(form["flow_id"], {"topic_root": "devices", **answers})


@pytest.mark.usefixtures("broker")
async def test_the_dashboard_is_offered_with_the_first_hub_and_is_there_unless_declined(
    hass: HomeAssistant, lovelace: Any
) -> None:
    result = await by_hand(hass)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert await config_of(lovelace) == STRATEGY
    second = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert second["data_schema"] is not None
    assert [str(field) for field in second["data_schema"].schema] == ["topic_root"]


@pytest.mark.usefixtures("broker")
async def test_a_dashboard_that_is_declined_with_the_first_hub_is_not_made(
    hass: HomeAssistant, lovelace: Any
) -> None:
    result = await by_hand(hass, in_sidebar=False)
    await hass.async_block_till_done()
    assert PATH not in lovelace.dashboards
    await reload(hass, result["result"])
    assert PATH not in lovelace.dashboards
    assert (await answer(hass, result["result"], wanted=True))["type"] is FlowResultType.CREATE_ENTRY
    assert await config_of(lovelace) == STRATEGY


@pytest.mark.usefixtures("broker")
async def test_the_card_of_a_hub_that_was_found_offers_the_dashboard(
    hass: HomeAssistant, lovelace: Any, say: Say
) -> None:
    found = MqttServiceInfo(
        topic="devices/co2_001/status",
        payload=b"online",
        qos=1,
        retain=True,
        subscribed_topic="devices/+/status",
        timestamp=0.0,
    )
    form = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_MQTT}, data=found)
    assert form["step_id"] == "confirm"
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {"in_sidebar": False})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert PATH not in lovelace.dashboards
