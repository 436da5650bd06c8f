"""What people are told of alerts: once, again with growing pauses, and taken back, whatever the hour."""

import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair import (
    Alert,
    Book,
    Code,
    Place,
    Report,
    Severity,
    acknowledge_alert,
    note_alert,
    raise_alert,
    resolve_alert,
)
from custom_components.smartair.pysmartair.alerts.notices import (
    FORGET_AFTER,
    HELD_LOOK,
    Kind,
    Notices,
    Receiver,
    Scene,
    Standing,
    look,
    prune_notices,
    read_notices,
    unparse_notices,
)

HOUR = 3600.0


class Ann:
    """Somebody who is told."""

    def __init__(self, severity: Severity = Severity.WARNING) -> None:
        self.receiver = Receiver(severity)
        self.now = 1_000_000.0
        self.standing = Standing(seen=self.now)
        self.book = Book()
        self.snoozed: dict[str, float] = {}
        self.night = False
        self.due: float | None = None
        self._ids = 0

    def bad(self, code: Code = Code.CO2_HIGH, uid: str = "a", **content: Any) -> str:
        """Raise an alert, or say of it what is new; return its id."""
        self._ids += 1
        report = Report(place=Place(code, uid), **content)
        step = raise_alert(self.book, report, alert_id=f"{self._ids}", now=self.now)
        self.book = step.book
        assert step.alert is not None
        return step.alert.id

    def good(self, code: Code = Code.CO2_HIGH, uid: str = "a") -> None:
        self.book = resolve_alert(self.book, Place(code, uid), now=self.now).book

    def note(self, code: Code = Code.COMMAND_UNCONFIRMED, uid: str = "a", **content: Any) -> None:
        self._ids += 1
        report = Report(place=Place(code, uid), **content)
        self.book = note_alert(self.book, report, alert_id=f"{self._ids}", now=self.now).book

    def hears(self, after: float = 1) -> list[str]:
        """Return what she is told a while later."""
        self.now += after
        scene = Scene(book=self.book, snoozed=self.snoozed, now=self.now, quiet=lambda _: self.night)
        seen = look(self.standing, self.receiver, scene)
        self.standing, self.due = seen.standing, seen.due
        return [
            f"{one.kind.value} {one.alert_id or len(one.others)}{' aloud' if one.loud else ''}"
            for one in seen.notices
        ]

    def restarts(self) -> None:
        """Keep what is written to the disk and nothing else."""
        stored = json.loads(json.dumps(unparse_notices(Notices({"ann": self.standing}, self.snoozed))))
        notices = read_notices(stored)
        self.standing, self.snoozed = notices.standings["ann"], dict(notices.snoozed)


@pytest.fixture
def ann() -> Ann:
    return Ann()


def test_what_is_bad_is_told_once_and_taken_back(ann: Ann) -> None:
    ann.bad()
    assert ann.hears() == ["told 1 aloud"]
    assert ann.hears() == []
    ann.good()
    assert ann.hears() == ["resolved 1"]
    assert ann.hears() == []
    assert ann.due is None


def test_after_a_restart_nothing_is_told_again_and_what_is_over_is_taken_back(ann: Ann) -> None:
    ann.bad()
    ann.note()
    assert ann.hears() == ["told 1 aloud", "noted 2 aloud"]
    ann.restarts()
    assert ann.hears() == []
    ann.good()
    ann.restarts()
    assert ann.hears() == ["resolved 1"]


def test_reminders_come_with_pauses_that_grow_to_half_a_day(ann: Ann) -> None:
    ann.bad()
    ann.hears()
    begun, moments = ann.now, []
    for _ in range(7):
        assert ann.due is not None
        assert ann.hears(ann.due - ann.now - 1) == []
        assert ann.hears(1) == ["reminded 1 aloud"]
        moments.append(round((ann.now - begun) / HOUR))
    assert moments == [1, 3, 7, 15, 27, 39, 51]


def test_what_is_less_severe_than_wished_is_not_told_until_it_is_worse(ann: Ann) -> None:
    ann.bad(severity=Severity.INFO)
    ann.note(Code.LOCK_RESET)
    assert ann.hears() == []
    ann.bad(severity=Severity.WARNING)
    assert ann.hears() == ["told 1 aloud"]
    ann.bad(severity=Severity.CRITICAL)
    assert ann.hears() == ["told 1 aloud"]
    ann.bad(severity=Severity.WARNING)
    assert ann.hears() == ["updated 1"]


