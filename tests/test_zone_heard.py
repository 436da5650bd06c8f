"""Zones on levels from Home Assistant's own integrations: not heard yet, steady, lost, in other units, too slow."""

import contextlib
from typing import Any
from unittest.mock import patch

from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.pumps.pump import Pump
from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused, Role
from custom_components.smartair.pysmartair.water.model import Failed
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .zone_house import DATA, LEVEL, TankHouse, discover
from .zone_rack import add_zone


@pytest.fixture
def tank(hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait) -> TankHouse:
    """Other people's switches and a tank."""
    return TankHouse(hass, wait)


def alerts(zone: Zone) -> list[Code]:
    return [alert.code for alert in zone.alerts.active(zone=zone.zone_id)]


def quiet(zone: Zone, tank: TankHouse) -> None:
    assert tank.on("recirc")
    assert alerts(zone) == []
    assert zone.pumps[Role.RECIRCULATION].lock is None


async def test_a_level_that_is_steady_is_not_silent(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%")
    tank.say()
    await hass.async_block_till_done()
    zone = await add_zone(hass, hub, DATA)
    await tank.second(200)
    quiet(zone, tank)
    await zone.async_start_change()
    assert await tank.until(zone, "Failed", "Stabilize") == "Stabilize"


async def test_a_level_that_was_seen_to_repeat_itself_is_lost_when_it_no_longer_does_and_comes_back(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    zone = await add_zone(hass, hub, DATA)
    await tank.second(60)
    tank.silent = True
    await tank.second(50)
    quiet(zone, tank)
    await tank.second(20)
    assert not tank.on("recirc"), "nobody knows whether there is water"
    assert alerts(zone) == [Code.DRY_RUN]
    assert zone.pumps[Role.RECIRCULATION].lock is None, "an unknown that may end is no lock"
    with pytest.raises(ServiceValidationError):
        await zone.async_start_change()
    tank.silent = False
    await tank.second(8)
    quiet(zone, tank)


async def test_circulation_that_stood_for_an_unknown_level_runs_again_after_its_longest_rest_and_stays_on(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    zone = await add_zone(hass, hub, DATA)
    await tank.second(60)
    tank.silent = True
    await tank.second(70)
    assert not tank.on("recirc")
    await tank.second(15 * 60)
    assert tank.on("recirc")
    await tank.second(120)
    assert tank.on("recirc"), "a dead sensor does not kill the plants"
    tank.silent, tank.level = False, 4.0
    await tank.second(15)
    assert not tank.on("recirc"), "a dry tank that is measured stops it"
    assert zone.pumps[Role.RECIRCULATION].lock is not None


async def test_a_restart_waits_for_the_first_value_before_it_stops_what_runs(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    zone = await add_zone(hass, hub, DATA)
    tank.silent = True
    await tank.second(40)
    quiet(zone, tank)
    with pytest.raises(PumpRefusedError):
        await zone.pumps[Role.FILL].async_run(seconds=10)
    tank.silent = False
    await tank.second(30)
    quiet(zone, tank)
    await zone.pumps[Role.FILL].async_run(seconds=2)
    await tank.second(4)


async def test_a_level_that_never_comes_stops_circulation_after_its_term(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%")
    zone = await add_zone(hass, hub, DATA)
    tank.silent = True
    await tank.second(55)
    quiet(zone, tank)
    await tank.second(20)
    assert not tank.on("recirc")
    assert zone.pumps[Role.RECIRCULATION].lock is None


async def test_a_start_of_home_assistant_that_takes_its_time_is_no_silence(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%")
    tank.silent = True
    hass.set_state(CoreState.not_running)
    zone = await add_zone(hass, hub, DATA)
    await tank.second(150)
    hass.set_state(CoreState.running)
    await tank.second(50)
    quiet(zone, tank)
    await tank.second(30)
    assert not tank.on("recirc")


async def test_a_fill_that_is_found_running_after_a_start_has_the_term_too(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%")
    tank.silent, tank.fill_rate = True, 0.1
    hass.states.async_set("switch.fill", "on")
    zone = await add_zone(hass, hub, DATA)
    await tank.second(50)
    assert tank.on("fill")
    await tank.second(30)
    assert not tank.on("fill")
    assert zone.pumps[Role.FILL].lock is None


@pytest.mark.parametrize("seconds", [3, 20, 50])
async def test_a_sensor_that_blinks_for_less_than_its_term_stops_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse, seconds: int
) -> None:
    await discover(hass, unit_of_measurement="%", availability_topic="x/there")
    async_fire_mqtt_message(hass, "x/there", "online")
    zone = await add_zone(hass, hub, DATA)
    await tank.second(30)
    for _ in range(3):
        async_fire_mqtt_message(hass, "x/there", "offline")
        await tank.second(seconds)
        with pytest.raises(PumpRefusedError):
            await zone.pumps[Role.FILL].async_run(seconds=10)
        quiet(zone, tank)
        async_fire_mqtt_message(hass, "x/there", "online")
        await tank.second(6)
        quiet(zone, tank)


async def test_a_sensor_that_its_integration_has_lost_is_unknown_after_its_term(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", availability_topic="x/there")
    async_fire_mqtt_message(hass, "x/there", "online")
    zone = await add_zone(hass, hub, DATA)
    await tank.second(30)
    async_fire_mqtt_message(hass, "x/there", "offline")
    await tank.second(75)
    assert not tank.on("recirc")
    async_fire_mqtt_message(hass, "x/there", "online")
    await tank.second(6)
    quiet(zone, tank)


async def test_a_reload_of_the_other_integration_gives_the_term_once_more_but_only_once(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    hass.states.async_set(LEVEL, "72", {"unit_of_measurement": "%"})
    zone = await add_zone(hass, hub, DATA)
    tank.silent = True
    await tank.second(10)
    hass.states.async_set(LEVEL, "unavailable")
    await tank.second(50)
    hass.states.async_set(LEVEL, "unknown", {"unit_of_measurement": "%"})
    await tank.second(50)
    quiet(zone, tank)
    hass.states.async_set(LEVEL, "unavailable")
    await tank.second(2)
    hass.states.async_set(LEVEL, "unknown", {"unit_of_measurement": "%"})
    await tank.second(20)
    assert not tank.on("recirc")


async def test_a_level_from_a_template_is_steady_too(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%")
    template = {"name": "Level", "state": f"{{{{ states('{LEVEL}') }}}}", "unit_of_measurement": "%"}
    template["availability"] = f"{{{{ has_value('{LEVEL}') }}}}"
    assert await async_setup_component(hass, "template", {"template": [{"sensor": [template]}]})
    tank.say()
    await hass.async_block_till_done()
    zone = await add_zone(hass, hub, DATA | {"sensors": {"level": "sensor.level", "flow_of": "fill"}})
    await tank.second(200)
    quiet(zone, tank)
    await zone.async_start_change()
    assert await tank.until(zone, "Failed", "Stabilize") == "Stabilize"


async def test_a_clock_that_is_set_back_keeps_no_dead_level_alive(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    tank.fill_rate = 0.01
    zone = await add_zone(hass, hub, DATA)
    await tank.second(60)
    await zone.pumps[Role.FILL].async_run(seconds=600)
    await tank.second(10)
    tank.silent = True
    with patch("custom_components.smartair.zones.sources.time.time", return_value=1_790_000_000 - 3600):
        await tank.second(30)
    assert not tank.on("fill")


async def test_a_fill_whose_level_falls_silent_ends_within_three_of_its_intervals(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    tank.level, tank.fill_rate = 20.0, 0.2
    zone = await add_zone(hass, hub, DATA)
    await tank.second(60)
    await zone.pumps[Role.FILL].async_run(seconds=600)
    await tank.second(20)
    assert tank.on("fill")
    tank.silent = True
    await tank.second(25)
    assert not tank.on("fill")
    assert zone.pumps[Role.FILL].lock is None


async def test_a_fill_on_a_level_that_says_only_changes_ends_when_none_comes(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%")
    tank.level, tank.fill_rate = 20.0, 0.2
    zone = await add_zone(hass, hub, DATA)
    await tank.second(200)
    await zone.pumps[Role.FILL].async_run(seconds=600)
    await tank.second(20)
    assert tank.on("fill")
    tank.silent = True
    await tank.second(75)
    assert not tank.on("fill")


def pump(zone: Zone, role: Role = Role.FILL) -> Pump:
    return zone.pumps[role]


async def unit_becomes(hass: HomeAssistant, unit: str) -> None:
    registry = er.async_get(hass)
    registry.async_update_entity_options(LEVEL, "sensor", {"unit_of_measurement": unit})
    await hass.async_block_till_done()


DEPTH: dict[str, Any] = {"unit_of_measurement": "cm", "device_class": "distance", "force_update": True}


async def test_a_level_in_centimetres_is_nothing_without_the_height_of_the_tank(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, **DEPTH)
    tank.shown = lambda level: f"{level / 2:.1f}"
    zone = await add_zone(hass, hub, DATA)
    await tank.second(20)
    with pytest.raises(ServiceValidationError):
        await zone.async_start_change()
    with pytest.raises(PumpRefusedError):
        await pump(zone).async_run(seconds=60)


@pytest.mark.parametrize("unit", ["cm", "mm", "in"])
async def test_a_level_in_any_length_is_converted_by_the_height_of_the_tank(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse, unit: str
) -> None:
    await discover(hass, **DEPTH)
    tank.shown = lambda level: f"{level / 2:.2f}"
    zone = await add_zone(hass, hub, DATA | {"limits": {"tank_height": 50}})
    await unit_becomes(hass, unit)
    await tank.second(20)
    assert zone.value("level") == pytest.approx(72, abs=0.5)
    await zone.async_start_change()
    assert await tank.until(zone, "Failed", "Stabilize") == "Stabilize"
    assert 78 <= tank.level <= 92
    assert tank.spilled == 0


async def test_a_unit_that_changes_into_one_that_is_not_understood_stops_a_fill(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    tank.level, tank.fill_rate = 20.0, 0.2
    zone = await add_zone(hass, hub, DATA)
    await tank.second(60)
    await pump(zone).async_run(seconds=600)
    await tank.second(12)
    await discover(hass, unit_of_measurement="hPa", force_update=True)
    await tank.second(12)
    assert not tank.on("fill")
    with pytest.raises(PumpRefusedError):
        await pump(zone).async_run(seconds=60)


@pytest.mark.parametrize(("every", "rate"), [(30, 0.67), (60, 0.67), (60, 0.22)])
async def test_a_level_that_comes_too_seldom_spills_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse, every: int, rate: float
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    tank.level, tank.fill_rate = 14.0, rate
    zone = await add_zone(hass, hub, DATA | {"limits": {"stale_after": 200}})
    for tank.every in (5, every):
        await tank.second(every * 3)
    with contextlib.suppress(ServiceValidationError):
        await zone.async_start_change()
    await tank.second(400)
    assert tank.spilled == 0
    assert not tank.on("fill")


async def test_an_overflow_that_comes_with_the_arrival_fails_the_change(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    tank.level = 20.0
    zone = await add_zone(hass, hub, DATA)
    await tank.second(30)
    await zone.async_start_change()
    await tank.until(zone, "Fill")
    while tank.level < 81:
        await tank.second()
    tank.level = 97.0
    await tank.second(10)
    failed = zone.memory.state
    assert isinstance(failed, Failed)
    assert str(failed.cause) == "overflow"
    assert zone.memory.made is None


def shown(hass: HomeAssistant) -> dict[str, Any]:
    state = hass.states.get("sensor.tent_state")
    assert state is not None
    return dict(state.attributes)


async def test_a_zone_tells_what_speaks_against_a_change_and_how_well_its_level_is_known(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    await add_zone(hass, hub, DATA)
    told = shown(hass)
    assert (told["hindrance"], told["level_problem"]) == ("level_unknown", "no_value")
    await tank.second(90)
    told = shown(hass)
    assert (told["hindrance"], told["level_problem"], told["level_judged_by"]) == ("none", "none", "repeats")
    assert told["level_interval"] == 5.0
    tank.silent = True
    await tank.second(130)
    told = shown(hass)
    assert (told["hindrance"], told["level_problem"]) == ("pump_unwatched", "silent") or (
        told["hindrance"] == "level_unknown"
    )


async def test_the_form_says_in_words_how_each_sensor_is_judged(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    zone = await add_zone(hass, hub, DATA)
    flow = await hub.start_subentry_reconfigure_flow(hass, zone.zone_id)
    assert "was not seen to report" in flow["description_placeholders"]["sensors"]
    await tank.second(60)
    flow = await hub.start_subentry_reconfigure_flow(hass, zone.zone_id)
    told = flow["description_placeholders"]["sensors"]
    assert f"`{LEVEL}`" in told
    assert "silence counts as loss (5 s)" in told


# --- steady is not silent, and what stands counts as said again ---------------------------------------


async def only_changes(hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse, **sensors: Any) -> Zone:
    """Add a zone whose level speaks each five seconds where it changes, and was seen to."""
    await discover(hass, unit_of_measurement="%")
    zone = await add_zone(hass, hub, DATA | {"sensors": DATA["sensors"] | sensors})
    for moment in range(40):
        tank.level = 60.0 + moment % 3
        await tank.second()
    return zone


async def test_a_tank_that_runs_empty_and_stays_so_stops_circulation_although_its_sensor_speaks_only_of_changes(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    zone = await only_changes(hass, hub, tank)
    tank.level = 5.0
    await tank.second(5)
    assert tank.on("recirc"), "one reading is one reading"
    await tank.second(20)
    assert not tank.on("recirc")
    assert zone.pumps[Role.RECIRCULATION].lock == Refused(Reason.DRY_RUN, Cause.MEASURED, 5.0, 10)


async def test_one_bad_reading_of_a_sensor_that_speaks_only_of_changes_stops_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    zone = await only_changes(hass, hub, tank)
    tank.level = 5.0
    await tank.second(5)
    tank.level = 60.0
    await tank.second(60)
    quiet(zone, tank)


async def test_a_full_tank_that_stays_so_is_told_although_its_sensor_speaks_only_of_changes(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    zone = await only_changes(hass, hub, tank)
    tank.level = 97.0
    await tank.second(100)
    assert [alert.code for alert in zone.alerts.active()] == [Code.OVERFLOW]


async def test_an_entity_that_is_renamed_in_mid_run_puts_off_no_trip(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    """Whoever is listened to again counts from nothing, and the readings since are not fewer for that (D20)."""
    await discover(hass, unit_of_measurement="%", force_update=True)
    registry = er.async_get(hass)
    entry = registry.async_get(LEVEL)
    assert entry is not None
    zone = await add_zone(hass, hub, DATA | {"sensors": {"level": entry.id, "flow_of": "fill"}})
    await tank.second(60)
    tank.drain_rate = 0.0
    drain = zone.pumps[Role.DRAIN]
    await drain.async_run(seconds=900)
    await tank.second(60)
    registry.async_update_entity(LEVEL, new_entity_id="sensor.renamed")
    await tank.second(75)
    assert drain.lock is not None
    assert drain.lock.reason is Reason.NO_FLOW


async def test_a_level_that_is_gone_is_unknown_and_not_a_level_that_nobody_chose(
    hass: HomeAssistant, hub: MockConfigEntry, tank: TankHouse
) -> None:
    await discover(hass, unit_of_measurement="%", force_update=True)
    entry = er.async_get(hass).async_get(LEVEL)
    assert entry is not None
    zone = await add_zone(hass, hub, DATA | {"sensors": {"level": entry.id, "flow_of": "fill"}})
    await tank.second(60)
    drain = zone.pumps[Role.DRAIN]
    await drain.async_run(seconds=900)
    await tank.second(5)
    er.async_get(hass).async_remove(LEVEL)
    await tank.second(10)
    assert set(zone.missing) == {"level"}
    assert tank.on("recirc"), "a loss has its term"
    assert not tank.on("drain"), "it would run dry"
    with pytest.raises(PumpRefusedError) as refused:
        await drain.async_run(seconds=10)
    assert refused.value.verdict.reason is Reason.DRY_RUN
    await tank.second(60)
    assert not tank.on("recirc")
    assert zone.pumps[Role.RECIRCULATION].lock is None
    await discover(hass, unit_of_measurement="%", force_update=True)
    await tank.second(10)
    assert zone.missing == {}
    assert tank.on("recirc")
