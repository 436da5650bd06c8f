"""Examples that nobody has seen yet: another seed each time, which is told, and kept where one of them fails.

SMARTAIR_SEED plays the examples of another run again, SMARTAIR_PROOF_S says for how many seconds each machine plays.
"""

from itertools import count
import os
from secrets import randbelow
from time import monotonic

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

SEED = int(os.environ.get("SMARTAIR_SEED") or randbelow(2**31))
SECONDS = float(os.environ.get("SMARTAIR_PROOF_S") or 15)
KEPT = DirectoryBasedExampleDatabase(".hypothesis/proof")
"""What failed is played first the next time, until it no longer does."""


def fixed(machine: type[RuleBasedStateMachine], examples: int, steps: int = 30) -> None:
    """Play always the same examples."""
    run_state_machine_as_test(machine, settings=_settings(examples, steps, always_the_same=True))


def fresh(machine: type[RuleBasedStateMachine], share: float = 1.0, steps: int = 30, examples: int = 40) -> int:
    """Play new examples for as long as there is time, and return how many rounds that were."""
    until = monotonic() + SECONDS * share
    for number in count():
        if monotonic() >= until:
            return number
        try:
            seeded = seed(SEED + number)(type(machine.__name__, (machine,), {}))
            run_state_machine_as_test(seeded, settings=_settings(examples, steps))
        except BaseException as error:
            error.add_note(f"play it again with SMARTAIR_SEED={SEED + number}; it is also kept in .hypothesis/proof")
            raise
    raise AssertionError


def _settings(examples: int, steps: int, *, always_the_same: bool = False) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None if always_the_same else KEPT,
        derandomize=always_the_same,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.normal,
    )
