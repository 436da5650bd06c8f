"""Circulation of which nobody knows whether there is water: it is stopped, not locked, and comes back by itself."""

from custom_components.smartair.pysmartair.guard.guard import begin, step
from custom_components.smartair.pysmartair.guard.memory import memory_as_dict, memory_from_dict
from custom_components.smartair.pysmartair.guard.model import (
    Alarm,
    Contacted,
    Effect,
    Event,
    Fitted,
    Guard,
    Kind,
    Memory,
    Refuse,
    Reported,
    RunAsked,
    SendRun,
    SendStop,
    Sense,
    Sensed,
    StopAsked,
    Tick,
    Touched,
)
from custom_components.smartair.pysmartair.safety import Cause, Contact, Limits, Reason, Refused, Role

NOW = 1000.0
UNKNOWN = Refused(Reason.DRY_RUN, Cause.UNKNOWN, None, 10.0)


class Circulation:
    """A foreign switch that circulates, its level, and what its guard wanted."""

    def __init__(self, memory: Memory | None = None, *, level: float | None = 50.0, on: bool = True) -> None:
        self.now = NOW
        self.guard: Guard = begin(
            Limits(role=Role.RECIRCULATION, max_off_s=900), memory or Memory(), NOW, ends_itself=False
        )
        self.level = level
        self.on = on
        self.effects: list[Effect] = []
        self.take(Contacted(True))
        self.take(Fitted(frozenset({Sense.LEVEL})))
        self.take(Sensed(Sense.LEVEL, level))
        self.take(Reported(on=on, run_id="found"))

    def take(self, event: Event) -> None:
        self.guard, effects = step(self.guard, event, self.now)
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, SendStop | SendRun):
                self.on = isinstance(effect, SendRun)
                self.take(Reported(on=self.on, run_id="again"))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.take(Sensed(Sense.LEVEL, self.level))
            self.take(Tick())

    def alarms(self) -> list[tuple[Kind, str]]:
        return [(one.kind, one.code) for one in self.effects if isinstance(one, Alarm)]


def blinded() -> Circulation:
    pump = Circulation()
    pump.wait(30)
    pump.level = None
    pump.wait(15)
    assert not pump.on
    return pump


def test_an_unknown_level_stops_circulation_and_locks_nothing_and_what_is_known_again_brings_it_back() -> None:
    pump = blinded()
    assert (pump.guard.lock, pump.guard.blind) == (None, True)
    assert pump.guard.failures == ()
    assert pump.alarms() == [(Kind.RAISE, "biz_dry_run")]
    pump.level = 50.0
    pump.wait(1)
    assert pump.on
    assert pump.alarms()[1:] == [(Kind.RESOLVE, "biz_dry_run")]
    pump.wait(60)
    assert pump.on


def test_circulation_that_somebody_stopped_meanwhile_stays_off_when_the_level_is_known_again() -> None:
    pump = blinded()
    pump.take(StopAsked())
    pump.level = 50.0
    pump.wait(5)
    assert not pump.on
    assert pump.alarms()[-1] == (Kind.RESOLVE, "biz_dry_run")


def test_circulation_runs_on_after_its_longest_rest_although_nothing_is_known_and_a_dry_tank_still_stops_it() -> None:
    pump = blinded()
    pump.wait(900)
    assert pump.on
    pump.wait(300)
    assert pump.on
    pump.level = 3.0
    pump.wait(6)
    assert not pump.on
    assert pump.guard.lock == Refused(Reason.DRY_RUN, Cause.MEASURED, 3.0, 10.0)
    assert pump.alarms()[-1] == (Kind.RAISE, "biz_dry_run")


def test_circulation_that_is_refused_for_an_unknown_level_runs_when_it_is_known() -> None:
    pump = Circulation(level=None, on=False)
    pump.take(RunAsked(run_id="wanted"))
    assert [one.verdict for one in pump.effects if isinstance(one, Refuse)] == [UNKNOWN]
    pump.take(RunAsked(run_id="wanted again"))
    assert pump.alarms().count((Kind.RAISE, "biz_dry_run")) == 1
    pump.level = 50.0
    pump.wait(1)
    assert pump.on


def test_that_it_waits_for_its_level_outlives_a_restart() -> None:
    kept = memory_from_dict(memory_as_dict(blinded().guard.kept))
    assert kept.blind
    pump = Circulation(kept, level=None, on=False)
    pump.wait(5)
    assert not pump.on
    pump.level = 50.0
    pump.wait(1)
    assert pump.on
    assert pump.alarms()[-1] == (Kind.RESOLVE, "biz_dry_run")


def test_what_is_not_known_yet_to_run_or_rest_is_learnt_before_it_is_brought_back() -> None:
    pump = Circulation.__new__(Circulation)
    pump.now, pump.effects, pump.on = NOW, [], False
    pump.guard = begin(Limits(role=Role.RECIRCULATION), Memory(blind=True), NOW)
    pump.take(Fitted(frozenset({Sense.LEVEL})))
    pump.take(Sensed(Sense.LEVEL, 50.0))
    assert (pump.guard.blind, pump.effects) == (True, [])


def test_a_float_switch_of_which_nothing_is_known_stops_circulation_without_a_lock_and_an_open_one_locks_it() -> None:
    pump = Circulation()
    pump.take(Touched(float_switch=Contact.ON))
    pump.wait(30)
    pump.take(Touched(float_switch=Contact.UNKNOWN))
    pump.wait(10)
    assert (pump.on, pump.guard.lock, pump.guard.blind) == (False, None, True)
    pump.take(Touched(float_switch=Contact.ON))
    assert pump.on
    pump.wait(30)
    pump.take(Touched(float_switch=Contact.OFF))
    pump.wait(10)
    assert (pump.on, pump.guard.lock) == (False, Refused(Reason.DRY_RUN, Cause.FLOAT_OPEN))
