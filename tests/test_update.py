"""Updates: offered where they fit, ordered once, and believed when the device has proven them."""

import asyncio
from pathlib import Path
import threading
from typing import Any

from homeassistant.components.event import ATTR_EVENT_TYPE
from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.components.update import ATTR_VERSION
from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient, WebSocketGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.firmware.folder import FirmwareFolder
from custom_components.smartair.firmware.sensors import NO_REASON, OTHER_REASON, REASONS, STAGES
from custom_components.smartair.pysmartair import Code

from . import firmware as made
from .conftest import NOW, Say, Wait
from .firmware import catalogue, fill, image
from .test_translations import EN, RU
from .updates import (
    INFO,
    UID,
    UPDATE,
    Orders,
    device,
    entry,
    folder,
    images,
    install,
    look,
    orders,
    report,
    shown,
    tell,
)

__all__ = ["device", "entry", "folder", "images", "orders"]


async def test_a_newer_version_is_offered_with_its_notes(hass: HomeAssistant, device: str) -> None:
    state = hass.states.get(UPDATE)
    assert state.state == STATE_ON
    assert (state.attributes["installed_version"], state.attributes["latest_version"]) == ("1.0.0", "2.0.0")
    assert state.attributes["title"] == "Air monitor"
    assert state.attributes["release_summary"] == "What is new in 2.0.0"


async def test_an_update_goes_through_its_stages_and_is_confirmed_by_the_version_that_is_reported(
    hass: HomeAssistant, device: str, say: Say, orders: Orders, images: dict[str, bytes]
) -> None:
    await install(hass)
    (order,) = orders()
    assert order["version"] == "2.0.0"
    assert order["size"] == len(images["2.0.0"])
    assert (order["timestamp"], order["expires"]) == (NOW, NOW + 60)
    assert order["url"].startswith("http://192.168.1.10:8123/api/smartair/firmware/")
    assert shown(hass) == (STATE_ON, True, None, "ordered")

    async def says(state: str, progress: int) -> None:
        await tell(say, order, state, progress)

    await says("accepted", 0)
    await says("deferred", 0)
    assert shown(hass) == (STATE_ON, True, 0, "deferred")
    assert hass.states.get(UPDATE).attributes["reason"] == "pump_running"
    await says("downloading", 40)
    assert shown(hass) == (STATE_ON, True, 40, "downloading")
    for state in ("verifying", "installing", "rebooting"):
        await says(state, 100)
        assert shown(hass)[3] == state
    await report(say, "1.0.0")
    assert shown(hass)[3] == "rebooting"
    await say(UID, "status", "offline")
    assert hass.states.get(UPDATE).state == STATE_ON
    await say(UID, "status", "online")
    await say(UID, "info", {**INFO, "firmware_version": "2.0.0"})
    assert shown(hass)[3] == "on_trial"
    await says("confirmed", 100)
    assert shown(hass) == (STATE_OFF, False, None, "confirmed")
    assert hass.states.get(UPDATE).attributes["installed_version"] == "2.0.0"


@pytest.mark.parametrize("spelling", ["v2.0.0", "2.0.0+20261130"])
async def test_a_good_update_is_confirmed_in_whatever_spelling_the_device_reports_it(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders, spelling: str
) -> None:
    await install(hass)
    await tell(say, orders()[-1], "rebooting")
    await say(UID, "status", "offline")
    await say(UID, "status", "online")
    await say(UID, "info", {**INFO, "firmware_version": spelling}, retain=True)
    await report(say, spelling)
    assert shown(hass)[3] == "on_trial"
    await tell(say, orders()[-1], "confirmed")
    assert shown(hass) == (STATE_OFF, False, None, "confirmed")
    assert hub.runtime_data.updates.of(hub.runtime_data.devices[UID]).bad == {}


async def test_a_development_build_is_offered_the_next_release_and_not_its_own(
    hass: HomeAssistant, folder: Path, device: str, say: Say
) -> None:
    await report(say, "2.0.0-3-g1a2b3c4")
    assert shown(hass)[0] == STATE_OFF
    fill(folder, "2.1.0")
    await look(hass)
    assert shown(hass)[0] == STATE_ON
    assert hass.states.get(UPDATE).attributes["latest_version"] == "2.1.0"


