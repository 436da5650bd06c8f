"""A rack's water: none is lost, pumps obey their curves, and each fault has its symptom."""

from hypothesis import given, settings, strategies as st
import pytest

from lab.simulator.water import CURVES, DRY_LEVEL, Curve, Fault, Rack, Role

ROLES: tuple[Role, ...] = ("recirculation", "fill", "drain")


def rack(level: float = 78.0, size: float = 1.0, *running: str) -> Rack:
    one = Rack(size)
    one.reservoir.litres = level * size
    for channel in running:
        one.pumps[channel].on = True
    return one


@settings(max_examples=100, deadline=None)
@given(
    size=st.sampled_from([0.02, 0.1, 1.0]),
    story=st.lists(
        st.tuples(
            st.sampled_from(["pump_fill", "pump_drain", "pump_recirc", *Fault, "repair"]),
            st.booleans(),
            st.floats(0.1, 100.0),
        ),
        max_size=12,
    ),
)
def test_no_litre_is_lost_or_made_whatever_happens(size: float, story: list[tuple[str, bool, float]]) -> None:
    one = Rack(size)
    before = one.water
    for what, on, seconds in story:
        if what in one.pumps:
            one.pumps[what].on = on
        elif what == "repair":
            one.repair()
        else:
            one.break_(Fault(what), "pump_fill" if on else "pump_drain")
        one.advance(one.time + seconds, daylight=on)

        assert one.water == pytest.approx(before, rel=1e-9)
        assert all(-1e-9 <= tank.litres <= tank.capacity + 1e-9 for tank in (one.reservoir, one.fresh, one.waste))
        assert 0 <= one.reservoir.ec <= 10
        assert 4 <= one.reservoir.ph <= 9


@pytest.mark.parametrize("role", ROLES)
def test_a_pump_moves_less_the_higher_it_lifts_and_the_more_is_blocked(role: Role) -> None:
    curve = CURVES[role]
    heads = [curve.flow(head / 10, 0.0) for head in range(40)]
    blockages = [curve.flow(0.5, part / 20) for part in range(21)]

    assert heads == sorted(heads, reverse=True)
    assert blockages == sorted(blockages, reverse=True)
    assert heads[0] > heads[10] > heads[-1] == 0
    assert blockages[0] > blockages[10] > blockages[-1] == 0


@given(st.floats(0.5, 10), st.floats(1, 100), st.floats(-1, 12), st.floats(0, 1))
def test_no_pump_moves_water_backwards(shut_off: float, free_flow: float, head: float, blockage: float) -> None:
    assert Curve(shut_off, free_flow, 800.0).flow(head, blockage) >= 0


def test_an_emptier_reservoir_is_drained_and_circulated_more_slowly() -> None:
    full, low = rack(90, 1.0, "pump_drain"), rack(15, 1.0, "pump_drain")

    for channel in ("pump_drain", "pump_recirc"):
        assert full.flow(full.pumps[channel]) > low.flow(low.pumps[channel]) > 0


@pytest.mark.parametrize(
    ("channel", "flow", "current"),
    [
        ("pump_recirc", (3, 3.6), (770, 830)),
        ("pump_fill", (5.5, 6.8), (600, 660)),
        ("pump_drain", (7.5, 8.7), (850, 930)),
    ],
)
def test_at_its_usual_work_a_pump_moves_and_draws_what_its_plate_says(
    channel: str, flow: tuple[float, float], current: tuple[float, float]
) -> None:
    one = rack(60, 1.0, channel)
    one.advance(2)

    assert flow[0] < one.flow(one.pumps[channel]) < flow[1]
    assert current[0] < one.current(one.pumps[channel]) < current[1]


def test_a_starting_motor_draws_more_for_a_moment() -> None:
    one = rack(60, 1.0, "pump_fill")
    starting = one.current(one.pumps["pump_fill"])
    one.advance(0.5)

    assert starting > 2 * one.current(one.pumps["pump_fill"])


def test_circulation_moves_water_without_losing_it() -> None:
    one = rack()
    one.advance(60)

    assert one.reservoir.litres == pytest.approx(78.0, abs=0.01)


def test_filling_raises_the_level_by_what_flows_in_and_takes_it_from_the_fresh_tank() -> None:
    one = rack(50, 1.0, "pump_fill")
    one.advance(60)
    poured = 400 - one.fresh.litres

    assert 5.5 < poured < 6.8
    assert one.reservoir.litres == pytest.approx(50 + poured, abs=0.02)


