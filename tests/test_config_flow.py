"""Setting up a hub and approving devices, as a person does it."""

from hashlib import sha256
from typing import Any

from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_MQTT,
    SOURCE_USER,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.helpers.service_info.mqtt import MqttServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.config_flow import SmartAirConfigFlow
from custom_components.smartair.const import CONF_ADD_NEW_DEVICES, CONF_NAMESPACE, CONF_ROOT, DOMAIN

from .conftest import CO2_INFO, CO2_TELEMETRY, Say, Wait, hub_entry

CODE = "48213377"
CODED = {**CO2_INFO, "pairing": {"salt": "9f2c", "sha256": sha256(f"9f2c{CODE}".encode()).hexdigest()}}


def _found(topic: str, payload: str) -> MqttServiceInfo:
    return MqttServiceInfo(
        topic=topic, payload=payload, qos=1, retain=True, subscribed_topic="devices/+/info", timestamp=0
    )


async def _by_hand(hass: HomeAssistant, root: str | None = None) -> ConfigFlowResult:
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    return (
        result
        if root is None
        else await hass.config_entries.flow.async_configure(result["flow_id"], {CONF_ROOT: root})
    )


# --- hubs ---------------------------------------------------------------------------------------


async def test_a_hub_is_added_by_hand(hass: HomeAssistant, broker: MqttMockHAClient) -> None:
    form = await _by_hand(hass)
    assert (form["type"], form["step_id"], form["errors"]) == (FlowResultType.FORM, "user", {})
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "devices"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "SmartAir"
    assert result["data"] == {CONF_ROOT: "devices", CONF_NAMESPACE: ""}
    assert result["options"] == {CONF_ADD_NEW_DEVICES: "ask"}
    assert result["result"].unique_id == "devices/#"


async def test_a_hub_is_refused_when_mqtt_is_not_set_up(hass: HomeAssistant) -> None:
    result = await _by_hand(hass)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "mqtt_not_set_up")


@pytest.mark.parametrize("root", ["", "#", "a/+/b", "$SYS", "a/ b", " devices", "a\x00b", "x" * 200, "  "])
async def test_a_root_that_is_not_a_topic_is_explained_and_can_be_corrected(
    hass: HomeAssistant, broker: MqttMockHAClient, root: str
) -> None:
    result = await _by_hand(hass, root)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, {CONF_ROOT: "invalid_root"})
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {CONF_ROOT: "site1/devices"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {CONF_ROOT: "site1/devices", CONF_NAMESPACE: "site1/devices/"}
    assert result["title"] == "SmartAir (site1/devices)"


@pytest.mark.parametrize("root", ["/garden/devices", "a//b", "/devices"])
async def test_a_root_is_used_as_it_was_typed(
    hass: HomeAssistant, broker: MqttMockHAClient, say: Say, root: str
) -> None:
    result = await _by_hand(hass, root)
    assert result["data"] == {CONF_ROOT: root, CONF_NAMESPACE: f"{root}/"}
    await hass.async_block_till_done()
    await say("soil_1", "info", CO2_INFO, root=root)
    house = result["result"].runtime_data
    assert list(house.approval.candidates) == ["soil_1"]
    await house.async_approve(["soil_1"])
    await say("soil_1", "telemetry", {"co2": 700}, root=root)
    assert house.devices["soil_1"].snapshot.values == {"co2": 700}
    await house.devices["soil_1"].async_configure({"report_interval": 30})
    assert broker.async_publish.call_args.args[0] == f"{root}/soil_1/config"


@pytest.mark.parametrize("root", ["devices/", "/", "/garden/devices/", "a//"])
async def test_a_slash_at_the_end_is_explained_and_not_taken_away_without_a_word(
    hass: HomeAssistant, broker: MqttMockHAClient, root: str
) -> None:
    result = await _by_hand(hass, root)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, {CONF_ROOT: "root_ends_with_slash"})