def test_another_cause_takes_the_place_of_the_message_without_a_sound(ann: Ann) -> None:
    ann.bad(cause="measured")
    ann.hears()
    ann.bad(cause="frozen")
    assert ann.hears() == ["updated 1"]
    assert ann.hears() == []


def test_at_night_only_what_is_critical_is_told_and_the_rest_in_the_morning(ann: Ann) -> None:
    ann.night = True
    ann.bad()
    ann.note()
    ann.bad(Code.DRY_RUN)
    assert ann.hears() == ["told 3 aloud"]
    assert ann.due == ann.now + HELD_LOOK
    ann.restarts()
    assert ann.hears(HOUR / 2) == []
    ann.night = False
    assert ann.hears() == ["told 1 aloud", "noted 2 aloud"]


def test_what_is_over_before_the_morning_is_never_told(ann: Ann) -> None:
    ann.night = True
    ann.bad()
    assert ann.hears() == []
    ann.good()
    ann.night = False
    assert ann.hears() == []


def test_a_reminder_waits_for_the_morning_and_taking_back_does_not(ann: Ann) -> None:
    ann.bad()
    ann.hears()
    ann.night = True
    assert ann.hears(2 * HOUR) == []
    ann.night = False
    assert ann.hears() == ["reminded 1 aloud"]
    ann.night = True
    ann.good()
    assert ann.hears() == ["resolved 1"]


def test_what_somebody_knows_is_taken_back_and_said_again_only_when_it_is_worse(ann: Ann) -> None:
    one = ann.bad()
    ann.hears()
    ann.book = acknowledge_alert(ann.book, one, now=ann.now).book
    assert ann.hears() == ["cleared 1"]
    assert ann.due is None
    assert ann.hears(100 * HOUR) == []
    ann.bad(severity=Severity.CRITICAL)
    assert ann.hears() == ["told 1 aloud"]
    ann.book = acknowledge_alert(ann.book, one, now=ann.now).book
    ann.hears()
    ann.good()
    assert ann.hears() == []


def test_a_snooze_lasts_an_hour_over_a_restart_and_not_where_it_becomes_worse(ann: Ann) -> None:
    one = ann.bad()
    other = ann.bad(Code.HUMIDITY_HIGH)
    ann.hears()
    ann.snoozed = {one: ann.now + HOUR, other: ann.now + HOUR}
    assert ann.hears() == ["cleared 1", "cleared 2"]
    ann.restarts()
    assert ann.hears(HOUR / 2) == []
    ann.bad(Code.HUMIDITY_HIGH, severity=Severity.CRITICAL)
    assert ann.hears() == ["told 2 aloud"]
    assert ann.due == ann.snoozed[one]
    assert ann.hears(HOUR / 2) == ["reminded 1 aloud"]


def test_who_joins_while_it_is_snoozed_is_told_when_that_ends(ann: Ann) -> None:
    ann.snoozed = {ann.bad(): ann.now + HOUR}
    assert ann.hears() == []
    assert ann.due == ann.snoozed["1"]
    assert ann.hears(HOUR) == ["told 1 aloud"]


def test_who_joins_hears_what_is_active_and_nothing_that_is_past(ann: Ann) -> None:
    ann.bad()
    ann.note()
    ann.now += 1
    ann.standing = Standing(seen=ann.now)
    assert ann.hears() == ["told 1 aloud"]


def test_forty_devices_that_fall_silent_are_one_message(ann: Ann) -> None:
    for number in range(40):
        ann.bad(Code.DEVICE_OFFLINE, f"d{number}")
    assert ann.hears() == ["told 40 aloud"]
    ann.restarts()
    assert ann.hears() == []
    for number in range(39):
        ann.good(Code.DEVICE_OFFLINE, f"d{number}")
    assert ann.hears() == []
    assert ann.hears(60) == ["updated 1"]
    ann.good(Code.DEVICE_OFFLINE, "d39")
    assert ann.hears(60) == ["resolved 0"]
    assert ann.due is None


def test_what_is_critical_is_told_by_itself_beside_the_message_for_all(ann: Ann) -> None:
    for number in range(8):
        ann.bad(Code.DEVICE_OFFLINE, f"d{number}")
    lock = ann.bad(Code.DRY_RUN)
    assert ann.hears() == [f"told {lock} aloud", "told 8 aloud"]


def test_the_sixth_within_a_minute_joins_the_message_for_all(ann: Ann) -> None:
    heard = []
    for number in range(8):
        ann.bad(Code.DEVICE_OFFLINE, f"d{number}")
        heard += ann.hears()
    assert heard == [*(f"told {number} aloud" for number in range(1, 6)), "told 1 aloud"]
    assert ann.hears(60) == ["told 3 aloud"]
    assert ann.hears(HOUR - 60) == [*(f"reminded {number} aloud" for number in range(1, 6)), "told 3 aloud"]


