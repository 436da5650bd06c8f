"""One update of one device: confirmed by what it reports, never stuck, never two at a time."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair.updates.update import (
    ANSWER_WITHIN,
    DEFERRED_FOR,
    IDLE,
    NO_PROGRESS,
    NO_RETURN,
    TRIAL,
    Begin,
    Ended,
    Event,
    Finish,
    Idle,
    NotSent,
    OnTrial,
    Order,
    Outcome,
    Phase,
    Rebooting,
    Reported,
    Resumed,
    Returned,
    Said,
    Send,
    Tick,
    Update,
    Working,
    busy,
    deadline,
    dump,
    load,
    order_of,
    step,
    undecided,
)

NOW = 1_790_000_000.0
OLD, NEW, OTHER = "1.0.0", "2.0.0", "3.0.0"
ORDER = Order(cmd_id="c1", version=NEW, sha256="ab" * 32, at=NOW, previous=OLD)


def said(state: str, **more: object) -> Said:
    return Said(**{"cmd_id": "c1", "state": state, "running": OLD, **more})


def after(*events: Event, start: Update = IDLE, now: float = NOW) -> Update:
    state = start
    for event in events:
        state, _ = step(state, event, now)
    return state


ORDERED = after(Begin(ORDER))
REBOOTING = after(Begin(ORDER), said("rebooting"))
ON_TRIAL = after(Begin(ORDER), said("rebooting"), Returned(), Reported(NEW))


def ended(outcome: Outcome, error: str | None = None) -> Ended:
    return Ended(order=ORDER, outcome=outcome, at=NOW, error=error)


CONFIRMED = ended(Outcome.CONFIRMED)
ROLLED_BACK = ended(Outcome.ROLLED_BACK, "rolled_back")


def test_an_order_is_sent_once() -> None:
    state, effects = step(IDLE, Begin(ORDER), NOW)
    assert (state, effects) == (Working(order=ORDER, seen=NOW), (Send(ORDER),))
    assert busy(state)
    assert step(state, Begin(replace(ORDER, cmd_id="c2")), NOW) == (state, ())


def test_after_an_end_another_may_begin() -> None:
    other = replace(ORDER, cmd_id="c2")
    assert order_of(after(Begin(other), start=CONFIRMED)) == other
    assert order_of(IDLE) is None


def test_an_order_that_could_not_be_sent_leaves_nothing() -> None:
    assert after(NotSent(), start=ORDERED) == IDLE
    assert after(NotSent(), start=REBOOTING) == REBOOTING


@pytest.mark.parametrize("phase", ["accepted", "deferred", "downloading", "verifying", "installing"])
def test_progress_is_followed(phase: str) -> None:
    state = after(said(phase, percent=10.0), start=ORDERED, now=NOW + 5)
    reason = "pump_running" if phase == "deferred" else None
    assert state == Working(order=ORDER, phase=Phase(phase), percent=10.0, seen=NOW + 5, reason=reason)


def test_a_device_may_say_why_it_defers() -> None:
    state = after(said("deferred", error="battery_low"), start=ORDERED)
    assert isinstance(state, Working)
    assert state.reason == "battery_low"


def test_a_repetition_is_no_progress() -> None:
    first = after(said("downloading", percent=10.0), start=ORDERED)
    assert after(said("downloading", percent=10.0), start=first, now=NOW + 100) is first


@pytest.mark.parametrize("event", [said("failed", cmd_id="c2"), said("failed", cmd_id=None), said("dancing")])
def test_what_is_said_of_another_order_or_not_understood_changes_nothing(event: Said) -> None:
    assert after(event, start=ORDERED) == ORDERED
    assert after(event, start=IDLE) == IDLE


def test_the_end_of_the_upload_confirms_nothing() -> None:
    state = after(said("verifying"), said("installing"), said("rebooting"), Returned(), start=ORDERED)
    assert state == Rebooting(order=ORDER, since=NOW, returned=True)
    assert busy(state)


def test_a_device_that_says_confirmed_and_reports_the_old_version_is_not_believed() -> None:
    state = after(said("rebooting"), said("confirmed", running=OLD), start=ORDERED)
    assert state == Rebooting(order=ORDER, since=NOW, vouched=True)
    assert after(said("confirmed", running=OLD), start=ORDERED) == Rebooting(order=ORDER, since=NOW, vouched=True)
    assert after(Reported(OLD), start=state) == state
    assert after(Returned(), Reported(OLD), start=state) == ROLLED_BACK
    assert after(Reported(NEW), start=state) == CONFIRMED


def test_the_new_version_is_on_trial_until_the_device_vouches_for_it() -> None:
    assert OnTrial(order=ORDER, since=NOW, heard=NOW) == ON_TRIAL
    state, effects = step(ON_TRIAL, said("confirmed", running=NEW), NOW)
    assert (state, effects) == (CONFIRMED, (Finish(CONFIRMED),))


def test_a_device_that_never_vouches_is_believed_when_its_self_test_must_be_over() -> None:
    heard = after(Reported(NEW), start=ON_TRIAL, now=NOW + TRIAL - 1)
    assert after(Tick(), start=heard, now=NOW + TRIAL - 1) == heard
    assert after(Tick(), start=heard, now=NOW + TRIAL) == replace(CONFIRMED, at=NOW + TRIAL)


def test_a_device_that_falls_silent_on_trial_is_not_confirmed() -> None:
    assert after(Tick(), start=ON_TRIAL, now=NOW + TRIAL) == ON_TRIAL
    lost = after(Tick(), start=ON_TRIAL, now=NOW + NO_RETURN)
    assert lost == Ended(order=ORDER, outcome=Outcome.FAILED, at=NOW + NO_RETURN, error="no_return")
    assert lost.images_fault


def test_a_restart_that_was_not_announced_is_seen_by_the_new_version() -> None:
    downloading = after(said("downloading", percent=95.0), start=ORDERED)
    assert after(Reported(NEW), start=downloading) == ON_TRIAL
    assert after(Reported(OLD), start=downloading) == downloading


def test_a_version_that_ran_before_proves_nothing() -> None:
    again = Working(order=replace(ORDER, previous=NEW), seen=NOW)
    assert after(Reported(NEW), start=again) == again


def test_a_late_report_of_the_old_version_before_the_restart_is_no_rollback() -> None:
    assert after(Reported(OLD), start=REBOOTING) == REBOOTING


@pytest.mark.parametrize(
    ("start", "event"),
    [
        (replace(REBOOTING, returned=True), Reported(OLD)),
        (REBOOTING, said("rolled_back")),
        (ON_TRIAL, Reported(OLD)),
        (ON_TRIAL, said("rolled_back")),
        (CONFIRMED, said("rolled_back")),
    ],
)
def test_the_old_version_after_the_restart_is_a_rollback(start: Update, event: Event) -> None:
    state, effects = step(start, event, NOW)
    assert (state, effects) == (ROLLED_BACK, (Finish(ROLLED_BACK),))
    assert ROLLED_BACK.images_fault


@pytest.mark.parametrize("state", [CONFIRMED, ROLLED_BACK, ended(Outcome.FAILED, "image_invalid")])
@pytest.mark.parametrize("event", [said("downloading"), said("failed", error="x"), Reported(OLD), Reported(NEW)])
def test_what_a_device_has_ended_stays_ended(state: Update, event: Event) -> None:
    assert after(event, start=state) == state
    assert after(Tick(), Resumed(), Returned(), NotSent(), start=state, now=NOW + 1e6) == state
    assert deadline(state) is None


@pytest.mark.parametrize("state", [REBOOTING, ON_TRIAL])
def test_after_the_restart_has_begun_nothing_leads_back(state: Update) -> None:
    for word in ("accepted", "downloading", "rebooting"):
        assert after(said(word), start=state) == state


@pytest.mark.parametrize("spelling", ["v2.0.0", "2.0.0+20261130", "2.0", "V2.0.0"])
def test_the_version_that_was_ordered_confirms_in_any_spelling(spelling: str) -> None:
    on_trial = after(Reported(spelling), start=after(Returned(), start=REBOOTING))
    assert isinstance(on_trial, OnTrial)
    assert after(said("confirmed", running=spelling), start=on_trial) == CONFIRMED
    assert after(Reported(spelling), start=on_trial) == on_trial
    vouched = after(said("confirmed"), start=REBOOTING)
    assert after(Reported(spelling), start=vouched) == CONFIRMED


def test_a_version_that_ran_before_proves_nothing_in_any_spelling() -> None:
    again = after(Begin(replace(ORDER, previous="v2.0.0", force=True)))
    assert after(Reported("2.0.0"), start=again) == again


def test_a_failure_has_the_devices_reason() -> None:
    state = after(said("failed", error="checksum_mismatch"), start=ORDERED)
    assert state == ended(Outcome.FAILED, "checksum_mismatch")
    assert state.images_fault
    assert not ended(Outcome.FAILED, "download_failed").images_fault
    assert not CONFIRMED.images_fault
    assert after(said("failed"), start=ORDERED) == ended(Outcome.FAILED, "unknown")


@pytest.mark.parametrize(
    ("start", "seconds", "error"),
    [
        (ORDERED, ANSWER_WITHIN, "no_answer"),
        (after(said("deferred"), start=ORDERED), DEFERRED_FOR, "deferred_too_long"),
        (after(said("downloading"), start=ORDERED), NO_PROGRESS, "no_progress"),
        (REBOOTING, NO_RETURN, "no_return"),
    ],
)
def test_silence_ends_it(start: Update, seconds: float, error: str) -> None:
    assert deadline(start) == NOW + seconds
    assert after(Tick(), start=start, now=NOW + seconds - 1) == start
    state = after(Tick(), start=start, now=NOW + seconds)
    assert state == Ended(order=ORDER, outcome=Outcome.FAILED, at=NOW + seconds, error=error)
    assert undecided(state)


def test_news_after_silence_count_more_than_our_verdict() -> None:
    given_up = ended(Outcome.FAILED, "no_progress")
    assert after(said("downloading", percent=50.0), start=given_up) == Working(
        order=ORDER, phase=Phase.DOWNLOADING, percent=50.0, seen=NOW
    )
    assert after(Reported(NEW), start=given_up) == ON_TRIAL
    assert after(said("confirmed", running=NEW), start=given_up) == CONFIRMED
    assert after(said("rebooting"), start=given_up) == REBOOTING


def test_what_the_broker_kept_does_not_wake_what_was_given_up() -> None:
    given_up = ended(Outcome.FAILED, "no_return")
    assert after(said("rebooting", kept=True), said("downloading", kept=True), start=given_up) == given_up
    assert after(said("rolled_back", kept=True), start=given_up) == ROLLED_BACK
    assert after(said("downloading", kept=True), start=ORDERED) != ORDERED


def test_whoever_could_not_listen_begins_the_terms_anew_and_asks_again() -> None:
    later = NOW + 10_000
    assert step(ORDERED, Resumed(), later) == (replace(ORDERED, seen=later), (Send(ORDER),))
    downloading = after(said("downloading"), start=ORDERED)
    assert step(downloading, Resumed(), later) == (replace(downloading, seen=later), ())
    assert step(REBOOTING, Resumed(), later) == (replace(REBOOTING, resumed=later), ())
    assert step(ON_TRIAL, Resumed(), later) == (replace(ON_TRIAL, resumed=later), ())
    for state in (REBOOTING, ON_TRIAL):
        resumed = after(Resumed(), start=state, now=later)
        assert after(Tick(), start=resumed, now=later + NO_RETURN - 1) == resumed
        assert isinstance(after(Tick(), start=resumed, now=later + NO_RETURN), Ended)


def test_that_we_can_listen_again_is_no_sign_of_life_on_trial() -> None:
    later = NOW + TRIAL + 60
    resumed = after(Resumed(), Reported(NEW, kept=True), start=ON_TRIAL, now=later)
    assert after(Tick(), start=resumed, now=later + 15) == resumed
    heard = after(Reported(NEW), start=resumed, now=later + 20)
    assert after(Tick(), start=heard, now=later + 20) == replace(CONFIRMED, at=later + 20)


def test_a_restart_that_the_broker_tells_of_may_be_as_old_as_the_order() -> None:
    later = NOW + 500
    state = after(said("rebooting", kept=True), start=ORDERED, now=later)
    assert state == Rebooting(order=ORDER, since=NOW, resumed=later)
    assert deadline(state) == later + NO_RETURN


def test_whoever_was_given_up_and_is_back_with_the_old_version_has_rolled_back() -> None:
    lost = ended(Outcome.FAILED, "no_return")
    assert after(Reported(OLD), start=lost) == ROLLED_BACK
    assert after(Reported(OLD, kept=True), start=lost) == lost
    stalled = ended(Outcome.FAILED, "no_progress")
    assert after(Reported(OLD), start=stalled) == stalled


def test_a_trial_is_looked_at_when_it_can_end() -> None:
    assert deadline(ON_TRIAL) == NOW + TRIAL
    assert deadline(IDLE) is None
    assert deadline(replace(ON_TRIAL, heard=NOW - 200)) == NOW + 100


def test_a_report_means_nothing_when_nothing_was_ordered() -> None:
    assert after(Reported(NEW), Tick(), Resumed(), Returned(), start=IDLE) == IDLE
    assert after(Returned(), start=ORDERED) == ORDERED


def test_what_is_stored_by_nobody_we_know_is_refused() -> None:
    with pytest.raises(ValueError, match="no state"):
        load({**dump(CONFIRMED), "is": "unknown"})


WORDS = ("accepted", "deferred", "downloading", "verifying", "installing", "rebooting", "confirmed", "failed")
EVENTS = st.one_of(
    st.builds(
        Said,
        cmd_id=st.sampled_from(["c1", "c2", None]),
        state=st.sampled_from([*WORDS, "rolled_back", "else"]),
        percent=st.sampled_from([None, 0.0, 50.0, 100.0]),
        error=st.sampled_from([None, "checksum_mismatch"]),
        running=st.sampled_from([None, OLD, NEW]),
        kept=st.booleans(),
    ),
    st.builds(Reported, st.sampled_from([OLD, NEW, OTHER]), st.booleans()),
    st.sampled_from([Begin(ORDER), Begin(replace(ORDER, cmd_id="c2")), NotSent(), Returned(), Resumed(), Tick()]),
)


@given(st.lists(st.tuples(EVENTS, st.floats(0, 1000)), max_size=30))
def test_whatever_happens_it_is_confirmed_by_a_report_told_once_and_never_stuck(
    history: list[tuple[Event, float]],
) -> None:
    state, now, proof = IDLE, NOW, False
    for event, pause in history:
        now += pause
        before = state
        state, effects = step(before, event, now)
        if isinstance(event, Begin) and not busy(before):
            proof = False
        # The one thing that proves a version is that the device reported it.
        proof |= NEW in {getattr(event, "version", None), getattr(event, "running", None)}
        finishes = [effect.ended for effect in effects if isinstance(effect, Finish)]
        assert finishes == ([state] if isinstance(state, Ended) and state is not before else [])
        if isinstance(state, Ended) and state.outcome is Outcome.CONFIRMED:
            assert proof
        if busy(before):
            assert order_of(state) in {order_of(before), None}
        assert load(dump(state)) == state
    for _ in range(4):
        due = deadline(state)
        state, _ = step(state, Tick(), max(due or 0, now) + NO_RETURN)
    assert isinstance(state, (Idle, Ended))


def test_the_terms_are_those_of_the_issue() -> None:
    assert (NO_PROGRESS, NO_RETURN) == (600, 300)
    assert all(a < b for a, b in pairwise((ANSWER_WITHIN, NO_RETURN, NO_PROGRESS, DEFERRED_FOR)))