async def test_a_version_that_cannot_be_compared_is_said_to_be_and_another_is_installed_by_name(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    say: Say,
    orders: Orders,
    issue_registry: ir.IssueRegistry,
) -> None:
    issue = (DOMAIN, f"version_not_comparable/{hub.entry_id}/{UID}/")
    assert issue_registry.async_get_issue(*issue) is None
    await report(say, "nightly")
    assert hass.states.get(UPDATE).state == STATE_UNKNOWN
    assert hass.states.get(UPDATE).attributes["not_comparable_with"] == "2.0.0"
    shown_issue = issue_registry.async_get_issue(*issue)
    assert shown_issue is not None
    assert shown_issue.translation_placeholders == {
        "device": "Bedroom air",
        "installed": "nightly",
        "latest": "2.0.0",
    }
    house = hub.runtime_data
    assert house.updates.rollouts.targets([house.devices[UID]], None, force=False) == ((), {UID: "not_comparable"})
    await install(hass, **{ATTR_VERSION: "2.0.0"})
    assert orders()[-1]["version"] == "2.0.0"
    await report(say, "2.0.0")
    assert issue_registry.async_get_issue(*issue) is None


async def test_a_version_that_cannot_be_compared_any_more_is_told_when_an_image_comes(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    folder: Path,
    say: Say,
    issue_registry: ir.IssueRegistry,
) -> None:
    await report(say, "nightly")
    fill(folder, "3.0.0")
    await look(hass)
    found = issue_registry.async_get_issue(DOMAIN, f"version_not_comparable/{hub.entry_id}/{UID}/")
    assert found is not None
    assert found.translation_placeholders["latest"] == "3.0.0"


async def test_only_one_update_at_a_time(hass: HomeAssistant, device: str, orders: Orders) -> None:
    await install(hass)
    with pytest.raises(HomeAssistantError):
        await install(hass, **{ATTR_VERSION: "0.9.0"})
    assert len(orders()) == 1


async def test_whoever_orders_past_the_entity_hears_why_it_cannot_be(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders
) -> None:
    update = hub.runtime_data.updates.of(hub.runtime_data.devices[UID])
    await install(hass)
    with pytest.raises(HomeAssistantError) as caught:
        await update.async_install()
    assert caught.value.translation_key == "update_busy"
    await tell(say, orders()[-1], "failed", 0, "image_invalid")
    with pytest.raises(HomeAssistantError) as caught:
        await update.async_install()
    assert caught.value.translation_key == "no_update"


async def test_stage_and_reason_are_states_from_the_first_order_on(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders
) -> None:
    """Most devices are never updated and have neither; what a device says in its own words is another reason."""
    registry = er.async_get(hass)

    def state(key: str) -> str | None:
        entity_id = registry.async_get_entity_id("sensor", DOMAIN, f"{UID}-{key}")
        found = hass.states.get(entity_id) if entity_id else None
        return found.state if found else None

    assert (state("update_stage"), state("update_reason")) == (None, None)
    await install(hass)
    assert (state("update_stage"), state("update_reason")) == ("ordered", "none")
    await tell(say, orders()[-1], "deferred", 0)
    assert (state("update_stage"), state("update_reason")) == ("deferred", "pump_running")
    await tell(say, orders()[-1], "failed", 0, "a_word_of_its_own")
    assert (state("update_stage"), state("update_reason")) == ("failed", "other")
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (state("update_stage"), state("update_reason")) == ("failed", "other")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_stage_and_reason_has_a_text(language: str) -> None:
    texts = {"en": EN, "ru": RU}[language]
    about = texts["entity"]["update"]["firmware"]["state_attributes"]
    assert set(about["stage"]["state"]) == set(STAGES) == set(texts["entity"]["sensor"]["update_stage"]["state"])
    assert set(about["reason"]["state"]) == set(REASONS)
    told = texts["entity"]["sensor"]["update_reason"]["state"]
    assert told == texts["selector"]["update_reason"]["options"]
    assert set(told) == {*REASONS, NO_REASON, OTHER_REASON}


async def test_without_an_answer_it_fails_and_may_be_tried_again(
    hass: HomeAssistant, device: str, orders: Orders, wait: Wait
) -> None:
    await install(hass)
    await wait(75)
    assert shown(hass) == (STATE_ON, False, None, "failed")
    assert hass.states.get(UPDATE).attributes["reason"] == "no_answer"
    await install(hass)
    assert len(orders()) == 2


