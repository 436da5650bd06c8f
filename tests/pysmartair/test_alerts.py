"""A trouble is raised once, updated, resolved once; nothing active is lost; a broken entry costs itself alone."""

import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair import (
    KEPT_AT_MOST,
    KEPT_FOR,
    TROUBLES,
    Alert,
    Book,
    Change,
    Code,
    Place,
    Report,
    Severity,
    Source,
    Step,
    acknowledge_alert,
    note_alert,
    prune_alerts,
    raise_alert,
    read_alerts,
    resolve_alert,
    unparse_alert,
    unparse_alerts,
    worst,
)
from custom_components.smartair.pysmartair.alerts.book import SAME_MOMENT

from . import NOW, UID

DRY = Place(Code.DRY_RUN, UID, None, "pump_fill")


def _report(place: Place = DRY, **kwargs: Any) -> Report:
    return Report(place=place, **kwargs)


def _raised(book: Book | None = None, *, now: float = NOW, alert_id: str = "a", **kwargs: Any) -> Step:
    return raise_alert(book or Book(), _report(**kwargs), alert_id=alert_id, now=now)


def _noted(book: Book | None = None, *, now: float = NOW, alert_id: str = "n", **kwargs: Any) -> Step:
    return note_alert(book or Book(), _report(**kwargs), alert_id=alert_id, now=now)


def _stored(book: Book) -> Any:
    return json.loads(json.dumps(unparse_alerts(book)))


def test_every_code_has_a_source_that_its_name_does_not_contradict() -> None:
    assert set(TROUBLES) == set(Code)
    assert {code for code in Code if code.startswith("infra_")} == {
        code for code, trouble in TROUBLES.items() if trouble.source is Source.INFRA and code is not Code.BATTERY_LOW
    }


def test_a_new_trouble_is_raised_with_all_that_is_known_of_it() -> None:
    step = _raised(cause="measured", values={"value": 4.0, "limit": 10.0})
    assert step.change is Change.RAISED
    assert step.alert == Alert(
        id="a",
        code=Code.DRY_RUN,
        severity=Severity.CRITICAL,
        uid=UID,
        channel="pump_fill",
        cause="measured",
        values={"value": 4.0, "limit": 10.0},
        raised_at=NOW,
        updated_at=NOW,
    )
    assert (step.alert.source, step.alert.place, step.alert.active) == (Source.BIZ, DRY, True)
    assert step.book.find("a") is step.alert
    assert step.book.find("b") is None


def test_the_same_said_again_changes_nothing() -> None:
    first = _raised(cause="measured")
    again = _raised(first.book, now=NOW + 5, alert_id="b", cause="measured")
    assert again.book is first.book
    assert (again.alert, again.change) == (first.alert, None)


@pytest.mark.parametrize("changed", [{"cause": "unknown"}, {"severity": Severity.WARNING}])
def test_another_cause_or_severity_updates_the_alert_at_once(changed: dict[str, Any]) -> None:
    first = _raised(cause="measured")
    step = _raised(first.book, now=NOW + 1, alert_id="b", **({"cause": "measured"} | changed))
    assert step.change is Change.UPDATED
    assert (step.alert.id, step.alert.raised_at, step.alert.updated_at, step.alert.count) == ("a", NOW, NOW + 1, 2)


def test_values_that_change_with_every_reading_are_kept_and_told_once_a_minute() -> None:
    book = _raised(values={"value": 4.0}).book
    quiet = _raised(book, now=NOW + 1, values={"value": 3.0})
    assert quiet.change is None
    assert quiet.book.active[DRY].values == {"value": 3.0}
    assert quiet.book.active[DRY].count == 1
    told = _raised(quiet.book, now=NOW + SAME_MOMENT, values={"value": 2.0})
    assert told.change is Change.UPDATED
    assert told.book.active[DRY].updated_at == NOW + SAME_MOMENT


def test_a_severity_that_is_not_named_is_the_usual_one_again() -> None:
    book = _raised(severity=Severity.INFO).book
    assert _raised(book).alert.severity is Severity.CRITICAL


def test_of_one_code_there_is_one_alert_in_each_place() -> None:
    book = Book()
    places = [
        DRY,
        Place(Code.DRY_RUN, UID, None, "pump_drain"),
        Place(Code.DRY_RUN, "other"),
        Place(Code.NO_FLOW, UID),
    ]
    for index, place in enumerate(places * 2):
        book = _raised(book, place=place, alert_id=str(index)).book
    assert list(book.active) == places
    assert [alert.id for alert in book.active.values()] == ["0", "1", "2", "3"]


def test_a_trouble_is_resolved_once() -> None:
    first = resolve_alert(_raised().book, DRY, now=NOW + 60)
    assert first.change is Change.RESOLVED
    assert (first.alert.id, first.alert.resolved_at, first.alert.active) == ("a", NOW + 60, False)
    assert first.book == Book({}, (first.alert,))
    again = resolve_alert(first.book, DRY, now=NOW + 61)
    assert again == Step(first.book)