async def test_a_root_that_is_taken_is_explained_and_can_be_corrected(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    result = await _by_hand(hass, "devices")
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, {CONF_ROOT: "root_taken"})
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {CONF_ROOT: "greenhouse"})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_home_assistant_finds_the_system_by_itself_and_offers_it_once(
    hass: HomeAssistant, broker: MqttMockHAClient, say: Say
) -> None:
    await say("co2_001", "info", CO2_INFO, retain=True)
    await say("co2_001", "status", "online", retain=True)
    await say("co2_002", "status", "online", retain=True)
    cards = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [card["context"]["source"] for card in cards] == [SOURCE_MQTT]
    assert not hass.config_entries.async_entries(DOMAIN)

    result = await hass.config_entries.flow.async_configure(cards[0]["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == "devices/#"


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("devices/co2_001/info", "not json"),
        ("devices/co2_001/info", '{"protocol": 2, "device_type": "co2"}'),
        ("devices/co2_001/info", ""),
        ("devices/co2_001/status", "dancing"),
        ("devices/co2_001/telemetry", '{"co2": 900}'),
        ("devices/bad uid/status", "online"),
        ("elsewhere/co2_001/status", "online"),
    ],
)
async def test_what_is_not_one_of_our_devices_offers_nothing(
    hass: HomeAssistant, broker: MqttMockHAClient, topic: str, payload: str
) -> None:
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_MQTT}, data=_found(topic, payload)
    )
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_smartair")


async def test_a_flood_of_invented_devices_begins_no_flow_each_for_a_hub_that_is_there(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.smartair.config_flow.MAX_OFFERS", 3)
    begun: list[str] = []
    step = SmartAirConfigFlow.async_step_mqtt

    async def count(flow: SmartAirConfigFlow, info: MqttServiceInfo) -> ConfigFlowResult:
        begun.append(info.topic)
        return await step(flow, info)

    monkeypatch.setattr(SmartAirConfigFlow, "async_step_mqtt", count)
    for number in range(10):
        await say(f"new_{number}", "info", CO2_INFO)
        await say(f"new_{number}", "status", "online")
    # The first of each hub leaves its key, and three of each topic are counted.
    assert len(begun) == 7
    assert len(hub.runtime_data.approval.candidates) == 10


async def test_a_hub_that_is_there_is_not_offered_again(hass: HomeAssistant, hub: MockConfigEntry, say: Say) -> None:
    await say("co2_001", "info", CO2_INFO, retain=True)
    assert _mqtt_cards(hass) == []
    assert len(hub.discovery_keys["mqtt"]) == 1
    await say("co2_002", "info", CO2_INFO, retain=True)
    assert _mqtt_cards(hass) == []
    assert len(hub.discovery_keys["mqtt"]) == 1


def _mqtt_cards(hass: HomeAssistant) -> list[ConfigFlowResult]:
    return hass.config_entries.flow.async_progress_by_handler(DOMAIN, match_context={"source": SOURCE_MQTT})


async def test_a_hub_moves_to_another_root_with_its_devices(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, entity_registry: er.EntityRegistry
) -> None:
    before = set(entity_registry.entities)
    form = await hub.start_reconfigure_flow(hass)
    assert form["step_id"] == "reconfigure"
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "a/#"})
    assert result["errors"] == {CONF_ROOT: "invalid_root"}
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "greenhouse"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    await hass.async_block_till_done()
    assert (hub.data[CONF_ROOT], hub.unique_id, hub.title) == ("greenhouse", "greenhouse/#", "SmartAir (greenhouse)")
    await say(co2, "telemetry", {"co2": 777}, root="greenhouse")
    assert hass.states.get("sensor.bedroom_bedroom_air_co2").state == "777"
    assert set(entity_registry.entities) == before


async def _ignore(hass: HomeAssistant, unique_id: str) -> None:
    await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_IGNORE}, data={"unique_id": unique_id, "title": "Not this"}
    )


async def test_a_hub_whose_card_was_ignored_can_still_be_added_by_hand(
    hass: HomeAssistant, broker: MqttMockHAClient
) -> None:
    await _ignore(hass, "devices/#")
    result = await _by_hand(hass, "devices")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert hass.config_entries.async_entries(DOMAIN) == [result["result"]]


async def test_a_hub_can_move_to_the_root_whose_card_was_ignored(
    hass: HomeAssistant, broker: MqttMockHAClient
) -> None:
    entry = hub_entry(root="greenhouse")
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await _ignore(hass, "devices/#")
    form = await entry.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "devices"})
    await hass.async_block_till_done()
    assert result["reason"] == "reconfigure_successful"
    assert (entry.unique_id, hass.config_entries.async_entries(DOMAIN)) == ("devices/#", [entry])


