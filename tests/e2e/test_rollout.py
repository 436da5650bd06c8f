"""Two hundred devices in a staged rollout, a twentieth of them faulty, and Home Assistant killed in the middle."""

import os
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from lab.bench.variants import PROBE
from lab.client import HassError, eventually
from lab.hass import LEAN
from lab.simulator.device import Identity
from lab.simulator.ota import Fault, Updater
from tests.firmware import image

from .conftest import House, furnished
from .firmware import put, reachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lab.simulator.device import Device, Link

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    """A house whose event loop is measured."""
    async with furnished((*LEAN, PROBE)) as one:
        yield one


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
    # One state of thousands: all of them, ten times in a second, would be most of what the loop has to do.
    try:
        return dict(await house.client.request("GET", "/api/states/sensor.smartair_firmware_rollout"))
    except HassError:
        # The sensor comes with the first rollout, a moment after the action.
        return {"state": None}


async def until(house: House, *phases: str, within: float) -> dict[str, Any]:
    async def ask() -> dict[str, Any] | None:
        found = await rollout(house)
        return found if found["state"] in phases else None

    found = await eventually(ask, within=within, what=f"a rollout that is {phases}")
    assert found is not None
    return found


async def lags(house: House) -> list[float]:
    """Return how late the event loop was at every fiftieth part of a second since the probe was reset."""
    return list((await house.client.call(f"{PROBE}/read"))["lags"])


def judge(found: list[float], count: int) -> None:
    """Show how late the loop was during a rollout, and fail where it hung."""
    p50, p99, worst = (sorted(found)[len(found) * part // 1000] * 1000 for part in (500, 990, 999))
    print(  # noqa: T201 - a figure for people
        f"\nlag of the loop while {count} devices were updated: {len(found)} looks, p50 {p50:.1f} ms,"
        f" p99 {p99:.1f} ms, p99.9 {worst:.0f} ms, max {max(found) * 1000:.0f} ms, load {os.getloadavg()[0]:.1f}"
    )
    # 50 ms is the goal; here two hundred devices and a broker, and perhaps other tests, want the same processors.
    assert p99 < 250


async def test_it_stops_by_itself_at_the_threshold_and_says_which_and_why(house: House) -> None:
    await house.client.call(f"{PROBE}/reset")
    answer = await house.client.action_response(
        "smartair", "rollout_firmware", device_type="co2", canary=5, batch_size=20, failure_threshold=3
    )
    (plan,) = answer["rollouts"]
    assert [len(stage) for stage in plan["stages"]] == [5, *[20] * 9, 15]
    state = await until(house, "stopped", "completed", within=240)
    found = await lags(house)
    failures = state["attributes"]["failures"]
    assert state["state"] == "stopped"
    assert len(failures) >= 3
    assert failures == {uid: EXPECTED[FAULTY[uid]] for uid in failures}
    begun = [uid for uid in UIDS if (updater := house.device(uid).updater) and updater.orders]
    # The batch in which the third failed was the last to be begun with.
    third = sorted(UIDS.index(uid) for uid in failures)[2]
    assert begun == UIDS[: 5 + 20 * ((third - 5) // 20 + 1)]
    judge(found, len(begun))


async def test_killed_in_the_middle_it_completes_and_every_device_is_ordered_once(house: House) -> None:
    async def quiet() -> bool:
        return not any((updater := house.device(uid).updater) and updater.busy for uid in UIDS)

    await eventually(quiet, within=60, what="the last batch over")
    before = {uid: len(updater.orders) for uid in UIDS if (updater := house.device(uid).updater)}
    await house.client.call(f"{PROBE}/reset")
    answer = await house.client.action_response(
        "smartair", "rollout_firmware", device_type="co2", canary=0, batch_size=10, failure_threshold=100
    )
    (plan,) = answer["rollouts"]
    targets = set(plan["versions"])

    async def some() -> bool:
        return int((await rollout(house))["attributes"]["updated"]) >= 30

    await eventually(some, within=120, what="thirty devices updated")
    found = await lags(house)
    await house.hass.kill()
    await house.hass.start()
    await house.client.call(f"{PROBE}/reset")
    state = await until(house, "completed", "stopped", within=300)
    found += await lags(house)
    assert state["state"] == "completed"
    attributes = state["attributes"]
    faulty = {uid: EXPECTED[FAULTY[uid]] for uid in targets if uid in FAULTY}
    failures = attributes["failures"]
    assert faulty.keys() <= failures.keys()
    # Whoever was about to download from Home Assistant when it was killed, faulty or not, may have lost that,
    # and nothing else.
    lost = {uid: error for uid, error in failures.items() if error != faulty.get(uid)}
    assert set(lost.values()) <= {"connect_failed", "download_failed"}
    assert len(lost) <= 10
    assert attributes["updated"] + attributes["skipped"] == len(targets) - len(failures)
    assert attributes["skipped"] == 0
    for uid in UIDS:
        updater = house.device(uid).updater
        assert updater is not None
        ids = {order["cmd_id"] for order in updater.orders}
        assert len(ids) - before[uid] == (uid in targets), uid
        expected = "1.0.0" if uid in FAULTY or uid in lost else "2.0.0"
        assert house.device(uid).firmware_version == expected, uid
    judge(found, len(targets))