async def roll_back(hass: HomeAssistant, say: Say, orders: Orders) -> None:
    """Install version 2, which does not hold."""
    await install(hass)
    await tell(say, orders()[-1], "rebooting")
    await say(UID, "event", {"event": "boot"})
    await report(say, "1.0.0", uptime=3)


async def test_a_device_that_comes_back_with_the_old_version_has_rolled_back(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders, issue_registry: ir.IssueRegistry
) -> None:
    await roll_back(hass, say, orders)
    state = hass.states.get(UPDATE)
    assert shown(hass) == (STATE_OFF, False, None, "rolled_back")
    assert state.attributes["latest_version"] == "1.0.0"
    (alert,) = hub.runtime_data.alerts.active(uid=UID)
    assert (alert.code, alert.values) == (Code.OTA_ROLLED_BACK, {"version": "2.0.0", "previous": "1.0.0"})
    activity = hass.states.get("event.bedroom_bedroom_air_activity")
    assert activity.attributes[ATTR_EVENT_TYPE] == "update_rolled_back"
    assert activity.attributes["version"] == "2.0.0"
    assert ("smartair", f"firmware_rolled_back/{hub.entry_id}/{UID}/") in issue_registry.issues
    with pytest.raises(HomeAssistantError) as caught:
        await install(hass, **{ATTR_VERSION: "2.0.0"})
    assert caught.value.translation_key == "update_known_bad"
    assert len(orders()) == 1


async def test_the_uptime_tells_of_a_restart_when_nothing_else_does(
    hass: HomeAssistant, device: str, say: Say, orders: Orders, wait: Wait
) -> None:
    await install(hass)
    await tell(say, orders()[-1], "rebooting")
    await wait(20)
    await report(say, "1.0.0", uptime=5000)
    assert shown(hass)[3] == "rebooting"
    await report(say, "1.0.0", uptime=4)
    assert shown(hass)[3] == "rolled_back"


async def test_a_success_takes_back_the_alert_and_the_repair(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders, issue_registry: ir.IssueRegistry
) -> None:
    await roll_back(hass, say, orders)
    await hub.runtime_data.updates.of(hub.runtime_data.devices[UID]).async_install("2.0.0", force=True)
    assert orders()[-1]["retry"] is True
    await tell(say, orders()[-1], "rebooting")
    await say(UID, "info", {**INFO, "firmware_version": "2.0.0"})
    await tell(say, orders()[-1], "confirmed")
    assert shown(hass)[3] == "confirmed"
    assert hub.runtime_data.alerts.active(uid=UID) == []
    assert not [key for _, key in issue_registry.issues if key.startswith("firmware_rolled_back")]


@pytest.mark.parametrize(
    ("error", "latest"),
    [("checksum_mismatch", "1.0.0"), ("download_failed", "2.0.0"), ("signature_invalid", "1.0.0")],
)
async def test_what_is_the_images_fault_is_held_against_it_and_a_broken_connection_is_not(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders, error: str, latest: str
) -> None:
    await install(hass)
    await tell(say, orders()[-1], "failed", 0, error)
    state = hass.states.get(UPDATE)
    assert (state.attributes["stage"], state.attributes["reason"]) == ("failed", error)
    assert state.attributes["latest_version"] == latest
    (alert,) = hub.runtime_data.alerts.active(uid=UID)
    assert (alert.code, alert.cause) == (Code.OTA_FAILED, error)
    assert hass.states.get("event.bedroom_bedroom_air_activity").attributes[ATTR_EVENT_TYPE] == "update_failed"


async def test_a_device_that_never_vouches_is_confirmed_when_its_trial_is_over(
    hass: HomeAssistant, device: str, say: Say, orders: Orders, wait: Wait
) -> None:
    await install(hass)
    await tell(say, orders()[-1], "rebooting")
    await report(say, "2.0.0", uptime=2)
    assert shown(hass)[3] == "on_trial"
    for _ in range(5):
        await wait(50)
        await report(say, "2.0.0")
    assert shown(hass)[3] == "confirmed"


async def test_no_return_within_five_minutes_is_a_failure_that_a_late_return_mends(
    hass: HomeAssistant, device: str, say: Say, orders: Orders, wait: Wait
) -> None:
    await install(hass)
    await tell(say, orders()[-1], "rebooting")
    await say(UID, "status", "offline")
    await wait(301)
    assert hass.states.get(UPDATE).state == STATE_UNAVAILABLE
    await say(UID, "status", "online")
    assert (shown(hass)[3], hass.states.get(UPDATE).attributes["reason"]) == ("failed", "no_return")
    await say(UID, "info", {**INFO, "firmware_version": "2.0.0"})
    assert shown(hass)[3] == "on_trial"