async def test_the_card_of_the_system_does_not_replace_a_hub_that_has_moved_to_its_root_meanwhile(
    hass: HomeAssistant, broker: MqttMockHAClient, say: Say
) -> None:
    entry = hub_entry(root="greenhouse")
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await entry.runtime_data.async_approve(["co2_001"])
    await say("co2_001", "info", CO2_INFO, retain=True)
    (card,) = _mqtt_cards(hass)
    form = await entry.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "devices"})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    result = await hass.config_entries.flow.async_configure(card["flow_id"], {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert hass.config_entries.async_entries(DOMAIN) == [entry]
    assert set(entry.runtime_data.devices) == {"co2_001"}


async def test_a_hub_that_its_owner_named_keeps_that_name_when_it_moves(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(hub, title="Attic")
    form = await hub.start_reconfigure_flow(hass)
    await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "greenhouse"})
    await hass.async_block_till_done()
    assert (hub.title, hub.data[CONF_ROOT]) == ("Attic", "greenhouse")


async def test_a_hub_cannot_move_to_the_root_of_another_but_can_stay(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    other = hub_entry(root="greenhouse")
    other.add_to_hass(hass)
    form = await hub.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "greenhouse"})
    assert result["errors"] == {CONF_ROOT: "root_taken"}
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "devices"})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()


async def test_a_hub_on_a_root_that_another_left_has_names_of_its_own(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    form = await hub.start_reconfigure_flow(hass)
    await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_ROOT: "greenhouse"})
    await hass.async_block_till_done()
    result = await _by_hand(hass, "devices")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"][CONF_NAMESPACE] != hub.data[CONF_NAMESPACE]


