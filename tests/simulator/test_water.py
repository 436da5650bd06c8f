"""A reservoir and its pumps."""

import pytest

from lab.simulator.water import DRY_LEVEL, RATED_FLOW, Reservoir


def reservoir(**changes: float) -> Reservoir:
    return Reservoir(**changes)


def test_a_circulating_pump_moves_water_without_losing_it() -> None:
    water = reservoir()
    water.advance(60)

    assert water.flow(water.pumps["pump_recirc"]) == RATED_FLOW["recirculation"]
    assert water.litres == pytest.approx(78.0, abs=0.01)


def test_filling_raises_the_level_by_what_flows_in() -> None:
    water = reservoir(litres=50.0)
    water.pumps["pump_fill"].on = True
    water.advance(60)

    assert water.litres == pytest.approx(50 + RATED_FLOW["fill"], abs=0.05)


def test_filling_dilutes_the_solution() -> None:
    water = reservoir(litres=50.0)
    water.pumps["pump_fill"].on = True
    water.advance(300)

    assert water.ec < 1.8
    assert water.ph > 5.9


def test_a_reservoir_does_not_run_over() -> None:
    water = reservoir(litres=99.0)
    water.pumps["pump_fill"].on = True
    water.advance(3600)

    assert water.level == pytest.approx(100)


def test_a_dry_pump_moves_nothing_and_draws_less() -> None:
    water = reservoir(litres=DRY_LEVEL - 1)
    pump = water.pumps["pump_recirc"]

    assert water.flow(pump) == 0
    assert 0 < water.current(pump) < 500


def test_draining_never_takes_more_than_there_is() -> None:
    water = reservoir(litres=6.0)
    water.pumps["pump_drain"].on = True
    for minute in range(1, 60):
        water.advance(minute * 60.0)

    assert 0 <= water.level < DRY_LEVEL


def test_plants_drink_water_and_leave_salts() -> None:
    water = reservoir()
    water.advance(86400)

    assert water.litres < 72
    assert water.ec > 1.8
    assert water.ph > 5.9


def test_plants_drink_less_in_the_dark() -> None:
    day, night = reservoir(), reservoir()
    day.advance(3600, daylight=True)
    night.advance(3600, daylight=False)

    assert day.litres < night.litres < 78


def test_a_pump_that_stands_draws_nothing() -> None:
    water = reservoir()

    assert water.current(water.pumps["pump_fill"]) == 0
