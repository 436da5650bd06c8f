"""The water cycle under everything at once: people, faults, restarts and clocks, in any order."""

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from .rack import PACKAGE, STALE_S, Engine, Rack

ENGINE = Engine.of(PACKAGE)
FAULTS = (
    "drain_blocked",
    "drain_dead",
    "drain_refused",
    "drain_stop_lost",
    "fill_blocked",
    "fill_dead",
    "fill_refused",
    "fill_stop_lost",
    "leak",
    "level_frozen",
    "level_silent",
    "circulation_dead",
    "away",
)
# What rules, grace and reminders leave of time between what must end and its end.
SLACK_S = 75.0
BOUNDS = {"Drain": 1200 + 15, "Fill": 1200 + 15, "Stabilize": 600 + 60}


class WaterMachine(RuleBasedStateMachine):
    """One zone and its rack."""

    def __init__(self) -> None:
        """Begin as a new zone does."""
        super().__init__()
        self.rack = Rack(ENGINE)
        self.off_since: float | None = None
        self.on_purpose = False

    def tick(self, seconds: float) -> None:
        rack = self.rack
        before = rack.kind
        rack.tick(seconds)
        if rack.circulation.on or rack.faults & {"circulation_dead", "away"}:
            self.off_since = None
        elif self.off_since is None:
            self.off_since = rack.elapsed
        self.on_purpose = rack.kind in {"Drain", "Fill"} or before in {"Drain", "Fill"}
        self.check_pumps()
        self.check_circulation()
        self.check_bounds()

    # --- what happens ---------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 5, 30, 90]))
    def time_passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.tick(1)

    @rule(hours=st.sampled_from([0.5, 3, 30]))
    def hours_pass_in_normal_operation(self, hours: float) -> None:
        for _ in range(int(hours * 360)):
            self.tick(10 if self.rack.kind in {"NormalRecirc", "Failed"} else 1)

    @rule()
    def the_change_goes_on(self) -> None:
        kind = self.rack.kind
        for _ in range(1300):
            if self.rack.kind != kind or kind == "NormalRecirc":
                break
            self.tick(1)

    @rule()
    def the_owner_starts(self) -> None:
        before = self.rack.kind
        self.rack.tick()
        self.rack.start()
        assert before == "NormalRecirc" or self.rack.denied

    @rule()
    def the_owner_resumes(self) -> None:
        self.rack.resume()

    @rule()
    def the_owner_aborts(self) -> None:
        self.rack.send(ENGINE.model.Abort())
        assert self.rack.kind == "NormalRecirc"

    @rule(on=st.booleans())
    def the_owner_switches_automatic_operation(self, on: bool) -> None:
        self.rack.send(ENGINE.model.Automatic(on))

    @rule()
    def the_owner_renews(self) -> None:
        self.rack.send(ENGINE.model.Renew(self.rack.sight()))

    @rule(fault=st.sampled_from(FAULTS))
    def something_breaks(self, fault: str) -> None:
        self.rack.faults.add(fault)

    @rule()
    def all_is_repaired(self) -> None:
        self.rack.faults.clear()
        self.off_since = None

    @rule(ec=st.sampled_from([None, 0.9, 1.8, 3.0]))
    def the_solution_drifts(self, ec: float | None) -> None:
        self.rack.ec = ec

    @rule(level=st.sampled_from([5.0, 12.0, 50.0, 80.0, 90.0]))
    @precondition(lambda self: self.rack.kind == "NormalRecirc")
    def plants_drink_and_people_top_up(self, level: float) -> None:
        self.rack.level = level

    @rule(leap=st.sampled_from([-400 * 86400, -3600, 3600, 86400, 400 * 86400]))
    def the_clock_is_set(self, leap: float) -> None:
        self.rack.offset += leap

    @rule(away=st.sampled_from([0, 20, 2000]))
    def home_assistant_dies(self, away: int) -> None:
        rack = self.rack
        change = getattr(rack.state, "change", None)
        kind = rack.kind
        rack.restart(away)
        assert rack.kind == ("NormalRecirc" if kind == "NormalRecirc" else "Failed")
        if kind in {"Drain", "Fill", "Stabilize"}:
            assert str(rack.state.cause) == "interrupted"
            assert str(rack.state.step) == kind.lower()
            assert rack.state.change.started_at == change.started_at
        self.off_since = None

    @rule()
    def the_zone_is_reloaded(self) -> None:
        self.rack.send(ENGINE.model.Interrupt())
        assert self.rack.kind in {"NormalRecirc", "Failed"}
        self.home_assistant_dies(0)

    # --- what is always true --------------------------------------------------------------------

    @invariant()
    def check_pumps(self) -> None:
        rack = self.rack
        lost = rack.faults & {"drain_stop_lost", "fill_stop_lost", "away"}
        assert lost or not (rack.drain.on and rack.fill.on)
        if rack.drain.on or rack.fill.on:
            assert lost or rack.kind in {"Drain", "Fill"} or rack.elapsed - rack.memory.stopping.told_at <= 10

    def check_circulation(self) -> None:
        if self.off_since is None:
            return
        allowed = 1800 if self.on_purpose else max(900, self.rack.rules.max_off_s)
        assert self.rack.elapsed - self.off_since <= allowed + SLACK_S

    def check_bounds(self) -> None:
        state = self.rack.state
        if self.rack.kind in BOUNDS:
            assert self.rack.elapsed - state.began <= BOUNDS[self.rack.kind] + 1
        if self.rack.kind in {"Drain", "Fill"}:
            assert self.rack.elapsed - self.rack.heard_at <= STALE_S + 5 + 15 + 2

    @invariant()
    def a_change_that_completes_has_had_each_step_in_its_order(self) -> None:
        order = ["drain", "fill", "stabilize"]
        steps: list[str] = []
        for one in self.rack.happened:
            match str(one.what):
                case "water_change_started":
                    steps = []
                case "water_change_step":
                    step = str(one.values["step"])
                    # A step that is resumed is the same one again.
                    steps = steps[:-1] if steps[-1:] == [step] else steps
                    steps.append(step)
                    assert steps == order[: len(steps)]
                case "water_change_completed":
                    assert steps == order
                case "water_change_aborted":
                    steps = []
                case _:
                    pass
        self.rack.happened = self.rack.happened[-40:] if not steps else self.rack.happened

    @invariant()
    def the_solution_is_never_younger_than_nothing(self) -> None:
        age = ENGINE.water.solution_age(self.rack.memory, self.rack.now)
        assert age is not None
        assert age >= 0


TestWater = WaterMachine.TestCase
TestWater.settings = settings(max_examples=settings().max_examples // 50, stateful_step_count=30)
