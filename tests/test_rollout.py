"""Rollouts: the right devices in the right order, stopped in time, and the same after a restart."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import time
import json
from pathlib import Path
import threading
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.const import ATTR_ENTITY_ID, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import area_registry as ar, device_registry as dr, label_registry as lr
from homeassistant.helpers.dispatcher import async_dispatcher_send
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import MqttMockHAClient
from syrupy.assertion import SnapshotAssertion

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.firmware.folder import FirmwareFolder, async_get_folder
from custom_components.smartair.pysmartair import Code, firmware, rollout

from . import firmware as made
from .conftest import Say, Wait, hub_entry
from .firmware import catalogue, image
from .updates import INFO, entry, folder, images

__all__ = ["entry", "folder", "images"]

UIDS = [f"co2_00{number}" for number in range(1, 7)]
STATE = "sensor.smartair_firmware_rollout"

type Begin = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def fleet(hass: HomeAssistant, hub: MockConfigEntry, say: Say) -> MockConfigEntry:
    """Six devices with version 1.0.0."""
    for uid in UIDS:
        await say(uid, "info", {**INFO, "name": uid}, retain=True)
        await say(uid, "status", "online", retain=True)
    await hub.runtime_data.async_approve(UIDS)
    await hass.async_block_till_done(wait_background_tasks=True)
    return hub


@pytest.fixture
def ordered(broker: MqttMockHAClient) -> Callable[[], dict[str, dict[str, Any]]]:
    """The last order of each device, by uid: those of one batch go out together, and no one of them is the first."""

    def orders() -> dict[str, dict[str, Any]]:
        calls = [call.args for call in broker.async_publish.call_args_list if call.args[0].endswith("/ota")]
        # A device that is forgotten has its retained topics cleared.
        given = {topic.split("/")[1]: json.loads(payload) for topic, payload, *_ in calls if payload}
        return dict(sorted(given.items()))

    return orders


type Ordered = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture
def begin(hass: HomeAssistant, wait: Wait) -> Begin:
    """Begin a rollout."""

    async def call(**data: Any) -> dict[str, Any]:
        await wait(20)
        found = await hass.services.async_call(
            DOMAIN, "rollout_firmware", {"device_type": "co2", **data}, blocking=True, return_response=True
        )
        await hass.async_block_till_done(wait_background_tasks=True)
        return dict(found)

    return call


async def end(hass: HomeAssistant, say: Say, order: dict[str, Any], uid: str, error: str | None = None) -> None:
    """Have a device end its update, well or with an error."""
    if error is None:
        await say(uid, "info", {**INFO, "name": uid, "firmware_version": order["version"]})
    state = "failed" if error else "confirmed"
    content = {"cmd_id": order["cmd_id"], "state": state, "version": order["version"], "error_code": error}
    await say(uid, "ota/state", content)
    await hass.async_block_till_done(wait_background_tasks=True)


async def press(hass: HomeAssistant, name: str) -> None:
    target = {ATTR_ENTITY_ID: f"button.smartair_{name}_firmware_rollout"}
    await hass.services.async_call("button", "press", target, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_dry_run_says_who_would_get_what_and_does_nothing(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered
) -> None:
    await say("co2_006", "info", {**INFO, "chip": "ESP32-S3"})
    await say("co2_005", "info", {**INFO, "firmware_version": "2.0.0"})
    answer = await begin(dry_run=True, canary=1, batch_size=2)
    (one,) = answer["rollouts"]
    assert answer["dry_run"] is True
    assert one["stages"] == [["co2_001"], ["co2_002", "co2_003"], ["co2_004"]]
    assert one["versions"] == dict.fromkeys(UIDS[:4], "2.0.0")
    assert one["left_out"] == {"co2_005": "no_update", "co2_006": "no_update"}
    answer = await begin(dry_run=True, version="2.0.0")
    assert answer["rollouts"][0]["left_out"] == {"co2_005": "already_installed", "co2_006": "wrong_chip"}
    assert ordered() == {}
    assert hass.states.get(STATE) is None


async def test_the_first_goes_alone_then_batch_after_batch_until_all_are_updated(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered, snapshot: SnapshotAssertion
) -> None:
    await begin(canary=1, batch_size=3)
    assert list(ordered()) == ["co2_001"]
    assert hass.states.get(STATE).state == "running"
    await end(hass, say, ordered()["co2_001"], "co2_001")
    assert list(ordered()) == UIDS[:4]
    for uid in UIDS[1:4]:
        await end(hass, say, ordered()[uid], uid)
    assert list(ordered()) == UIDS
    assert hass.states.get("sensor.smartair_firmware_rollout_progress").state == "66"
    for uid in UIDS[4:]:
        await end(hass, say, ordered()[uid], uid)
    state = hass.states.get(STATE)
    assert (state.state, state.attributes["updated"], state.attributes["failures"]) == ("completed", 6, {})
    assert hass.states.get("sensor.smartair_rollout_failures").state == "none"
    assert hass.states.get("button.smartair_pause_firmware_rollout").state == STATE_UNAVAILABLE


async def test_a_failure_of_the_first_stops_it_and_says_which_and_why(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered
) -> None:
    await begin(failure_threshold=5)
    await end(hass, say, ordered()["co2_001"], "co2_001", "checksum_mismatch")
    state = hass.states.get(STATE)
    assert (state.state, state.attributes["failures"]) == ("stopped", {"co2_001": "checksum_mismatch"})
    failures = hass.states.get("sensor.smartair_rollout_failures")
    assert failures.state == f"{fleet.runtime_data.devices['co2_001'].place}: The checksum is wrong"
    assert list(ordered()) == ["co2_001"]
    alerts = fleet.runtime_data.alerts.active()
    assert (Code.OTA_FAILED, None, "rollout_stopped") in [(one.code, one.place.uid, one.cause) for one in alerts]


async def test_it_stops_at_the_threshold(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered
) -> None:
    await begin(canary=0, batch_size=2, failure_threshold=2)
    await end(hass, say, ordered()["co2_001"], "co2_001", "download_failed")
    await end(hass, say, ordered()["co2_002"], "co2_002")
    assert hass.states.get(STATE).state == "running"
    await end(hass, say, ordered()["co2_003"], "co2_003", "download_failed")
    assert hass.states.get(STATE).state == "stopped"
    assert list(ordered()) == UIDS[:4]


async def test_a_device_that_is_away_is_skipped_and_said_to_be(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered
) -> None:
    await say("co2_001", "status", "offline")
    await fleet.runtime_data.async_forget("co2_006")
    await begin(batch_size=6)
    # What was skipped proves nothing: the next one goes first, alone.
    assert list(ordered()) == ["co2_002"]
    state = hass.states.get(STATE)
    assert (state.attributes["skipped"], state.attributes["updating"]) == (1, 1)


async def test_pause_resume_and_abort(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered
) -> None:
    await begin(canary=0, batch_size=2)
    await press(hass, "pause")
    assert hass.states.get(STATE).state == "paused"
    for uid in UIDS[:2]:
        await end(hass, say, ordered()[uid], uid)
    assert list(ordered()) == UIDS[:2]
    await press(hass, "resume")
    assert list(ordered()) == UIDS[:4]
    with pytest.raises(ServiceValidationError) as caught:
        await press(hass, "resume")
    assert caught.value.translation_key == "rollout_not_possible"
    await press(hass, "abort")
    for uid in UIDS[2:4]:
        await end(hass, say, ordered()[uid], uid)
    state = hass.states.get(STATE)
    assert (state.state, state.attributes["updated"], state.attributes["waiting"]) == ("aborted", 4, 2)


async def test_it_waits_for_its_hours(
    hass: HomeAssistant, fleet: MockConfigEntry, begin: Begin, ordered: Ordered, wait: Wait
) -> None:
    await hass.config.async_set_time_zone("UTC")
    # It is 14:13 in these tests.
    await begin(start_time=time(14, 14), end_time=time(17))
    assert (hass.states.get(STATE).state, ordered()) == ("waiting", {})
    await wait(31)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(STATE).state == "running"


async def test_the_same_hour_twice_is_the_whole_day(
    hass: HomeAssistant, fleet: MockConfigEntry, begin: Begin, ordered: Ordered
) -> None:
    await begin(start_time=time(3), end_time=time(3))
    assert (hass.states.get(STATE).state, list(ordered())) == ("running", ["co2_001"])


async def test_an_image_that_a_rollout_still_needs_is_not_let_go(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered, wait: Wait
) -> None:
    await hass.config.async_set_time_zone("UTC")
    kept = async_get_folder(hass)
    for version in ("0.5.0", "2.1.0", "2.2.0", "2.3.0"):
        data = image(version)
        one = firmware.read_image(made.entry(version, data))
        assert isinstance(one, firmware.Image)
        await kept.async_add(one, data)
    await begin(version="0.5.0", start_time=time(14, 14), end_time=time(17))
    await fleet.runtime_data.updates.async_look()
    assert ordered() == {}
    await wait(31)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert ordered()["co2_001"]["version"] == "0.5.0"
    await press(hass, "abort")
    await end(hass, say, ordered()["co2_001"], "co2_001")
    assert fleet.runtime_data.updates.ordered == set()


async def test_an_image_that_was_replaced_after_the_first_device_tried_it_is_given_to_nobody(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered, folder: Path
) -> None:
    await begin(batch_size=9)
    first = ordered()["co2_001"]
    data = image("2.0.0", sectors=5)
    (folder / "co2-2.0.0.ota.bin").write_bytes(data)
    (folder / "firmware.json").write_text(catalogue(made.entry("2.0.0", data)))
    await fleet.runtime_data.updates.async_look()
    await end(hass, say, first, "co2_001")
    assert list(ordered()) == ["co2_001"]
    state = hass.states.get(STATE)
    assert (state.state, state.attributes["skipped"]) == ("completed", 5)


async def test_a_clock_that_is_set_back_makes_no_device_begin_again(
    hass: HomeAssistant,
    fleet: MockConfigEntry,
    say: Say,
    begin: Begin,
    ordered: Ordered,
    wait: Wait,
    freezer: FrozenDateTimeFactory,
) -> None:
    await begin(canary=0, batch_size=2)
    await end(hass, say, ordered()["co2_001"], "co2_001")
    freezer.tick(-600)
    await end(hass, say, ordered()["co2_002"], "co2_002")
    await end(hass, say, ordered()["co2_003"], "co2_003", "download_failed")
    state = hass.states.get(STATE)
    assert (state.state, state.attributes["failures"]) == ("stopped", {"co2_003": "download_failed"})


@pytest.mark.parametrize(("event", "state"), [(rollout.Abort(), "aborted"), (rollout.Pause(), "paused")])
async def test_whoever_stops_it_while_the_image_is_fetched_stops_it(
    hass: HomeAssistant,
    fleet: MockConfigEntry,
    ordered: Ordered,
    wait: Wait,
    event: rollout.Abort | rollout.Pause,
    state: str,
) -> None:
    updates, fetched = fleet.runtime_data.updates, asyncio.Event()

    async def slowly(_image: firmware.Image) -> None:
        await fetched.wait()

    await wait(20)
    with patch.object(updates, "async_fetch", slowly):
        await hass.services.async_call(
            DOMAIN, "rollout_firmware", {"device_type": "co2", "canary": 0, "batch_size": 2}, blocking=True
        )
        await hass.async_block_till_done()
        # Whoever looks meanwhile finds nobody forgotten.
        await wait(31)
        assert hass.states.get(STATE).attributes["updating"] == 2
        updates.rollouts.async_tell(event)
        fetched.set()
        await hass.async_block_till_done(wait_background_tasks=True)
    assert (ordered(), hass.states.get(STATE).state) == ({}, state)
    assert hass.states.get(STATE).attributes["waiting"] == 6


async def test_a_broker_that_goes_while_devices_are_begun_with_skips_none_of_them(
    hass: HomeAssistant, fleet: MockConfigEntry, begin: Begin, ordered: Ordered, wait: Wait, broker: MqttMockHAClient
) -> None:
    updates = fleet.runtime_data.updates
    fetch = updates.async_fetch

    async def lose(one: firmware.Image) -> None:
        await fetch(one)
        broker.connected = False
        async_dispatcher_send(hass, MQTT_CONNECTION_STATE, False)

    with patch.object(updates, "async_fetch", lose):
        await begin(canary=0, batch_size=2)
    state = hass.states.get(STATE)
    assert (ordered(), state.attributes["skipped"], state.attributes["waiting"]) == ({}, 0, 6)
    broker.connected = True
    async_dispatcher_send(hass, MQTT_CONNECTION_STATE, True)
    await wait(31)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert list(ordered()) == UIDS[:2]


async def test_nobody_is_skipped_after_a_restart_because_the_folder_was_not_looked_through_yet(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered, wait: Wait
) -> None:
    await hass.config.async_set_time_zone("UTC")
    await begin(canary=0, batch_size=2, start_time=time(14, 14), end_time=time(17))
    assert ordered() == {}
    await hass.config_entries.async_unload(fleet.entry_id)
    hass.data.pop(f"{DOMAIN}_firmware")
    read, scan = threading.Event(), FirmwareFolder._scan  # noqa: SLF001

    def slowly(one: FirmwareFolder) -> object:
        read.wait(10)
        return scan(one)

    with patch.object(FirmwareFolder, "_scan", slowly):
        assert await hass.config_entries.async_setup(fleet.entry_id)
        for uid in UIDS:
            async_fire_mqtt_message(hass, f"devices/{uid}/status", "online", 1, True)
        for _ in range(2):
            await wait(31)
        assert (hass.states.get(STATE).state, ordered()) == ("running", {})
        read.set()
        await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(STATE).attributes["skipped"] == 0
    assert list(ordered()) == UIDS[:2]


async def test_a_rollout_over_two_hubs_begins_on_both_or_on_none(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered
) -> None:
    other = hub_entry(root="annex")
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await say("co2_101", "info", INFO, retain=True, root="annex")
    await say("co2_101", "status", "online", retain=True, root="annex")
    await other.runtime_data.async_approve(["co2_101"])
    await hass.async_block_till_done(wait_background_tasks=True)
    await begin(device_id=[other.runtime_data.devices["co2_101"].device_id])
    with pytest.raises(ServiceValidationError) as caught:
        await begin()
    assert caught.value.translation_key == "rollout_running"
    assert not fleet.runtime_data.updates.rollouts.running
    assert "co2_001" not in ordered()


async def test_a_restart_in_the_middle_goes_on_and_orders_nobody_twice(
    hass: HomeAssistant, fleet: MockConfigEntry, say: Say, begin: Begin, ordered: Ordered, wait: Wait
) -> None:
    await begin(canary=0, batch_size=2)
    first = ordered()
    for uid in UIDS[:2]:
        content = {"cmd_id": first[uid]["cmd_id"], "state": "downloading", "progress": 5, "version": "2.0.0"}
        await say(uid, "ota/state", content)
    assert await hass.config_entries.async_reload(fleet.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    for uid in UIDS:
        await say(uid, "status", "online", retain=True)
    assert hass.states.get(STATE).state == "running"
    await wait(60)
    assert ordered() == first
    for uid in UIDS[:2]:
        await end(hass, say, first[uid], uid)
    await wait(31)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert list(ordered()) == UIDS[:4]


async def test_what_happened_between_two_writes_is_set_right_after_a_restart(
    hass: HomeAssistant,
    fleet: MockConfigEntry,
    say: Say,
    begin: Begin,
    ordered: Ordered,
    wait: Wait,
    hass_storage: dict[str, Any],
) -> None:
    await begin(canary=0, batch_size=3)
    first = ordered()
    for uid in UIDS[:3]:
        await end(hass, say, first[uid], uid)
    await hass.config_entries.async_unload(fleet.entry_id)
    stored = hass_storage[f"smartair.{fleet.entry_id}.firmware"]["data"]
    # As if the power had failed: the end of one is not noted, one was chosen and not ordered, one is deleted.
    stored["rollout"]["devices"]["co2_001"] = ["updating", None]
    stored["rollout"]["devices"]["co2_009"] = ["updating", None]
    stored["rollout"]["targets"].append(["co2_009", "2.0.0", "ab" * 32])
    del stored["devices"]["co2_004"]
    assert await hass.config_entries.async_setup(fleet.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    for uid in UIDS:
        await say(uid, "status", "online", retain=True)
    await wait(31)
    await hass.async_block_till_done(wait_background_tasks=True)
    current = fleet.runtime_data.updates.rollouts.current
    assert current.device("co2_001").stage == "updated"
    assert (current.device("co2_009").stage, current.device("co2_009").error) == ("skipped", "deleted")
    assert current.device("co2_004").stage == "waiting"
    before = ordered()
    await say("co2_004", "status", "online")
    for uid in UIDS[4:]:
        await end(hass, say, before[uid], uid)
    assert ordered()["co2_004"]["cmd_id"] != before["co2_004"]["cmd_id"]


async def test_one_rollout_at_a_time(fleet: MockConfigEntry, begin: Begin) -> None:
    await begin()
    with pytest.raises(ServiceValidationError) as caught:
        await begin()
    assert caught.value.translation_key == "rollout_running"


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"device_type": "dust"}, "rollout_no_devices"),
        ({"device_type": "co2", "version": "9.9.9"}, "rollout_nothing"),
        ({}, "rollout_no_devices"),
    ],
)
async def test_without_anything_to_do_it_says_so(
    hass: HomeAssistant, fleet: MockConfigEntry, data: dict[str, Any], key: str
) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        await hass.services.async_call(DOMAIN, "rollout_firmware", data, blocking=True)
    assert caught.value.translation_key == key


async def test_devices_are_chosen_by_themselves_their_entities_areas_and_labels(
    hass: HomeAssistant,
    fleet: MockConfigEntry,
    begin: Begin,
    device_registry: dr.DeviceRegistry,
    area_registry: ar.AreaRegistry,
    label_registry: lr.LabelRegistry,
) -> None:
    devices = fleet.runtime_data.devices
    label = label_registry.async_create("Night").label_id
    area = area_registry.async_create("Hall").id
    device_registry.async_update_device(devices["co2_001"].device_id, labels={label})
    device_registry.async_update_device(devices["co2_002"].device_id, area_id=area)

    async def chosen(**data: Any) -> set[str]:
        answer = await begin(dry_run=True, **data)
        return set(answer["rollouts"][0]["versions"])

    assert await chosen(device_id=devices["co2_003"].device_id) == {"co2_003"}
    assert await chosen(entity_id="update.bedroom_co2_004_firmware") == {"co2_004"}
    assert await chosen(label_id=[label]) == {"co2_001"}
    assert await chosen(area_id=[area]) == {"co2_002"}
    assert await chosen(area_id=[area], label_id=[label]) == {"co2_001", "co2_002"}