async def test_the_terms_stand_still_while_the_broker_is_gone(
    hass: HomeAssistant, device: str, say: Say, orders: Orders, wait: Wait, broker: MqttMockHAClient
) -> None:
    await install(hass)
    await tell(say, orders()[-1], "downloading", 10)
    broker.connected = False
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, False)
    await wait(700)
    await wait(700)
    broker.connected = True
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, True)
    await hass.async_block_till_done()
    await say(UID, "status", "online")
    assert shown(hass)[3] == "downloading"
    await wait(601)
    await say(UID, "status", "online")
    assert (shown(hass)[3], hass.states.get(UPDATE).attributes["reason"]) == ("failed", "no_progress")


async def test_a_restart_of_home_assistant_goes_on_where_it_was(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders
) -> None:
    await install(hass)
    (order,) = orders()
    await tell(say, order, "downloading", 30)
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await say(UID, "status", "online", retain=True)
    assert shown(hass)[:2] == (STATE_ON, True)
    # What the device said meanwhile is retained on the broker.
    content = {"cmd_id": order["cmd_id"], "state": "rebooting", "progress": 100, "version": "2.0.0"}
    await say(UID, "ota/state", content, retain=True)
    await say(UID, "info", {**INFO, "firmware_version": "1.0.0"}, retain=True)
    assert shown(hass)[3] == "rebooting"
    await say(UID, "info", {**INFO, "firmware_version": "2.0.0"})
    assert shown(hass)[3] == "on_trial"
    assert len(orders()) == 1


async def test_an_order_that_was_not_answered_before_a_restart_is_sent_again_and_not_a_second_one(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, orders: Orders
) -> None:
    await install(hass)
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    first, second = orders()
    assert first == second


async def begin_trial(hass: HomeAssistant, say: Say, orders: Orders) -> None:
    await install(hass)
    await tell(say, orders()[-1], "rebooting")
    await say(UID, "info", {**INFO, "firmware_version": "2.0.0"})
    await report(say, "2.0.0", uptime=2)
    assert shown(hass)[3] == "on_trial"


async def restart(hass: HomeAssistant, hub: MockConfigEntry) -> None:
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_device_on_trial_that_was_not_heard_since_a_restart_is_not_confirmed(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders, wait: Wait
) -> None:
    await begin_trial(hass, say, orders)
    await wait(200)
    await restart(hass, hub)
    # What the broker kept is no sign of life.
    await say(UID, "status", "online", retain=True)
    await say(UID, "info", {**INFO, "firmware_version": "2.0.0"}, retain=True)
    for _ in range(4):
        await wait(20)
        assert shown(hass)[3] == "on_trial"
    await report(say, "2.0.0")
    await wait(20)
    assert shown(hass)[3] == "confirmed"


async def test_a_device_on_trial_that_was_not_heard_since_the_broker_came_back_is_not_confirmed(
    hass: HomeAssistant, device: str, say: Say, orders: Orders, wait: Wait, broker: MqttMockHAClient
) -> None:
    await begin_trial(hass, say, orders)
    broker.connected = False
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, False)
    await wait(400)
    broker.connected = True
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, True)
    await hass.async_block_till_done()
    await say(UID, "status", "online", retain=True)
    for _ in range(4):
        await wait(20)
        assert shown(hass)[3] == "on_trial"
    for _ in range(5):
        await wait(50)
        await report(say, "1.0.0")
    assert shown(hass)[3] == "rolled_back"


async def test_a_device_that_came_back_with_the_old_version_during_a_restart_has_rolled_back(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders, wait: Wait
) -> None:
    await install(hass)
    await tell(say, orders()[-1], "rebooting")
    await wait(100)
    await restart(hass, hub)
    await say(UID, "status", "online", retain=True)
    await report(say, "1.0.0", uptime=500)
    assert shown(hass)[3] == "rebooting"
    await report(say, "1.0.0", uptime=80)
    assert shown(hass)[3] == "rolled_back"