def test_a_clock_that_was_set_back_ends_nothing_before_it_began() -> None:
    book = _raised(cause="measured").book
    updated = _raised(book, now=NOW - 100, cause="unknown").alert
    assert updated.updated_at == NOW
    assert resolve_alert(book, DRY, now=NOW - 100).alert.resolved_at == NOW
    assert acknowledge_alert(book, "a", now=NOW - 100).alert.acknowledged_at == NOW


def test_a_moment_is_over_as_it_is_noted() -> None:
    step = _noted(cause="interlock")
    assert step.change is Change.NOTED
    assert (step.alert.raised_at, step.alert.resolved_at, step.alert.momentary) == (NOW, NOW, True)
    assert step.book == Book({}, (step.alert,))


def test_the_same_moment_again_is_counted_with_the_first_and_told_all_the_same() -> None:
    book = _noted(Book(), cause="interlock", values={"value": 1}).book
    book = _noted(book, place=Place(Code.RUN_REFUSED), alert_id="other", now=NOW + 1).book
    step = _noted(book, now=NOW + 2, alert_id="m", cause="interlock", values={"value": 2})
    assert step.change is Change.NOTED
    assert [(one.id, one.count) for one in step.book.past] == [("other", 1), ("n", 2)]
    assert (step.alert.raised_at, step.alert.resolved_at, step.alert.values) == (NOW, NOW + 2, {"value": 2})


@pytest.mark.parametrize(
    ("later", "changed"),
    [(SAME_MOMENT, {}), (1, {"cause": "leak"}), (1, {"severity": Severity.INFO}), (-1, {})],
)
def test_another_moment_stands_for_itself(later: float, changed: dict[str, Any]) -> None:
    book = _noted(cause="interlock").book
    book = _noted(book, now=NOW + later, alert_id="m", **({"cause": "interlock"} | changed)).book
    assert [one.id for one in book.past] == ["n", "m"]


def test_a_moment_is_not_counted_with_an_alert_that_had_a_duration() -> None:
    book = resolve_alert(_raised().book, DRY, now=NOW).book
    assert [one.count for one in _noted(book).book.past] == [1, 1]


def test_an_alert_is_acknowledged_once() -> None:
    step = acknowledge_alert(_raised().book, "a", now=NOW + 5)
    assert step.change is Change.ACKNOWLEDGED
    assert step.alert.acknowledged_at == NOW + 5
    again = acknowledge_alert(step.book, "a", now=NOW + 6)
    assert again == Step(step.book, step.alert)


def test_what_is_not_active_is_not_acknowledged() -> None:
    book = resolve_alert(_raised().book, DRY, now=NOW).book
    assert acknowledge_alert(book, "a", now=NOW) == Step(book)


def test_an_acknowledgement_does_not_cover_what_became_worse() -> None:
    book = acknowledge_alert(_raised(severity=Severity.WARNING).book, "a", now=NOW).book
    milder = _raised(book, severity=Severity.INFO, now=NOW + 1)
    assert milder.alert.acknowledged_at == NOW
    assert _raised(book, severity=Severity.CRITICAL, now=NOW + 1).alert.acknowledged_at is None


def test_a_number_that_is_none_becomes_unknown_and_text_is_cut() -> None:
    values = {"nan": float("nan"), "endless": float("inf"), "huge": 10**400, "list": [1], "on": True, "name": "x"}
    alert = _raised(values=values, cause="c" * 600).alert
    assert alert.values == dict.fromkeys(("nan", "endless", "huge", "list")) | {"on": True, "name": "x"}
    assert len(alert.cause) == 500


def test_what_is_over_is_kept_for_90_days_and_what_is_active_for_ever() -> None:
    book = _raised(_noted().book, place=Place(Code.LEAK)).book
    assert prune_alerts(book, now=NOW + KEPT_FOR) is book
    assert prune_alerts(book, now=NOW + KEPT_FOR + 1) == Book(book.active)


def test_the_oldest_goes_when_there_are_too_many_and_never_what_is_active() -> None:
    past = tuple(_noted(alert_id=str(index)).alert for index in range(KEPT_AT_MOST))
    full = Book({}, past)
    assert prune_alerts(full, now=NOW) is full
    one_more = _noted(full, place=Place(Code.LEAK), alert_id="last").book
    assert (len(one_more.past), one_more.past[0].id, one_more.past[-1].id) == (KEPT_AT_MOST, "1", "last")
    active = {one: _raised(place=one).alert for one in (Place(Code.LEAK, str(number)) for number in range(5_001))}
    assert prune_alerts(Book(active, past), now=NOW) == Book(active)