async def test_new_devices_can_be_let_in_automatically(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say("co2_001", "info", CODED, retain=True)
    menu = await hass.config_entries.options.async_init(hub.entry_id)
    form = await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "devices"})
    result = await hass.config_entries.options.async_configure(form["flow_id"], {CONF_ADD_NEW_DEVICES: "automatic"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await wait(1)
    await say("co2_002", "telemetry", CO2_TELEMETRY | {"device_uid": "co2_002"})
    await wait(1)
    assert set(hub.runtime_data.devices) == {"co2_001", "co2_002"}
    assert _cards(hass) == []


# --- devices ------------------------------------------------------------------------------------


def _cards(hass: HomeAssistant) -> list[ConfigFlowResult]:
    return hass.config_entries.flow.async_progress_by_handler(
        DOMAIN, match_context={"source": SOURCE_INTEGRATION_DISCOVERY}
    )


async def _card(hass: HomeAssistant, say: Say, wait: Wait, info: dict[str, Any], uid: str = "co2_001") -> str:
    await say(uid, "info", info, retain=True)
    await wait(1)
    return next(card["flow_id"] for card in _cards(hass) if card["context"]["unique_id"] == uid)


async def test_a_new_device_appears_as_a_card_and_is_added_on_approval(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    before = hass.states.async_all()
    flow_id = await _card(hass, say, wait, CO2_INFO)
    assert _cards(hass)[0]["context"]["title_placeholders"] == {"name": "Bedroom air (smartair-co2, co2_001)"}
    form = await hass.config_entries.flow.async_configure(flow_id)
    assert (form["step_id"], form["description_placeholders"]["model"]) == ("device", "smartair-co2")
    assert hass.states.async_all() == before

    result = await hass.config_entries.flow.async_configure(flow_id, {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "device_added")
    page = f"/config/devices/device/{hub.runtime_data.devices['co2_001'].device_id}"
    assert result["description_placeholders"] == {"device": "Bedroom air", "url": page}
    await hass.async_block_till_done()
    await say("co2_001", "telemetry", CO2_TELEMETRY)
    assert hass.states.get("sensor.bedroom_bedroom_air_co2").state == "920"
    assert _cards(hass) == []


async def test_a_device_is_named_and_placed_where_it_is_added(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait, area_registry: ar.AreaRegistry
) -> None:
    """Before it has entities: their ids are made of that, and each text names it so from the first."""
    attic = area_registry.async_create("Attic")
    flow_id = await _card(hass, say, wait, CO2_INFO | {"name": "CO₂ meter"})
    assert _cards(hass)[0]["context"]["title_placeholders"]["name"].startswith("Bedroom · CO₂ meter (")
    await hass.config_entries.flow.async_configure(flow_id)
    result = await hass.config_entries.flow.async_configure(flow_id, {"name": " Roof ", "area": attic.id})
    assert result["description_placeholders"]["device"] == "Attic · Roof"
    await hass.async_block_till_done()
    await say("co2_001", "telemetry", CO2_TELEMETRY)
    assert hass.states.get("sensor.attic_roof_co2").state == "920"


async def test_the_room_that_a_device_names_is_offered_where_there_is_one(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait, area_registry: ar.AreaRegistry
) -> None:
    """With its name, and a wrong code loses neither; who leaves them as they are gets what the device says."""
    bedroom = area_registry.async_create("Bedroom")
    flow_id = await _card(hass, say, wait, CODED)
    form = await hass.config_entries.flow.async_configure(flow_id)

    def offered(form: Any) -> dict[str, Any]:
        return {str(key): key.description["suggested_value"] for key in form["data_schema"].schema if key.description}

    assert offered(form) == {"name": CODED["name"], "area": bedroom.id}
    wrong = {"code": "1", "name": "Desk", "area": bedroom.id}
    form = await hass.config_entries.flow.async_configure(flow_id, wrong)
    assert offered(form) == {"name": "Desk", "area": bedroom.id}
    result = await hass.config_entries.flow.async_configure(flow_id, {"code": "48213377"})
    assert result["reason"] == "device_added"
    device = dr.async_get(hass).async_get(hub.runtime_data.devices["co2_001"].device_id)
    assert (device.area_id, device.name_by_user) == (bedroom.id, None)


async def test_a_script_that_describes_nothing_is_asked_about_by_its_name(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    """No dashes where a maker and a model would be."""
    await say("balcony_1", "telemetry", {"co2": 500})
    await say("balcony_1", "telemetry", {"co2": 501})
    await wait(1)
    (card,) = _cards(hass)
    assert card["context"]["title_placeholders"] == {"name": "balcony_1"}
    form = await hass.config_entries.flow.async_configure(card["flow_id"])
    assert form["description_placeholders"]["about"] == "`balcony_1`"


async def test_the_words_of_a_device_stay_words_wherever_they_are_shown(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    evil = "[Free](https://evil) <img src=x> `rm`"
    flow_id = await _card(hass, say, wait, CO2_INFO | {"name": evil, "model": evil, "manufacturer": evil})
    form = await hass.config_entries.flow.async_configure(flow_id)
    for text in (form["description_placeholders"]["device"], form["description_placeholders"]["model"]):
        assert text == "(Free)(https://evil) ‹img src=x› 'rm'"


async def test_a_device_with_a_code_is_added_with_that_code_only(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    flow_id = await _card(hass, say, wait, CODED)
    form = await hass.config_entries.flow.async_configure(flow_id)
    assert form["step_id"] == "code"
    result = await hass.config_entries.flow.async_configure(flow_id, {"code": "00000000"})
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, {"code": "wrong_code"})
    assert hub.runtime_data.devices == {}
    result = await hass.config_entries.flow.async_configure(flow_id, {"code": "4821 3377"})
    assert result["reason"] == "device_added"
    assert set(hub.runtime_data.devices) == {"co2_001"}


async def test_after_five_wrong_codes_even_the_right_one_has_to_wait(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    flow_id = await _card(hass, say, wait, CODED)
    for attempt in ("1", "2", "3", "4"):
        result = await hass.config_entries.flow.async_configure(flow_id, {"code": attempt})
        assert result["errors"] == {"code": "wrong_code"}
    result = await hass.config_entries.flow.async_configure(flow_id, {"code": "5"})
    assert result["errors"] == {"code": "too_many_tries"}
    result = await hass.config_entries.flow.async_configure(flow_id, {"code": CODE})
    assert result["errors"] == {"base": "too_many_tries"}
    assert result["description_placeholders"]["seconds"] == "300"
    await wait(301)
    result = await hass.config_entries.flow.async_configure(flow_id, {"code": CODE})
    assert result["reason"] == "device_added"


async def test_a_device_that_begins_to_ask_for_a_code_while_its_card_is_open_gets_one(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    flow_id = await _card(hass, say, wait, CO2_INFO)
    await say("co2_001", "info", CODED)
    result = await hass.config_entries.flow.async_configure(flow_id, {})
    assert result["step_id"] == "code"
    assert hub.runtime_data.devices == {}


async def test_an_ignored_device_stays_ignored(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await _card(hass, say, wait, CO2_INFO)
    await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_IGNORE}, data={"unique_id": "co2_001", "title": "Bedroom air"}
    )
    await hass.async_block_till_done()
    await say("co2_001", "info", CO2_INFO | {"name": "Again"})
    await wait(31)
    assert _cards(hass) == []
    assert hub.runtime_data.devices == {}

    ignored = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, "co2_001")
    await hass.config_entries.async_remove(ignored.entry_id)
    await wait(31)
    assert len(_cards(hass)) == 1


async def test_an_ignored_device_is_let_in_neither_by_a_pattern_nor_automatically(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await _card(hass, say, wait, CO2_INFO)
    await _ignore(hass, "co2_001")
    await say("co2_002", "telemetry", {"co2": 500})
    answer = await hass.services.async_call(
        DOMAIN, "approve_devices", {"pattern": "*"}, blocking=True, return_response=True
    )
    assert answer == {"approved": ["co2_002"], "code_needed": []}
    await say("co2_003", "telemetry", {"co2": 500})
    hass.config_entries.async_update_entry(hub, options={CONF_ADD_NEW_DEVICES: "automatic"})
    await wait(1)
    assert set(hub.runtime_data.devices) == {"co2_002", "co2_003"}
    assert hub.runtime_data.approval.waiting() == []
    ignored = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, "co2_001")
    await hass.config_entries.async_remove(ignored.entry_id)
    await wait(31)
    assert set(hub.runtime_data.devices) == {"co2_001", "co2_002", "co2_003"}


async def test_nobody_waits_any_more_once_every_device_is_let_in_automatically(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait, issue_registry: Any
) -> None:
    for number in [*range(25), *range(25)]:
        await say(f"co2_{number}", "telemetry", {"co2": 500})
    await wait(1)
    assert issue_registry.async_get_issue(DOMAIN, f"devices_waiting/{hub.entry_id}") is not None
    hass.config_entries.async_update_entry(hub, options={CONF_ADD_NEW_DEVICES: "automatic"})
    await wait(1)
    assert len(hub.runtime_data.devices) == 25
    assert issue_registry.async_get_issue(DOMAIN, f"devices_waiting/{hub.entry_id}") is None


async def test_at_most_twenty_cards_are_shown_and_the_rest_wait_behind_one_repair(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait, issue_registry: Any
) -> None:
    for number in [*range(25), *range(25)]:
        await say(f"co2_{number}", "telemetry", {"co2": 500})
    await wait(1)
    assert len(_cards(hass)) == 20
    issue = issue_registry.async_get_issue(DOMAIN, f"devices_waiting/{hub.entry_id}")
    assert issue.translation_placeholders == {"count": "5", "shown": "20"}

    await hass.config_entries.flow.async_configure(_cards(hass)[0]["flow_id"], {})
    await wait(1)
    assert len(_cards(hass)) == 20
    issue = issue_registry.async_get_issue(DOMAIN, f"devices_waiting/{hub.entry_id}")
    assert issue.translation_placeholders["count"] == "4"

    await hub.runtime_data.async_approve([f"co2_{number}" for number in range(25)])
    await wait(1)
    assert _cards(hass) == []
    assert issue_registry.async_get_issue(DOMAIN, f"devices_waiting/{hub.entry_id}") is None


async def test_cards_go_when_their_hub_goes(hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait) -> None:
    await _card(hass, say, wait, CO2_INFO)
    await hass.config_entries.async_unload(hub.entry_id)
    assert _cards(hass) == []


async def test_a_card_whose_device_has_gone_says_so(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say, wait: Wait
) -> None:
    flow_id = await _card(hass, say, wait, CO2_INFO)
    coded_id = await _card(hass, say, wait, CODED, "co2_002")
    hub.runtime_data.approval.candidates.clear()
    for one in (flow_id, coded_id):
        result = await hass.config_entries.flow.async_configure(one, {"code": CODE} if one == coded_id else {})
        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "device_gone")
    result = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_INTEGRATION_DISCOVERY},
        data={"entry_id": "no such entry", "uid": "co2_001"},
    )
    assert result["reason"] == "device_gone"


async def test_an_approved_device_is_not_shown_again(
    hass: HomeAssistant, hub: MockConfigEntry, co2: str, say: Say, wait: Wait
) -> None:
    await say(co2, "info", CO2_INFO | {"name": "Renamed"})
    await wait(31)
    assert _cards(hass) == []
