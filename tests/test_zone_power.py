"""What foreign pumps draw guards them: too much locks, and power on a pump that is off is a contact that welded."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused, Role
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .pump_node import begin
from .test_zone_flow import answer, changed, choose, start
from .zone_house import DATA, LEVEL, TankHouse, discover
from .zone_rack import add_zone, settings

POWER = "sensor.power"


class Metered(TankHouse):
    """A tank of which one pump hangs on a socket that measures: each second, and every time or only what is new."""

    def __init__(self, hass: HomeAssistant, wait: Wait) -> None:
        """Begin with what a small pump draws."""
        super().__init__(hass, wait)
        self.unit: str | None = "W"
        self.meters = "fill"
        self.draws = "55"
        self.rests = "0.0"
        self.repeats = True
        self.away = False
        self.metered_every = 1
        self.said: tuple[str, dict[str, str]] | None = None

    def meter(self) -> None:
        said = "unavailable" if self.away else self.draws if self.on(self.meters) else self.rests
        attributes = {} if self.away or self.unit is None else {"unit_of_measurement": self.unit}
        if self.repeats or (said, attributes) != self.said:
            self.said = said, attributes
            self.hass.states.async_set(POWER, said, attributes)

    async def second(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            await super().second()
            if self.elapsed % self.metered_every == 0:
                self.meter()
            await self.hass.async_block_till_done(wait_background_tasks=True)


@pytest.fixture
async def tank(hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait) -> Metered:
    """A tank of which a sensor tells the level each five seconds."""
    tank = Metered(hass, wait)
    tank.level, tank.fill_rate, tank.drain_rate = 40.0, 0.2, 0.2
    await discover(hass, unit_of_measurement="%", force_update=True)
    return tank


async def added(hass: HomeAssistant, hub: MockConfigEntry, tank: Metered, most: float | None = None) -> Zone:
    tank.meter()
    name = "recirculation" if tank.meters == "recirc" else tank.meters
    limits = {} if most is None else {f"{name}_max_power": most}
    sensors = {"level": LEVEL, "flow_of": "fill", f"{name}_power": POWER}
    zone = await add_zone(hass, hub, DATA | {"sensors": sensors, "limits": {"stale_after": 60} | limits})
    await tank.second(30)
    return zone


def stuck(zone: Zone) -> bool:
    return Code.PUMP_STUCK_ON in {alert.code for alert in zone.alerts.active()}


# --- too much -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "draws", "most", "verdict"),
    [
        ("W", "90", 60, Refused(Reason.OVERCURRENT, Cause.POWER, 90.0, 60)),
        ("kW", "0.09", 60, Refused(Reason.OVERCURRENT, Cause.POWER, 90.0, 60)),
        ("mW", "90000", 60, Refused(Reason.OVERCURRENT, Cause.POWER, 90.0, 60)),
        ("A", "0.9", 0.5, Refused(Reason.OVERCURRENT, Cause.MEASURED, 900.0, 500)),
        ("mA", "900", 0.5, Refused(Reason.OVERCURRENT, Cause.MEASURED, 900.0, 500)),
        ("A", "1.6", None, Refused(Reason.OVERCURRENT, Cause.MEASURED, 1600.0, 1500)),
    ],
)
async def test_a_pump_that_draws_too_much_is_stopped_and_locked_in_whatever_unit_that_is_told(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    tank: Metered,
    unit: str,
    draws: str,
    most: float | None,
    verdict: Refused,
) -> None:
    tank.unit = unit
    zone = await added(hass, hub, tank, most)
    fill = zone.pumps[Role.FILL]
    tank.draws = draws
    await fill.async_run(seconds=100)
    await tank.second(5)
    assert not tank.on("fill")
    assert fill.lock is not None
    assert (fill.lock.reason, fill.lock.cause, fill.lock.limit) == (verdict.reason, verdict.cause, verdict.limit)
    assert fill.lock.value == pytest.approx(verdict.value)
    with pytest.raises(PumpRefusedError):
        await zone.pumps[Role.DRAIN].async_run(seconds=10)
    await fill.async_reset()
    tank.draws = "0.01" if unit in {"kW", "A"} else "10"
    await fill.async_run(seconds=10)
    await tank.second(5)
    assert (tank.on("fill"), fill.lock) == (True, None)


async def test_a_power_that_stands_is_judged_as_one_that_is_said_again_and_again(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Metered
) -> None:
    tank.repeats = False
    zone = await added(hass, hub, tank, 60)
    tank.draws = "90"
    await zone.pumps[Role.FILL].async_run(seconds=200)
    await tank.second(10)
    assert tank.on("fill"), "one reading may be what the motor needs to begin"
    await tank.second(55)
    assert not tank.on("fill")
    assert zone.pumps[Role.FILL].lock == Refused(Reason.OVERCURRENT, Cause.POWER, 90.0, 60)


async def test_a_power_without_a_limit_stops_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Metered
) -> None:
    zone = await added(hass, hub, tank)
    tank.draws = "900"
    await zone.pumps[Role.FILL].async_run(seconds=100)
    await tank.second(50)
    assert tank.on("fill")


# --- power although it is off -------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "draws"), [("W", "55"), ("A", "0.24")])
@pytest.mark.parametrize("repeats", [True, False])
async def test_a_pump_that_draws_power_although_it_is_off_is_told_and_no_other_starts(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Metered, unit: str, draws: str, repeats: bool
) -> None:
    tank.unit, tank.draws, tank.repeats = unit, draws, repeats
    zone = await added(hass, hub, tank)
    fill, drain = zone.pumps[Role.FILL], zone.pumps[Role.DRAIN]
    await fill.async_run(seconds=100)
    await tank.second(20)
    tank.rests = draws
    await fill.async_stop()
    await tank.second(10 if repeats else 70)
    assert fill.stuck
    assert stuck(zone)
    with pytest.raises(PumpRefusedError) as refused:
        await drain.async_run(seconds=10)
    assert refused.value.verdict.reason is Reason.PUMP_STUCK_ON
    with pytest.raises(PumpRefusedError):
        await fill.async_reset()
    tank.rests = "0"
    await tank.second(3)
    await fill.async_reset()
    assert not stuck(zone)


@pytest.mark.parametrize("repeats", [True, False])
async def test_a_meter_that_is_slow_to_see_a_pump_off_tells_of_no_welded_contact(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Metered, repeats: bool
) -> None:
    tank.metered_every, tank.repeats = 12, repeats
    zone = await added(hass, hub, tank)
    fill = zone.pumps[Role.FILL]
    for _ in range(3):
        await fill.async_run(seconds=100)
        await tank.second(40)
        assert tank.on("fill"), "what it draws says nothing of the water, so that the meter may be slow"
        tank.rests = "55"
        await fill.async_stop()
        # What it measured in the last moment of the run is told only now.
        tank.meter()
        tank.rests = "0"
        await tank.second(30)
        assert not fill.stuck
    assert not stuck(zone)


# --- a meter that says nothing ------------------------------------------------------------------------


async def test_no_fill_starts_while_its_meter_is_away_and_one_that_runs_has_the_meters_term(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Metered
) -> None:
    zone = await added(hass, hub, tank, 60)
    fill = zone.pumps[Role.FILL]
    await fill.async_run(seconds=300)
    await tank.second(10)
    tank.away = True
    await tank.second(10)
    assert tank.on("fill"), "a blink stops nothing"
    await tank.second(15)
    assert not tank.on("fill")
    with pytest.raises(PumpRefusedError) as refused:
        await fill.async_run(seconds=10)
    assert refused.value.verdict == Refused(Reason.OVERCURRENT, Cause.UNKNOWN, None, 60)
    assert "power" in str(refused.value)
    tank.away = False
    await tank.second(2)
    await fill.async_run(seconds=10)


async def test_circulation_goes_on_without_its_meter(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Metered
) -> None:
    tank.meters = "recirc"
    zone = await added(hass, hub, tank, 60)
    tank.away = True
    await tank.second(150)
    assert tank.on("recirc")
    tank.away, tank.draws = False, "80"
    await tank.second(5)
    assert not tank.on("recirc")
    assert zone.pumps[Role.RECIRCULATION].lock == Refused(Reason.OVERCURRENT, Cause.POWER, 80.0, 60)


async def test_what_a_sensor_measures_is_learned_when_it_comes(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Metered
) -> None:
    tank.away = True
    zone = await added(hass, hub, tank, 0.5)
    tank.unit, tank.away, tank.rests, tank.draws = "A", False, "0", "0.8"
    await tank.second(2)
    fill = zone.pumps[Role.FILL]
    await fill.async_run(seconds=100)
    await tank.second(5)
    assert fill.lock == Refused(Reason.OVERCURRENT, Cause.MEASURED, 800.0, 500)


# --- the form -----------------------------------------------------------------------------------------


async def test_the_form_takes_a_power_or_a_current_and_judges_it_in_words(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Metered
) -> None:
    hass.states.async_set(POWER, "0.1", {"unit_of_measurement": "hPa"})
    wanted = changed(
        sensors={"level": LEVEL, "ec": None, "fill_power": POWER, "drain_power": POWER},
        limits={"fill_max_power": 60},
        pumps={"drain": None},
    )
    flow = await start(hass, hub)
    result = await answer(hass, flow, wanted)
    assert result["errors"] == {"fill_power": "unit_of_power", "drain_power": "power_without_pump"}
    hass.states.async_set(POWER, "0.1", {"unit_of_measurement": "kW"})
    result = await answer(
        hass,
        flow,
        changed(sensors={"level": LEVEL, "ec": None, "fill_power": POWER}, limits={"fill_max_power": 60}),
    )
    assert result["type"] == "create_entry"
    zone_id = list(hub.subentries)[-1]
    told = await choose(hass, await hub.start_subentry_reconfigure_flow(hass, zone_id), "pumps")
    assert f"`{POWER}`: was not seen to report" in told["description_placeholders"]["sensors"]
    assert hub.runtime_data.zones[zone_id].settings.max_power == {Role.FILL: 60}
    # A limit that has no effect is not shown as if it had one.
    result = await answer(hass, told, changed(sensors={"level": LEVEL, "ec": None}))
    assert (result["step_id"], result["errors"]) == ("limits", {"fill_max_power": "limit_without_power"})
    result = await answer(hass, result, changed())
    assert result["reason"] == "reconfigure_successful"
    assert hub.runtime_data.zones[zone_id].settings.max_power == {}


async def test_a_smartair_device_measures_its_pumps_itself_and_its_temperature_is_no_power(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, tank: Metered
) -> None:
    node = await begin(hass, broker, hub.runtime_data)
    await node.report(ph=6.0)
    pumps: dict[str, Any] = settings(hass, hub)["pumps"]
    registry = hub.runtime_data.hass.data["entity_registry"]
    own = registry.async_get(pumps["fill"]).entity_id
    ph = registry.async_get_or_create("sensor", "smartair", f"{node.uid}-ph", config_entry=hub).entity_id
    tank.meter()
    flow = await start(hass, hub)
    result = await answer(
        hass,
        flow,
        changed(pumps={"fill": own}, sensors={"level": LEVEL, "ec": None, "fill_power": POWER, "drain_power": ph}),
    )
    assert result["errors"] == {"fill_power": "power_of_device", "drain_power": "unit_of_power"}
