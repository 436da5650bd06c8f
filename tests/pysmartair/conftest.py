"""The tests of what devices mean need neither Home Assistant nor a loop, and run through many examples."""

import os

from hypothesis import HealthCheck, Phase, settings
import pytest

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("quick", max_examples=100, **_COMMON)
# Always the same examples, so that no change fails by another's bad luck; what is new is found by `deep`.
settings.register_profile("ci", max_examples=3_400, derandomize=True, **_COMMON)
settings.register_profile("deep", max_examples=200_000, phases=(Phase.explicit, Phase.generate), **_COMMON)
settings.load_profile(os.environ.get("SMARTAIR_HYPOTHESIS", "ci"))


# What other tests are given unasked: Home Assistant, its loop and its clock.
for _name in (
    "_custom_integrations",
    "_started_in_autumn",
    "_no_errors_in_the_log",
    "configure_event_loop",
    "enable_event_loop_debug",
    "expected_lingering_tasks",
    "expected_lingering_timers",
    "fail_on_log_exception",
    "reset_globals",
    "skip_stop_scripts",
    "verify_cleanup",
):
    globals()[_name] = pytest.fixture(name=_name, autouse=True)(lambda: None)
