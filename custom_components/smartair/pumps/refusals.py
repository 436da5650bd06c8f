"""Why a pump does not run, as errors that people can read."""

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..const import DOMAIN
from ..pysmartair.safety import Cause, Reason, Refused
from ..pysmartair.water.model import Hindrance, Refusal

SENTENCES: dict[Reason, str] = {
    Reason.DRY_RUN: "refused_dry_run",
    Reason.NO_FLOW: "refused_no_flow",
    Reason.OVERCURRENT: "refused_overcurrent",
    Reason.PUMP_STUCK_ON: "refused_pump_stuck_on",
    Reason.OVERFLOW: "refused_overflow",
    Reason.MAX_RUN: "refused_max_run",
    Reason.TOO_MANY_FAILURES: "refused_too_many_failures",
    Reason.INTERLOCK: "refused_interlock",
    Reason.UPDATE_IN_PROGRESS: "refused_update_in_progress",
    Reason.MAX_RUN_MISSING: "refused_max_run_missing",
    Reason.ZONE_LOCKED: "refused_zone_locked",
    Reason.WRONG_RELAY: "refused_wrong_relay",
    Reason.DEVICE_LOCK: "refused_device_lock",
    Reason.NO_CONTACT: "refused_no_contact",
    Reason.STATE_UNKNOWN: "refused_state_unknown",
}
# Where nothing was measured, there is another sentence to say.
SPECIAL: dict[tuple[Reason, Cause], str] = {
    (Reason.DRY_RUN, Cause.FLOAT_OPEN): "refused_dry_run_float_open",
    (Reason.DRY_RUN, Cause.FROZEN): "refused_dry_run_frozen",
    (Reason.DRY_RUN, Cause.NONE): "locked_dry_run",
    (Reason.DRY_RUN, Cause.SLOW): "refused_level_slow",
    (Reason.DRY_RUN, Cause.UNKNOWN): "refused_dry_run_unknown",
    (Reason.NO_FLOW, Cause.NONE): "locked_no_flow",
    (Reason.NO_FLOW, Cause.SLOW): "refused_flow_slow",
    (Reason.NO_FLOW, Cause.UNKNOWN): "refused_no_flow_unknown",
    (Reason.OVERCURRENT, Cause.NONE): "locked_overcurrent",
    (Reason.OVERCURRENT, Cause.POWER): "refused_overpower",
    (Reason.OVERCURRENT, Cause.SLOW): "refused_current_slow",
    (Reason.OVERCURRENT, Cause.UNKNOWN): "refused_overcurrent_unknown",
    (Reason.OVERFLOW, Cause.FROZEN): "refused_overflow_frozen",
    (Reason.OVERFLOW, Cause.LEAK): "refused_overflow_leak",
    (Reason.OVERFLOW, Cause.NONE): "locked_overflow",
    (Reason.OVERFLOW, Cause.RISING): "refused_overflow_rising",
    (Reason.OVERFLOW, Cause.SLOW): "refused_level_slow",
    (Reason.OVERFLOW, Cause.UNKNOWN): "refused_overflow_unknown",
    (Reason.PUMP_STUCK_ON, Cause.MEASURED): "refused_pump_stuck_on_measured",
    (Reason.PUMP_STUCK_ON, Cause.UNKNOWN): "refused_pump_stuck_on_unknown",
}
CHANGES: dict[Refusal, str] = {
    Refusal.NO_DRAIN: "change_refused_no_drain",
    Refusal.NO_FILL: "change_refused_no_fill",
    Refusal.NO_LEVEL: "change_refused_no_level",
    Refusal.LEVEL_UNKNOWN: "change_refused_level_unknown",
    Refusal.LEVEL_TOO_SLOW: "change_refused_level_too_slow",
    Refusal.CHANGE_RUNNING: "change_refused_change_running",
    Refusal.FAILED: "change_refused_failed",
    Refusal.NOTHING_TO_RESUME: "change_refused_nothing_to_resume",
    Refusal.PUMP_MISSING: "change_refused_pump_missing",
    Refusal.PUMP_UNKNOWN: "change_refused_pump_unknown",
    Refusal.PUMP_RUNNING: "change_refused_pump_running",
    Refusal.PUMP_LOCKED: "change_refused_pump_locked",
    Refusal.PUMP_UNWATCHED: "change_refused_pump_unwatched",
    Refusal.PUMP_STUCK_ON: "change_refused_pump_stuck_on",
    Refusal.OTHER_ZONE: "change_refused_other_zone",
    Refusal.UPDATE_IN_PROGRESS: "change_refused_update_in_progress",
}
FAILURES: dict[str, str] = {
    "contact_lost": "run_contact_lost",
    "no_answer": "run_no_answer",
    "replaced": "run_replaced",
    "stopped": "run_stopped",
    "stop_no_answer": "stop_no_answer",
}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


class PumpRefusedError(ServiceValidationError):
    """The pump must not run, or its lock must stay; `verdict` says why. It is a refusal and no fault."""

    def __init__(self, verdict: Refused, name: str) -> None:
        """Say why, in the owner's language."""
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=SPECIAL.get((verdict.reason, verdict.cause), SENTENCES[verdict.reason]),
            translation_placeholders={
                "pump": name,
                "value": _number(verdict.value),
                "limit": _number(verdict.limit),
            },
        )
        self.verdict = verdict


def run_failure(why: str, name: str) -> HomeAssistantError:
    """Return the error of a run that did not come about."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=FAILURES.get(why, "run_failed"),
        translation_placeholders={"pump": name, "error": why},
    )


def change_refused(hindrance: Hindrance) -> ServiceValidationError:
    """Return the error of a water change that does not begin, or does not go on."""
    told = {"value": hindrance.value, "limit": hindrance.limit}
    numbers = {name: _number(value) for name, value in told.items() if value is not None}
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=CHANGES[hindrance.refusal],
        translation_placeholders={"pump": hindrance.detail or "–", **numbers},
    )