def test_a_book_comes_back_as_it_was() -> None:
    book = _raised(
        _noted().book, place=Place(Code.WATER_CHANGE_FAILED, zone="tent"), values={"a": 1.5, "b": None}
    ).book
    book = acknowledge_alert(book, "a", now=NOW + 1).book
    assert read_alerts(_stored(book)) == (book, ())


_GOOD = unparse_alert(_raised().alert)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "alert",
        {},
        _GOOD | {"id": None},
        _GOOD | {"id": ""},
        _GOOD | {"code": "biz_rain"},
        _GOOD | {"code": None},
        _GOOD | {"severity": "awful"},
        _GOOD | {"severity": 3},
        _GOOD | {"uid": "no uid!"},
        _GOOD | {"channel": "c" * 129},
        _GOOD | {"cause": ["list"]},
        _GOOD | {"values": None},
        _GOOD | {"values": {"a": []}},
        _GOOD | {"values": {"a": float("nan")}},
        _GOOD | {"raised_at": None},
        _GOOD | {"raised_at": True},
        _GOOD | {"raised_at": -1},
        _GOOD | {"raised_at": float("nan")},
        _GOOD | {"updated_at": "now"},
        _GOOD | {"updated_at": None},
        _GOOD | {"updated_at": NOW - 1},
        _GOOD | {"resolved_at": NOW + 1},
        _GOOD | {"count": 0},
        _GOOD | {"count": True},
        _GOOD | {"count": "many"},
        _GOOD | {"id": "good"},
        _GOOD | {"id": "other"},
    ],
)
def test_a_broken_stored_alert_is_left_out_and_the_others_stay(broken: Any) -> None:
    good = _GOOD | {"id": "good"}
    book, reasons = read_alerts([good, broken, _GOOD | {"id": "past", "resolved_at": NOW}])
    assert [alert.id for alert in book.active.values()] == ["good"]
    assert [alert.id for alert in book.past] == ["past"]
    assert len(reasons) == 1


def test_a_file_that_holds_something_else_holds_no_alerts() -> None:
    assert read_alerts({"a": 1})[0] == Book()
    assert read_alerts([]) == (Book(), ())


def test_stored_alerts_are_brought_into_the_order_of_their_ends() -> None:
    stored = [_GOOD | {"id": str(at), "updated_at": NOW + at, "resolved_at": NOW + at} for at in (3, 1, 2)]
    assert [alert.id for alert in read_alerts(stored)[0].past] == ["1", "2", "3"]


def test_the_worst_of_several_is_the_most_severe() -> None:
    alerts = [_raised(severity=severity).alert for severity in (Severity.INFO, Severity.CRITICAL, Severity.WARNING)]
    assert worst(alerts) is Severity.CRITICAL
    assert worst([]) is None


_PLACES = [DRY, Place(Code.CO2_HIGH, UID), Place(Code.MQTT_DOWN)]
_ENTRIES = st.tuples(
    st.sampled_from(["raise", "resolve", "note", "acknowledge", "restart"]),
    st.sampled_from(_PLACES),
    st.sampled_from([None, "measured", "unknown"]),
    st.integers(0, 90),
)


@given(st.lists(_ENTRIES, max_size=40))
def test_in_any_order_each_alert_is_raised_once_and_resolved_at_most_once(
    entries: list[tuple[str, Place, str, int]],
) -> None:
    book, now, told = Book(), NOW, []
    for number, (what, place, cause, later) in enumerate(entries):
        now += later
        report = _report(place, cause=cause)
        match what:
            case "raise":
                step = raise_alert(book, report, alert_id=str(number), now=now)
            case "resolve":
                step = resolve_alert(book, place, now=now)
            case "note":
                step = note_alert(book, report, alert_id=str(number), now=now)
            case "acknowledge":
                step = acknowledge_alert(book, next((one.id for one in book.active.values()), ""), now=now)
            case _:
                restored, broken = read_alerts(_stored(book))
                assert (broken, restored.active) == ((), book.active)
                assert sorted(one.id for one in restored.past) == sorted(one.id for one in book.past)
                step = Step(restored)
        book = step.book
        told += [(step.change, step.alert.id)] if step.change else []
        assert all(place == alert.place and alert.active for place, alert in book.active.items())
        assert not any(alert.active for alert in book.past)
    for change in (Change.RAISED, Change.RESOLVED):
        of_it = [alert_id for one, alert_id in told if one is change]
        assert len(of_it) == len(set(of_it))
    raised = {alert_id for change, alert_id in told if change is Change.RAISED}
    resolved = {alert_id for change, alert_id in told if change is Change.RESOLVED}
    assert resolved <= raised
    assert {alert.id for alert in book.active.values()} == raised - resolved
    kept = [alert.id for alert in (*book.active.values(), *book.past)]
    assert len(kept) == len(set(kept))