async def test_a_restart_that_was_not_heard_of_is_learnt_from_the_broker_and_the_uptime(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders, wait: Wait
) -> None:
    await install(hass)
    await wait(30)
    await restart(hass, hub)
    content = {"cmd_id": orders()[0]["cmd_id"], "state": "rebooting", "version": "2.0.0"}
    await say(UID, "ota/state", content, retain=True)
    await say(UID, "status", "online", retain=True)
    await say(UID, "telemetry", {"co2": 640, "firmware_version": "1.0.0", "uptime": 1}, retain=True)
    await report(say, "1.0.0", uptime=5000)
    assert shown(hass)[3] == "rebooting"
    await report(say, "1.0.0", uptime=20)
    assert shown(hass)[3] == "rolled_back"


async def test_a_late_report_and_a_copy_from_before_the_restart_are_no_rollback(
    hass: HomeAssistant, device: str, say: Say, orders: Orders
) -> None:
    await report(say, "1.0.0", seq=7, boot_id="a")
    await install(hass)
    await tell(say, orders()[-1], "rebooting")
    await say(UID, "event", {"event": "boot"})
    await report(say, "1.0.0", timestamp=NOW - 600)
    await report(say, "1.0.0", seq=7, boot_id="a")
    assert shown(hass)[3] == "rebooting"
    await report(say, "2.0.0", seq=1, boot_id="b")
    await report(say, "1.0.0", timestamp=NOW - 600)
    assert shown(hass)[3] == "on_trial"