def test_reminders_that_are_too_many_move_into_the_message_for_all(ann: Ann) -> None:
    for number in range(5):
        ann.bad(Code.DEVICE_OFFLINE, f"d{number}")
    ann.hears()
    ann.now += HOUR
    ann.bad(Code.HUMIDITY_HIGH)
    assert ann.hears() == [*(f"cleared {number}" for number in range(1, 6)), "told 6 aloud"]


def test_members_of_the_message_for_all_are_reminded_of_and_changed_together(ann: Ann) -> None:
    for number in range(6):
        ann.bad(Code.DEVICE_OFFLINE, f"d{number}", cause="x")
    assert ann.hears() == ["told 6 aloud"]
    ann.bad(Code.DEVICE_OFFLINE, "d0", cause="y")
    ann.book = acknowledge_alert(ann.book, "2", now=ann.now).book
    assert ann.hears(60) == ["updated 5"]
    assert ann.hears(HOUR) == ["told 5 aloud"]


def test_the_same_note_is_told_once_an_hour(ann: Ann) -> None:
    heard = []
    for _ in range(30):
        ann.note()
        heard += ann.hears(120)
    assert heard == ["noted 1 aloud"]
    ann.note()
    assert ann.hears(120) == ["noted 31 aloud"]


def test_a_note_that_is_repeated_in_the_same_minute_is_the_same(ann: Ann) -> None:
    ann.note(cause="x")
    assert ann.hears() == ["noted 1 aloud"]
    ann.note(cause="x")
    ann.standing = Standing(seen=ann.standing.seen)
    assert ann.hears() == []


def test_notes_that_are_too_many_wait_and_none_is_lost(ann: Ann) -> None:
    for number in range(7):
        ann.note(uid=f"d{number}")
    assert len(ann.hears()) == 5
    ann.restarts()
    assert ann.hears(60) == ["noted 6 aloud", "noted 7 aloud"]


def test_a_clock_that_is_set_back_puts_no_reminder_off(ann: Ann) -> None:
    for number in range(6):
        ann.bad(Code.DEVICE_OFFLINE, f"d{number}")
    ann.hears()
    ann.now -= 100 * HOUR
    assert ann.hears() == []
    ann.good(Code.DEVICE_OFFLINE, "d0")
    assert ann.hears() == ["updated 5"]
    assert ann.hears(HOUR) == ["told 5 aloud"]


def test_what_nobody_asks_for_and_snoozes_of_what_is_over_are_forgotten(ann: Ann) -> None:
    one = ann.bad()
    ann.hears()
    snoozed = {one: ann.now + 60, "gone": ann.now + 60}
    notices = Notices({"ann": ann.standing, "old": Standing(seen=ann.now - FORGET_AFTER)}, snoozed)
    kept = prune_notices(notices, ann.book, now=ann.now)
    assert (set(kept.standings), set(kept.snoozed)) == ({"ann"}, {one})
    assert prune_notices(notices, ann.book, now=ann.now + 60).snoozed == {}


def test_two_with_the_same_wishes_have_the_same_key() -> None:
    assert Receiver().key == "warning/22:00:00/07:00:00"
    assert Receiver(Severity.INFO).key != Receiver().key


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_what_is_broken_on_the_disk_is_left_out(stored: Any) -> None:
    assert read_notices(stored) == Notices()
    good = unparse_notices(Notices({"ann": Standing(seen=1)}))
    for name in ("seen", "told", "held", "noted", "summary"):
        broken = {"standings": {"ann": {**good["standings"]["ann"], name: stored}}, "snoozed": stored}
        assert read_notices(broken).snoozed == {}
    told = {"told": {"1": {"severity": stored}}}
    assert read_notices({"standings": {"ann": {**good["standings"]["ann"], **told}}}) == Notices()
    assert read_notices({"standings": {"ann": {**good["standings"]["ann"], "seen": True}}}) == Notices()


def _alert() -> Alert:
    ann = Ann()
    ann.bad()
    return next(iter(ann.book.active.values()))


def test_kinds_are_words_for_automations() -> None:
    assert [kind.value for kind in Kind] == [
        "told", "reminded", "updated", "resolved", "cleared", "noted", "refused",
    ]  # fmt: skip
    assert _alert().code is Code.CO2_HIGH
