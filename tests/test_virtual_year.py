"""The year of two racks: what is well is left alone, and each week's real fault is told once and within its limit.

Home Assistant restarts every week, the network blinks, a sensor is slow or steady, clocks are corrected and the hour
changes in spring and autumn. As many weeks are played as there are faults, and with SMARTAIR_YEAR_WEEKS=53 all of it.
"""

from collections.abc import Awaitable, Callable
import logging
import os

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.pysmartair.safety import Role
from custom_components.smartair.pysmartair.water.model import NormalRecirc

from .pump_node import begin
from .virtual_rack import FOREIGN, House
from .zone_rack import RACK_INFO, add_zone, settings

WEEKS = int(os.environ.get("SMARTAIR_YEAR_WEEKS") or 11)
LOOK_S = 3
"""What a report a second and a look a second add to a limit."""
CORRECTIONS = (-3600.0, 3600.0, -90.0, 300.0)

type Fault = Callable[[House], Awaitable[None]]


@pytest.fixture
async def house(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    hub: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    """Two racks in Berlin, where clocks change twice a year."""
    for name in ("homeassistant", "asyncio", "pytest_homeassistant_custom_component", "custom_components.smartair"):
        logging.getLogger(name).setLevel(logging.ERROR)
    await hass.config.async_set_time_zone("Europe/Berlin")
    hass.loop.set_debug(False)
    node = await begin(hass, broker, hub.runtime_data, RACK_INFO)
    house = House(hass, freezer, hub, node, monkeypatch)
    house.furnish()
    house.listen()
    board = settings(hass, hub, limits={"tank_volume": 60}, water_cycle={"stabilize_minutes": 1})
    for name, data in (("foreign", FOREIGN), ("board", board)):
        house.zones[name] = (await add_zone(hass, hub, data, name)).zone_id
    await house.second(5)
    return house


# --- what happens every week, and must have no consequence ------------------------------------------


async def what_is_well_is_left_alone(house: House, week: int) -> None:
    """A week of restarts, blinks, slow and steady sensors and corrected clocks, with a change in its midst."""
    house.tank.interval = (1, 2, 5, 10)[week % 4]
    await house.second(20)
    house.node.say("status", "offline", retain=True)
    house.go_away("fill")
    await house.second(3)
    house.node.say("status", "online", retain=True)
    house.come_back("fill")
    await house.second(2 * house.tank.interval + 3)
    await house.correct_the_clock(CORRECTIONS[week % len(CORRECTIONS)])
    await house.second(2 * house.tank.interval + 3)
    changed = ("foreign", "board")[week % 2]
    await house.zone(changed).async_start_change()
    assert house.codes() == {}, "S7 something was told although all was well"
    await house.until(changed, "NormalRecirc")
    await house.second(15)
    assert house.codes() == {}, "S7 something was told although all was well"
    assert_all_is_well(house)


def assert_all_is_well(house: House) -> None:
    assert house.tank.floor == house.board_tank.floor == 0, "water on the floor"
    for name in house.zones:
        assert isinstance(house.zone(name).memory.state, NormalRecirc)
        for pump in house.zone(name).pumps.values():
            assert pump.lock is None, f"a false lock: {name} {pump.role}"
        assert house.pump(name, Role.RECIRCULATION).is_on is True
        assert house.off_for[name] == 0, f"circulation of {name} is left off"
    assert house.hub.alerts.active() == [], "an alert is still there"


# --- the real faults --------------------------------------------------------------------------------


async def dry_tank(house: House) -> None:
    """Circulation draws from an empty reservoir."""
    house.board_tank.level = 4.0
    await house.told_within("biz_dry_run", seconds=5 + LOOK_S)
    await house.second(3)
    assert not house.node.on["pump_recirc"], "it runs dry"
    with pytest.raises(HomeAssistantError):
        await house.pump("board", Role.RECIRCULATION).async_reset()
    house.board_tank.level = 80.0
    await house.second(3)


async def blocked_pump(house: House) -> None:
    """A pump that moves no water."""
    house.board_tank.blocked = True
    await house.pump("board", Role.DRAIN).async_run(seconds=120)
    await house.told_within("biz_no_flow", seconds=10 + 5 + LOOK_S)
    await house.second(2)
    assert not house.node.on["pump_drain"], "it goes on without moving water"
    house.board_tank.blocked = False
    await house.second(3)


async def welded_relay(house: House) -> None:
    """A contact that does not open any more."""
    await house.pump("board", Role.DRAIN).async_run(seconds=120)
    await house.second(5)
    house.welded.add("pump_drain")
    await house.pump("board", Role.DRAIN).async_stop()
    await house.told_within("biz_pump_stuck_on", seconds=5 + LOOK_S)
    with pytest.raises(HomeAssistantError):
        await house.pump("board", Role.DRAIN).async_reset()
    with pytest.raises(HomeAssistantError):
        await house.pump("board", Role.FILL).async_run(seconds=10)
    house.welded.clear()
    await house.second(3)
    house.forget("biz_run_refused")


async def overflow(house: House) -> None:
    """A tank that gets full while it is filled."""
    house.board_tank.level = 85.0
    await house.second(2)
    await house.pump("board", Role.FILL).async_run(seconds=120)
    await house.told_within("biz_overflow", seconds=10 + LOOK_S)
    await house.second(2)
    assert not house.node.on["pump_fill"], "it goes on filling"
    with pytest.raises(HomeAssistantError):
        await house.pump("board", Role.FILL).async_reset()
    house.board_tank.level = 70.0
    await house.second(3)


async def silent_board(house: House) -> None:
    """A board that says nothing any more while it fills."""
    house.board_tank.level = 40.0
    await house.second(2)
    await house.pump("board", Role.FILL).async_run(seconds=40)
    await house.second(5)
    house.board_tank.silent = house.node.mute = True
    sent = len(house.node.sent)
    await house.second(15 + 5 + LOOK_S)
    assert any(one["command"] == "stop_pump" for one in house.node.sent[sent:]), "S6 it fills unseen"
    house.board_tank.silent = house.node.mute = False
    house.node.on["pump_fill"] = False
    await house.second(5)
    for code in ("biz_overflow", "biz_command_unconfirmed", "biz_run_refused", "infra_device_offline"):
        house.forget(code, most=1)


async def sensor_that_dies(house: House) -> None:
    """A level that is heard no more while the tank is filled (D3)."""
    house.tank.level, house.tank.interval = 16.0, 1
    await house.second(3)
    await _begin_fill(house)
    await house.second(5)
    house.tank.silent = True
    # Fifteen seconds, five of grace; the tank has a minute of room.
    await house.second(15 + 5 + LOOK_S)
    assert not house.on("fill"), "S6 it fills blind"
    await _failed_once(house)
    house.tank.silent = False
    await house.second(5)


async def sensor_that_freezes(house: House) -> None:
    """A level that says the same for ever while the tank is filled."""
    house.tank.level, house.tank.interval, house.tank.pace = 16.0, 1, 0.3
    await house.second(3)
    await _begin_fill(house)
    await house.second(10)
    house.tank.frozen = house.tank.said
    await house.second(180 + 5 + LOOK_S)
    assert not house.on("fill"), "it fills on a sensor that is frozen"
    assert house.tank.floor == 0
    await _failed_once(house)
    house.tank.frozen, house.tank.pace = None, 1.0
    await house.second(5)


async def valve_that_leaks(house: House) -> None:
    """Water that rises while nothing fills (D12)."""
    house.tank.level, house.tank.interval = 60.0, 1
    # Water runs back from its channels for a minute, and two more show that it is calm.
    await house.second(200)
    house.told.clear()
    house.tank.leak = 0.1
    await house.told_within("biz_overflow", seconds=60 + 20 + 2 * LOOK_S)
    with pytest.raises(HomeAssistantError):
        await house.pump("foreign", Role.FILL).async_run(seconds=10)
    house.tank.leak = 0.0
    await house.second(10)
    house.forget("biz_run_refused")


async def board_that_says_done_and_goes_on(house: House) -> None:
    """A board whose contact has welded, and which answers DONE to each stop (D1)."""
    await house.pump("board", Role.DRAIN).async_run(seconds=120)
    await house.second(5)
    house.welded.add("pump_drain")
    house.liar = True
    await house.pump("board", Role.DRAIN).async_stop()
    await house.told_within("biz_command_unconfirmed", "biz_pump_stuck_on", seconds=10 + LOOK_S)
    await house.second(30)
    house.welded.clear()
    house.liar = False
    await house.second(5)
    house.forget("biz_command_unconfirmed", most=1)
    house.forget("biz_pump_stuck_on", most=1)


async def switch_that_never_returns(house: House) -> None:
    """A switch whose call never ends holds up nothing else (D2)."""
    await house.zone("foreign").async_start_change()
    await house.second(10)
    assert house.on("drain")
    house.hung = True
    stopping = house.hass.async_create_background_task(house.zone("foreign").async_abort(), "abort")
    await house.second(30)
    assert house.on("recirc"), "S5 circulation waits for a stop that never returns"
    house.hung = False
    await house.second(40)
    assert stopping.done(), "whoever aborts waits for ever"
    assert not house.on("drain")
    for code in ("biz_command_unconfirmed", "biz_water_change_failed", "biz_pump_stuck_on"):
        house.forget(code, most=1)


async def switch_that_sticks(house: House) -> None:
    """A relay of somebody else's that stays on."""
    await house.zone("foreign").async_start_change()
    await house.second(10)
    house.welded.add("drain")
    await house.zone("foreign").async_abort()
    await house.told_within("biz_command_unconfirmed", "biz_pump_stuck_on", seconds=10 + LOOK_S)
    house.welded.clear()
    await house.second(40)
    for code in ("biz_command_unconfirmed", "biz_pump_stuck_on", "biz_water_change_failed"):
        house.forget(code, most=1)


async def _begin_fill(house: House) -> None:
    """Begin a change of a tank that is nearly empty, and wait until it is filled."""
    await house.zone("foreign").async_start_change()
    await house.until("foreign", "Fill", 60)
    for _ in range(10):
        if house.on("fill"):
            return
        await house.second()
    raise AssertionError("it does not fill")


async def _failed_once(house: House) -> None:
    told = house.codes()
    assert told["biz_water_change_failed"] == 1, f"the change failed, which is told once: {told}"
    for code in ("biz_water_change_failed", "biz_overflow", "biz_no_flow", "biz_sensor_frozen"):
        house.forget(code, most=1)


FAULTS: tuple[tuple[Fault, str], ...] = (
    (dry_tank, "biz_dry_run"),
    (blocked_pump, "biz_no_flow"),
    (sensor_that_dies, ""),
    (welded_relay, "biz_pump_stuck_on"),
    (overflow, "biz_overflow"),
    (valve_that_leaks, "biz_overflow"),
    (switch_that_never_returns, ""),
    (sensor_that_freezes, ""),
    (silent_board, ""),
    (board_that_says_done_and_goes_on, ""),
    (switch_that_sticks, ""),
)


async def one_real_fault(house: House, fault: Fault, code: str) -> None:
    """Let one thing break and be repaired: told once, and gone when it is reset after that."""
    house.told.clear()
    await fault(house)
    if code:
        assert house.codes()[code] == 1, f"{code} is told once: {house.codes()}"
        house.forget(code)
    house.forget("biz_water_change_aborted")
    assert house.codes() == {}, "more was told than what broke"
    await repaired(house)


async def repaired(house: House) -> None:
    """Reset what is locked and abort what has failed, as a person does; then all is well again."""
    house.tank.level = house.board_tank.level = 80.0
    # Who tops up by hand makes water rise while nothing fills, which is told until it is calm again.
    await house.second(150)
    for name in house.zones:
        zone = house.zone(name)
        if not isinstance(zone.memory.state, NormalRecirc):
            await zone.async_abort()
        for pump in zone.pumps.values():
            if pump.lock is not None or pump.stuck:
                await pump.async_reset()
        await house.second(2)
        await house.pump(name, Role.RECIRCULATION).async_run()
    await house.second(20)
    house.told.clear()
    assert_all_is_well(house)


# --- the year ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "code"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
async def test_a_real_fault_is_told_once_and_within_its_limit(house: House, fault: Fault, code: str) -> None:
    await one_real_fault(house, fault, code)


@pytest.mark.timeout(900)
async def test_a_year_of_two_racks(house: House) -> None:
    for week in range(WEEKS):
        house.told.clear()
        await what_is_well_is_left_alone(house, week)
        await one_real_fault(house, *FAULTS[week % len(FAULTS)])
        await house.restart(days=6.9)
        await house.second(15)
        assert house.codes() == {}, f"S9 a restart is told as a fault in week {week}: {house.told}"
        assert_all_is_well(house)