async def test_an_order_is_sent_again_after_a_restart_though_the_folder_is_still_being_looked_through(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(hass)
    await hass.config_entries.async_unload(hub.entry_id)
    hass.data.pop(f"{DOMAIN}_firmware")
    read, scan = threading.Event(), FirmwareFolder._scan  # noqa: SLF001

    def slowly(folder: FirmwareFolder) -> object:
        read.wait(10)
        return scan(folder)

    monkeypatch.setattr(FirmwareFolder, "_scan", slowly)
    assert await hass.config_entries.async_setup(hub.entry_id)
    await asyncio.sleep(0)
    assert len(orders()) == 1
    read.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    first, second = orders()
    assert first == second


@pytest.mark.parametrize("meanwhile", ["reload", "offline", "deleted"])
async def test_a_device_that_went_while_its_image_was_fetched_is_not_ordered_anything(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    device: str,
    say: Say,
    broker: MqttMockHAClient,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: str,
) -> None:
    updates, fetched = hub.runtime_data.updates, asyncio.Event()

    async def slowly(_image: object) -> None:
        await fetched.wait()

    monkeypatch.setattr(updates, "async_fetch", slowly)
    installing = asyncio.create_task(updates.of(hub.runtime_data.devices[UID]).async_install())
    await asyncio.sleep(0)
    away = {
        "reload": lambda: restart(hass, hub),
        "offline": lambda: say(UID, "status", "offline"),
        "deleted": lambda: hub.runtime_data.async_forget(UID),
    }
    await away[meanwhile]()
    fetched.set()
    with pytest.raises(HomeAssistantError) as caught:
        await installing
    assert caught.value.translation_key == "device_unavailable"
    await hass.async_block_till_done(wait_background_tasks=True)
    calls = broker.async_publish.call_args_list
    assert [call.args for call in calls if call.args[0].endswith("/ota") and call.args[1]] == []


async def test_the_repair_of_a_rollback_outlives_a_restart_and_goes_with_the_hub(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders, issue_registry: ir.IssueRegistry
) -> None:
    await roll_back(hass, say, orders)
    issue = issue_registry.async_get_issue(DOMAIN, f"firmware_rolled_back/{hub.entry_id}/{UID}/")
    assert issue.is_persistent
    await hass.config_entries.async_remove(hub.entry_id)
    assert not [issue_id for _, issue_id in issue_registry.issues if hub.entry_id in issue_id]


async def test_of_two_images_of_one_version_the_one_on_offer_is_installed(
    hass: HomeAssistant, folder: Path, device: str, orders: Orders
) -> None:
    early, final = image("3.0.0", sectors=5), image("3.0.0")
    for name, data in (("early", early), ("final", final)):
        (folder / f"{name}.bin").write_bytes(data)
    entries = (
        made.entry("3.0.0", early, url="early.bin", channel="beta"),
        made.entry("3.0.0", final, url="final.bin"),
    )
    (folder / "a.json").write_text(catalogue(*entries))
    await look(hass)
    # The frontend names the version that it shows.
    await install(hass, **{ATTR_VERSION: "3.0.0"})
    assert orders()[-1]["size"] == len(final)


async def test_one_image_for_two_products_is_offered_to_both(
    hass: HomeAssistant, folder: Path, device: str, orders: Orders
) -> None:
    data = image("3.0.0")
    (folder / "three.bin").write_bytes(data)
    other = made.entry("3.0.0", data, url="three.bin", name="co2-b", model="smartair-co2-b")
    (folder / "a.json").write_text(catalogue(other, made.entry("3.0.0", data, url="three.bin")))
    await look(hass)
    await install(hass)
    assert orders()[-1]["version"] == "3.0.0"


async def test_a_beta_that_becomes_stable_is_offered_to_all_with_the_same_bytes(
    hass: HomeAssistant, folder: Path, device: str
) -> None:
    data = image("3.0.0")
    (folder / "three.bin").write_bytes(data)
    beta = made.entry("3.0.0", data, url="three.bin", channel="beta")
    (folder / "a.json").write_text(catalogue(beta))
    await look(hass)
    assert hass.states.get(UPDATE).attributes["latest_version"] == "2.0.0"
    (folder / "a.json").write_text(catalogue(beta, made.entry("3.0.0", data, url="three.bin")))
    await look(hass)
    assert hass.states.get(UPDATE).attributes["latest_version"] == "3.0.0"


async def test_an_order_that_cannot_be_published_leaves_nothing_behind(
    hass: HomeAssistant, device: str, orders: Orders, broker: MqttMockHAClient
) -> None:
    broker.async_publish.side_effect = HomeAssistantError("gone")
    with pytest.raises(HomeAssistantError):
        await install(hass)
    broker.async_publish.side_effect = None
    assert shown(hass) == (STATE_ON, False, None, "idle")


async def test_a_device_that_is_away_is_not_ordered_anything(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, say: Say, orders: Orders
) -> None:
    await say(UID, "status", "offline")
    with pytest.raises(HomeAssistantError) as caught:
        await hub.runtime_data.updates.of(hub.runtime_data.devices[UID]).async_install()
    assert caught.value.translation_key == "device_unavailable"
    assert orders() == []


@pytest.mark.parametrize("address", [None, "https://home.example"])
async def test_without_plain_http_the_device_could_not_download(
    hass: HomeAssistant, device: str, orders: Orders, address: str | None
) -> None:
    hass.config.internal_url = address
    hass.config.api.local_ip = "127.0.0.1"
    with pytest.raises(HomeAssistantError) as caught:
        await install(hass)
    assert caught.value.translation_key == "no_plain_http"
    assert orders() == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"chip": "ESP32-S3"}, "update_wrong_chip"),
        ({"device_type": "dust"}, "update_wrong_device_type"),
        ({"model": "smartair-co2-mhz19"}, "update_wrong_model"),
        ({"hardware": ["A"]}, "update_wrong_hardware"),
    ],
)
async def test_what_does_not_fit_is_neither_offered_nor_given(
    hass: HomeAssistant, folder: Path, device: str, orders: Orders, changes: dict[str, Any], key: str
) -> None:
    data = image("9.0.0", chip=changes.get("chip", "ESP32-C3"))
    (folder / "other.bin").write_bytes(data)
    (folder / "other.json").write_text(catalogue(made.entry("9.0.0", data, url="other.bin", name="other", **changes)))
    await look(hass)
    assert hass.states.get(UPDATE).attributes["latest_version"] == "2.0.0"
    with pytest.raises(HomeAssistantError) as caught:
        await install(hass, **{ATTR_VERSION: "9.0.0"})
    assert caught.value.translation_key == key
    assert orders() == []


async def test_an_unsigned_image_is_kept_from_a_device_that_checks_signatures(
    hass: HomeAssistant, folder: Path, device: str
) -> None:
    data = image("9.0.0", signed=False)
    (folder / "plain.bin").write_bytes(data)
    (folder / "plain.json").write_text(catalogue(made.entry("9.0.0", data, url="plain.bin")))
    await look(hass)
    with pytest.raises(HomeAssistantError) as caught:
        await install(hass, **{ATTR_VERSION: "9.0.0"})
    assert caught.value.translation_key == "update_unsigned"


