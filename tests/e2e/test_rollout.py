"""Two hundred devices in a staged rollout, a twentieth of them faulty, and Home Assistant killed in the middle."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from lab.client import eventually
from lab.simulator.device import Identity
from lab.simulator.ota import Fault, Updater
from tests.firmware import image

from .firmware import put, reachable

if TYPE_CHECKING:
    from lab.simulator.device import Device, Link

    from .conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

COUNT = 200
UIDS = [f"co2_{number:03}" for number in range(1, COUNT + 1)]
# Ten of two hundred, none among the first five.
FAULTY = {
    UIDS[at]: fault
    for at, fault in zip(
        range(15, COUNT, 19),
        [Fault.CORRUPTED, Fault.DIES_AT_BOOT, Fault.TRUNCATED] * 4,
        strict=False,
    )
}
EXPECTED = {
    Fault.CORRUPTED: "checksum_mismatch",
    Fault.DIES_AT_BOOT: "rolled_back",
    Fault.TRUNCATED: "download_failed",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _fleet(house: House) -> None:
    await reachable(house)
    put(house, {"1.0.0": image("1.0.0", sectors=100), "2.0.0": image("2.0.0", sectors=100)})

    def make(who: Identity, link: Link) -> Device:
        device = house.household.make(who, link)
        device.firmware_version = "1.0.0"
        device.settings.values["report_interval"] = 10
        device.updater = Updater(device, FAULTY.get(who.uid))
        return device

    identities = [Identity(uid=uid, device_type="co2", name=f"Air {uid}", area="Hall") for uid in UIDS]
    await house.fleet.add(identities, make)
    await house.add_hub()

    async def approved() -> bool:
        found = await house.client.action_response("smartair", "approve_devices", pattern="co2_*")
        del found
        return len([name for name in await house.client.devices("smartair") if name in UIDS]) == COUNT

    await eventually(approved, within=60, what="all devices approved")

    async def offered() -> bool:
        states = await house.client.states()
        on = [one for key, one in states.items() if key.startswith("update.") and one["state"] == "on"]
        return len(on) == COUNT

    await eventually(offered, within=60, what="version 2 offered to all")


async def rollout(house: House) -> dict[str, Any]:
    states = await house.client.states()
    # The sensor comes with the first rollout, a moment after the action.
    return dict(states.get("sensor.smartair_firmware_rollout", {"state": None}))


async def until(house: House, *phases: str, within: float) -> dict[str, Any]:
    async def ask() -> dict[str, Any] | None:
        found = await rollout(house)
        return found if found["state"] in phases else None

    found = await eventually(ask, within=within, what=f"a rollout that is {phases}")
    assert found is not None
    return found


async def lags(house: House, stop: asyncio.Event) -> list[float]:
    """Measure how long Home Assistant takes to answer a small question: the lag of its loop, and a round trip."""
    found = []
    while not stop.is_set():
        start = time.perf_counter()
        await house.client.call("get_config")
        found.append(time.perf_counter() - start)
        await asyncio.sleep(0.02)
    return sorted(found)


async def test_it_stops_by_itself_at_the_threshold_and_says_which_and_why(house: House) -> None:
    answer = await house.client.action_response(
        "smartair", "rollout_firmware", device_type="co2", canary=5, batch_size=20, failure_threshold=3
    )
    (plan,) = answer["rollouts"]
    assert [len(stage) for stage in plan["stages"]] == [5, *[20] * 9, 15]
    state = await until(house, "stopped", "completed", within=240)
    failures = state["attributes"]["failures"]
    assert state["state"] == "stopped"
    assert len(failures) >= 3
    assert failures == {uid: EXPECTED[FAULTY[uid]] for uid in failures}
    begun = [uid for uid in UIDS if (updater := house.device(uid).updater) and updater.orders]
    # The batch in which the third failed was the last to be begun with.
    third = sorted(UIDS.index(uid) for uid in failures)[2]
    assert begun == UIDS[: 5 + 20 * ((third - 5) // 20 + 1)]


async def test_killed_in_the_middle_it_completes_and_every_device_is_ordered_once(
    house: House, record_property: Any
) -> None:
    async def quiet() -> bool:
        return not any((updater := house.device(uid).updater) and updater.busy for uid in UIDS)

    await eventually(quiet, within=60, what="the last batch over")
    before = {uid: len(updater.orders) for uid in UIDS if (updater := house.device(uid).updater)}
    answer = await house.client.action_response(
        "smartair", "rollout_firmware", device_type="co2", canary=0, batch_size=10, failure_threshold=100
    )
    (plan,) = answer["rollouts"]
    targets = set(plan["versions"])
    stop = asyncio.Event()
    watch = asyncio.create_task(lags(house, stop))

    async def some() -> bool:
        return int((await rollout(house))["attributes"]["updated"]) >= 30

    await eventually(some, within=120, what="thirty devices updated")
    stop.set()
    found = await watch
    await house.hass.kill()
    await house.hass.start()
    state = await until(house, "completed", "stopped", within=300)
    assert state["state"] == "completed"
    attributes = state["attributes"]
    faulty = {uid: EXPECTED[FAULTY[uid]] for uid in targets if uid in FAULTY}
    # Whoever was about to download from Home Assistant when it was killed may have lost that, and nothing else.
    lost = {uid: error for uid, error in attributes["failures"].items() if uid not in faulty}
    assert {uid: attributes["failures"][uid] for uid in faulty} == faulty
    assert set(lost.values()) <= {"connect_failed", "download_failed"}
    assert len(lost) <= 10
    assert attributes["updated"] + attributes["skipped"] == len(targets) - len(faulty) - len(lost)
    assert attributes["skipped"] == 0
    for uid in UIDS:
        updater = house.device(uid).updater
        assert updater is not None
        ids = {order["cmd_id"] for order in updater.orders}
        assert len(ids) - before[uid] == (uid in targets), uid
        expected = "1.0.0" if uid in FAULTY or uid in lost else "2.0.0"
        assert house.device(uid).firmware_version == expected, uid
    p99 = found[len(found) * 99 // 100]
    print(  # noqa: T201 - a figure for people
        f"\nanswers during the rollout: {len(found)}, median {found[len(found) // 2]:.4f} s, p99 {p99:.4f} s"
    )
    assert p99 < 0.25