def test_draining_goes_into_the_drain_and_never_takes_more_than_there_is() -> None:
    one = rack(6, 1.0, "pump_drain")
    one.advance(3600)

    assert 0 <= one.level < 2
    assert one.waste.litres > 4


def test_a_reservoir_that_is_filled_on_and_on_runs_over_onto_the_floor() -> None:
    one = rack(99, 1.0, "pump_fill")
    one.advance(120)

    assert one.level == pytest.approx(100, abs=0.01)
    assert one.wet_floor


def test_a_small_rack_is_filled_by_the_same_pumps_in_less_time() -> None:
    one = rack(20, 0.02, "pump_fill")
    one.advance(10)

    assert one.level > 60


def test_the_probes_follow_a_change_of_the_solution_with_a_lag() -> None:
    one = rack(50, 1.0, "pump_fill")
    one.advance(60)
    mixture = one.reservoir.ec
    one.pumps["pump_fill"].on = False

    assert 1.8 > one.probe_ec > mixture
    one.advance(60 + 300)
    assert one.probe_ec == pytest.approx(mixture, abs=0.005)


def test_without_circulation_the_probes_take_longer() -> None:
    moving, still = rack(50, 1.0, "pump_fill"), rack(50, 1.0, "pump_fill")
    still.pumps["pump_recirc"].on = False
    for one in (moving, still):
        one.advance(60)

    assert moving.probe_ec < still.probe_ec


def test_plants_drink_and_air_takes_water_and_both_leave_salts() -> None:
    one = rack()
    one.advance(86400)

    assert one.books.drunk == pytest.approx(8.4, abs=0.1)
    assert one.books.evaporated == pytest.approx(0.48, abs=0.01)
    assert one.reservoir.ec > 1.85
    assert one.reservoir.ph == pytest.approx(6.1, abs=0.01)


def test_plants_drink_less_in_the_dark() -> None:
    day, night = rack(), rack()
    day.advance(3600, daylight=True)
    night.advance(3600, daylight=False)

    assert day.books.drunk == pytest.approx(5 * night.books.drunk)


def test_a_pump_that_stands_draws_nothing() -> None:
    one = rack()

    assert one.current(one.pumps["pump_fill"]) == one.flow(one.pumps["pump_fill"]) == 0


# ---- faults ------------------------------------------------------------------------------------------------------


def test_a_dry_pump_moves_nothing_and_draws_less() -> None:
    one = rack(DRY_LEVEL - 1)
    pump = one.pumps["pump_recirc"]
    one.advance(2)

    assert one.flow(pump) == 0
    assert 0 < one.current(pump) < 400


def test_dry_empties_the_reservoir_into_the_drain() -> None:
    one = rack()
    one.break_(Fault.DRY)
    one.advance(120)

    assert one.level < DRY_LEVEL
    assert not one.wet_floor


def test_a_blocked_pump_moves_nothing_and_draws_less_but_not_as_little_as_a_dry_one() -> None:
    one = rack()
    one.advance(2)
    usual = one.current(one.pumps["pump_recirc"])
    one.break_(Fault.BLOCKED)

    assert one.flow(one.pumps["pump_recirc"]) == 0
    assert 0.5 * usual < one.current(one.pumps["pump_recirc"]) < 0.8 * usual


def test_a_stalled_pump_moves_nothing_and_draws_far_too_much() -> None:
    one = rack(60, 1.0, "pump_drain")
    one.break_(Fault.STALLED, "pump_drain")
    one.advance(5)

    assert one.flow(one.pumps["pump_drain"]) == 0
    assert one.current(one.pumps["pump_drain"]) > 1500


def test_a_welded_relay_runs_its_pump_whatever_it_is_told() -> None:
    one = rack(60)
    one.break_(Fault.WELDED, "pump_fill")
    one.advance(30)

    assert not one.pumps["pump_fill"].on
    assert one.level > 62


def test_overflow_lets_mains_water_in_until_it_runs_over() -> None:
    one = rack()
    one.break_(Fault.OVERFLOW)
    one.advance(180)

    assert one.level == pytest.approx(100, abs=0.01)
    assert one.wet_floor
    assert one.books.mains > 20


def test_a_leak_wets_the_floor() -> None:
    one = rack()
    one.break_(Fault.LEAK)
    one.advance(10)

    assert one.wet_floor
    assert one.level < 77


def test_a_repair_puts_everything_right() -> None:
    one = rack()
    for fault in Fault:
        one.break_(fault, "pump_drain")
    one.advance(60)
    one.repair()

    assert not one.faults
    assert not one.wet_floor
    assert one.level == pytest.approx(78)
    assert one.flow(one.pumps["pump_recirc"]) > 3