async def test_a_lower_version_is_installed_when_it_is_asked_for(
    hass: HomeAssistant, device: str, orders: Orders
) -> None:
    await install(hass, **{ATTR_VERSION: "0.9.0"})
    assert orders()[-1]["version"] == "0.9.0"


async def test_a_file_that_changed_after_it_was_looked_at_is_not_handed_out(
    hass: HomeAssistant, folder: Path, device: str, orders: Orders
) -> None:
    (folder / "co2-2.0.0.ota.bin").write_bytes(image("6.6.6"))
    with pytest.raises(HomeAssistantError) as caught:
        await install(hass)
    assert caught.value.translation_key == "firmware_unreadable"
    assert orders() == []


async def test_beta_releases_are_for_those_who_choose_them(
    hass: HomeAssistant, hub: MockConfigEntry, folder: Path, device: str
) -> None:
    select = "select.bedroom_bedroom_air_update_channel"
    assert hass.states.get(select) is None
    data = image("3.0.0b1")
    (folder / "beta.bin").write_bytes(data)
    (folder / "beta.json").write_text(catalogue(made.entry("3.0.0b1", data, url="beta.bin", channel="beta")))
    await look(hass)
    assert hass.states.get(select).state == "stable"
    assert hass.states.get(UPDATE).attributes["latest_version"] == "2.0.0"
    choose = {ATTR_ENTITY_ID: select, "option": "beta"}
    await hass.services.async_call("select", "select_option", choose, blocking=True)
    assert (hass.states.get(select).state, hass.states.get(UPDATE).attributes["latest_version"]) == (
        "beta",
        "3.0.0b1",
    )
    assert await hass.config_entries.async_reload(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(select).state == "beta"


async def test_release_notes_are_shown_in_full(
    hass: HomeAssistant, device: str, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "update/release_notes", "entity_id": UPDATE})
    assert (await client.receive_json())["result"] == "What is new in 2.0.0"


async def test_a_skipped_version_stays_skipped_until_the_next(hass: HomeAssistant, folder: Path, device: str) -> None:
    await hass.services.async_call("update", "skip", {ATTR_ENTITY_ID: UPDATE}, blocking=True)
    assert hass.states.get(UPDATE).state == STATE_OFF
    fill(folder, "2.0.0", "2.1.0")
    await look(hass)
    assert hass.states.get(UPDATE).state == STATE_ON


async def test_a_device_that_does_not_say_its_chip_has_no_update(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say
) -> None:
    await say("co2_009", "info", {key: value for key, value in INFO.items() if key != "chip"}, retain=True)
    await hub.runtime_data.async_approve(["co2_009"])
    await hass.async_block_till_done()
    assert hass.states.get(UPDATE) is None


async def test_a_device_that_says_nothing_of_updates_has_none_until_it_reports_one(
    hass: HomeAssistant, hub: MockConfigEntry, say: Say
) -> None:
    await say("co2_009", "info", {key: value for key, value in INFO.items() if key != "ota"}, retain=True)
    await hub.runtime_data.async_approve(["co2_009"])
    await hass.async_block_till_done()
    assert hass.states.get(UPDATE) is None
    await say("co2_009", "ota/state", {"cmd_id": "1", "state": "confirmed", "version": "1.0.0"}, retain=True)
    assert hass.states.get(UPDATE) is not None


async def test_a_deleted_device_leaves_no_update_behind(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, orders: Orders, wait: Wait
) -> None:
    await install(hass)
    await hub.runtime_data.async_forget(UID)
    await wait(100)
    assert hub.runtime_data.updates.ordered == set()


async def test_a_stored_update_that_cannot_be_read_is_left_out(
    hass: HomeAssistant, hub: MockConfigEntry, device: str, hass_storage: dict[str, Any]
) -> None:
    await install(hass)
    key = f"smartair.{hub.entry_id}.firmware"
    await hass.config_entries.async_unload(hub.entry_id)
    hass_storage[key]["data"]["devices"][UID]["state"] = {"is": "magic"}
    hass_storage[key]["data"]["rollout"] = {"id": 1}
    assert await hass.config_entries.async_setup(hub.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(UPDATE) is not None
    assert not hub.runtime_data.updates.of(hub.runtime_data.devices[UID]).busy


async def test_the_update_as_a_whole(hass: HomeAssistant, device: str, snapshot: SnapshotAssertion) -> None:
    assert hass.states.get(UPDATE) == snapshot
