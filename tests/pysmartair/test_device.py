"""What is known of a device, and how each message and the passing of time change it."""

from copy import replace
import json
from typing import Any

import pytest

from custom_components.smartair.pysmartair import (
    KEY_CHANNELS,
    KEY_CONFIG,
    KEY_DESCRIPTOR,
    KEY_FACTS,
    KEY_LAST_SEEN,
    KEY_ODD,
    KEY_OTA,
    KEY_SKEW,
    KEY_STATUS,
    KEY_UNKNOWN,
    KEY_UPTIME,
    STALE_MINIMUM,
    Snapshot,
    expire,
    fold,
    habits,
    next_expiry,
    with_habits,
)

from . import NOW, UID, told

NEW = Snapshot(uid=UID)


class Story:
    """A device's life: what it said when, and what changed last."""

    def __init__(self) -> None:
        self.now = NOW
        self.snapshot = NEW
        self.changed: frozenset[str] = frozenset()

    def wait(self, seconds: float) -> Story:
        self.now += seconds
        self.snapshot, self.changed = expire(self.snapshot, now=self.now)
        return self

    def hear(self, channel: str, content: Any, *, retained: bool = False) -> Story:
        message = told(channel, content)
        self.snapshot, self.changed = fold(self.snapshot, message, now=self.now, retained=retained)
        return self

    def report(self, *, age: float | None = None, **content: Any) -> Story:
        timestamp = {} if age is None else {"timestamp": self.now - age}
        return self.hear("telemetry", {**timestamp, **content})


@pytest.fixture
def story() -> Story:
    return Story()


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [None, 0, 60, 119.9, 120, -60, -120])
def test_within_120_seconds_of_now_or_without_a_clock_is_live(story: Story, age: float | None) -> None:
    after = story.report(age=age, co2=920).snapshot
    assert after.values == {"co2": 920}
    assert after.measured == {"co2": NOW}
    assert (after.last_seen, after.skew, after.buffered) == (NOW, None, 0)
    assert story.changed == {"co2", KEY_LAST_SEEN, KEY_STATUS}


@pytest.mark.parametrize("age", [120.5, 3600, 86_400 * 365])
def test_older_is_buffered_and_never_a_live_value(story: Story, age: float) -> None:
    after = story.report(age=age, co2=920).snapshot
    assert (after.values, after.measured, after.buffered) == ({}, {}, 1)
    assert after.metrics == {"co2"}
    assert story.changed == {KEY_LAST_SEEN, KEY_STATUS}


@pytest.mark.parametrize("age", [-120.5, -3600, -86_400 * 365])
def test_further_ahead_is_live_with_the_time_of_arrival_and_the_skew_is_told(story: Story, age: float) -> None:
    after = story.report(age=age, co2=920).snapshot
    assert (after.values, after.measured) == ({"co2": 920}, {"co2": NOW})
    assert after.skew == -age
    assert KEY_SKEW in story.changed


def test_a_skew_that_becomes_another_is_told_anew(story: Story) -> None:
    story.report(age=-3600, co2=500)
    for age, news in ((-3660, False), (-3300, False), (-7200, True), (-200, True), (-250, False)):
        story.report(age=age, co2=500)
        assert story.snapshot.skew == -age
        assert (KEY_SKEW in story.changed) == news


def test_a_skew_is_told_once_and_taken_back_once(story: Story) -> None:
    assert KEY_SKEW in story.report(age=-3600, co2=920).changed
    assert KEY_SKEW not in story.report(age=-3601, co2=920).changed
    assert story.snapshot.skew == 3601
    assert KEY_SKEW in story.report(age=0, co2=920).changed
    assert story.snapshot.skew is None


@pytest.mark.parametrize("timestamp", [0, 1000, 1_577_836_799])
def test_a_clock_that_was_never_set_counts_as_none(story: Story, timestamp: int) -> None:
    assert story.hear("telemetry", {"co2": 920, "timestamp": timestamp}).snapshot.values == {"co2": 920}


@pytest.mark.parametrize("age", [0, 30, 3600, -3600])
def test_what_is_marked_as_buffered_is_never_live_however_young(story: Story, age: float) -> None:
    story.report(co2=920)
    before = story.snapshot
    story.hear("telemetry", {"buffered": True, "samples": [{"timestamp": NOW - age, "co2": 1500, "ph": 6}] * 3})
    assert story.snapshot.values == before.values
    assert story.snapshot.measured == before.measured
    assert story.snapshot.buffered == 3
    assert story.snapshot.metrics == {"co2", "ph"}
    assert story.changed == {KEY_LAST_SEEN}


def test_history_proves_that_its_device_is_there_again(story: Story) -> None:
    story.report(co2=920).hear("status", "offline")
    story.hear("telemetry", {"buffered": True, "samples": [{"timestamp": NOW - 600, "co2": 1500}]})
    assert story.snapshot.available
    assert KEY_STATUS in story.changed


@pytest.mark.parametrize("behind", [28_800, 3600, 200, 86_400 * 400])
def test_who_is_steadily_behind_has_a_wrong_clock_and_is_live(story: Story, behind: float) -> None:
    for _ in range(3):
        story.wait(5).report(age=behind, co2=700)
    assert (story.snapshot.values, story.snapshot.skew) == ({"co2": 700}, -behind)
    assert KEY_SKEW in story.changed
    story.wait(5).report(age=behind, co2=710)
    assert (story.snapshot.values, KEY_SKEW in story.changed) == ({"co2": 710}, False)
    story.wait(5).report(age=0, co2=720)
    assert (story.snapshot.values, story.snapshot.skew) == ({"co2": 720}, None)


def test_who_is_behind_and_seldom_heard_is_live_with_the_second_report(story: Story) -> None:
    story.report(age=28_800, co2=700).wait(600).report(age=28_801, co2=701)
    assert story.snapshot.values == {"co2": 701}


def test_a_clock_that_stands_still_is_a_wrong_clock(story: Story) -> None:
    for index in range(9):
        story.wait(5).hear("telemetry", {"timestamp": NOW - 600, "co2": 700 + index})
    assert story.snapshot.values == {"co2": 708}


def test_a_clock_that_drifts_over_the_border_stays_live_and_is_told_of_once(story: Story) -> None:
    told = 0
    for age in (110, 114, 118, 122, 119, 121, 126, 130):
        story.wait(10).report(age=age, co2=700 + age)
        assert story.snapshot.values == {"co2": 700 + age}
        told += KEY_SKEW in story.changed
    assert (told, story.snapshot.skew, story.snapshot.buffered) == (1, -130, 0)


def test_a_whole_backlog_without_a_mark_is_history_however_it_comes(story: Story) -> None:
    story.report(age=0, co2=600).wait(86_400)
    for minute in range(1430):
        story.wait(0.05).hear("telemetry", {"timestamp": NOW + 60 * minute, "co2": 2000})
    assert story.snapshot.values == {}
    assert story.snapshot.buffered == 1430
    assert story.snapshot.skew is None


def test_what_is_late_beside_live_values_is_history(story: Story) -> None:
    for minute in range(20):
        story.wait(30).report(age=7200, co2=2000 + minute).report(age=0, co2=600)
    assert (story.snapshot.values, story.snapshot.buffered) == ({"co2": 600}, 20)


def test_a_sample_from_after_our_clock_was_set_back_begins_its_run_anew(story: Story) -> None:
    story.report(age=7200, co2=700)
    story.now -= 60
    story.report(age=7200, co2=700)
    assert story.snapshot.late == (NOW - 60, NOW - 60 - 7200, 1)


# --- what is odd -----------------------------------------------------------------------------------


def test_what_is_rejected_again_and_again_is_told_once_and_taken_back_once(story: Story) -> None:
    told = []
    for _ in range(5):
        story.wait(25).report(humidity="wet", co2=700)
        told.append(KEY_ODD in story.changed)
    assert told == [False, False, False, True, False]
    assert {name: one.said for name, one in story.snapshot.troubles.items()} == {"humidity": '"wet"'}
    assert KEY_ODD not in story.wait(25).report(co2=700).changed
    assert KEY_ODD in story.wait(25).report(humidity=40).changed
    assert story.snapshot.odd == {}


def test_a_glitch_now_and_then_is_not_told(story: Story) -> None:
    for _ in range(20):
        story.wait(30).report(humidity=40).wait(30).report(humidity=255)
    assert story.snapshot.troubles == {}


def test_a_time_and_a_pump_that_cannot_be_read_are_told_too(story: Story) -> None:
    for _ in range(4):
        story.wait(30).hear("telemetry", {"timestamp": "noon", "co2": 700, "channels": {"a": {"on": "?"}}})
    assert set(story.snapshot.troubles) == {"timestamp", "a.on"}
    story.hear("telemetry", {"timestamp": story.now, "co2": 700, "channels": {"a": {"on": True}}})
    assert story.snapshot.troubles == {}


def test_what_is_odd_about_history_is_told_unless_another_sample_says_it_well(story: Story) -> None:
    samples = [{"timestamp": "noon", "co2": 0, "ph": 99}, {"timestamp": "one", "co2": 700}]
    changes = []
    for _ in range(4):
        story.wait(30).hear("telemetry", {"samples": samples})
        changes.append(KEY_ODD in story.changed)
    assert set(story.snapshot.troubles) == {"timestamp", "ph"}
    assert changes == [False, False, True, False]


def test_what_is_odd_fills_no_memory(story: Story) -> None:
    story.hear("telemetry", {"channels": {f"c{number}": {"on": "?"} for number in range(60)}})
    assert len(story.snapshot.odd) == 32


def test_a_device_that_waits_for_approval_shows_what_cannot_be_taken_of_it(story: Story) -> None:
    after = story.hear("telemetry", {"co2": "much"}, retained=True).snapshot
    assert {name: one.said for name, one in after.odd.items()} == {"co2": '"much"'}
    assert after.metrics == frozenset()


# --- retained telemetry --------------------------------------------------------------------------


def test_retained_telemetry_says_that_a_device_exists_and_never_what_it_measures(story: Story) -> None:
    after = story.hear("telemetry", {"timestamp": NOW, "co2": 920, "seq": 5, "boot_id": "a"}, retained=True).snapshot
    assert after == replace(NEW, metrics=frozenset({"co2"}))
    assert story.changed == {KEY_DESCRIPTOR}
    assert not after.available


def test_retained_telemetry_that_says_nothing_new_changes_nothing(story: Story) -> None:
    before = story.report(co2=920).wait(60).snapshot
    assert story.hear("telemetry", {"co2": 4000}, retained=True).snapshot is before
    assert story.changed == frozenset()


def test_retained_history_is_no_sign_of_life_either(story: Story) -> None:
    story.report(co2=920).hear("status", "offline").wait(60)
    before = story.snapshot
    story.hear("telemetry", {"samples": [{"co2": 4000}, {"ph": 6}]}, retained=True)
    assert story.snapshot == replace(before, metrics=frozenset({"co2", "ph"}))
    assert story.changed == {KEY_DESCRIPTOR}


# --- values --------------------------------------------------------------------------------------


def test_only_what_changed_is_told(story: Story) -> None:
    story.report(co2=920, temperature=25.1)
    assert story.report(co2=930, temperature=25.1).changed == {"co2", KEY_LAST_SEEN}
    assert story.report(co2=930, temperature=25.1).changed == {KEY_LAST_SEEN}
    assert story.report(co2=930.0, uptime=5).changed == {KEY_LAST_SEEN, KEY_UPTIME}
    assert story.report(co2=930.0, uptime=6).changed == {KEY_LAST_SEEN, KEY_UPTIME}


def test_the_last_good_value_stays_when_a_bad_one_comes(story: Story) -> None:
    story.report(co2=920).wait(30)
    after = story.report(co2="broken", temperature=20).snapshot
    assert after.values == {"co2": 920, "temperature": 20}
    assert after.measured == {"co2": NOW, "temperature": NOW + 30}
    assert after.rejected == {"co2": 1}


def test_unknown_names_and_rejected_values_are_counted_and_a_name_is_told_once(story: Story) -> None:
    assert KEY_UNKNOWN in story.report(radon=1, co2=0).changed
    assert KEY_UNKNOWN not in story.report(radon=2, co2=0).changed
    assert story.snapshot.unknown == {"radon": 2}
    assert story.snapshot.rejected == {"co2": 2}


def test_a_device_that_invents_names_fills_no_memory(story: Story) -> None:
    for number in range(40):
        story.report(**{f"x{number}_{index}": 1 for index in range(40)})
    assert len(story.snapshot.unknown) == 32
    story.report(x0_0=1)
    assert story.snapshot.unknown["x0_0"] == 2


# --- stale ---------------------------------------------------------------------------------------


def test_a_value_is_stale_after_90_seconds_where_no_interval_is_known(story: Story) -> None:
    story.report(co2=920)
    assert next_expiry(story.snapshot) == NOW + 90
    assert story.wait(89.9).snapshot.values == {"co2": 920}
    assert story.changed == frozenset()
    after = story.wait(0.1).snapshot
    assert (after.values, after.measured, after.available) == ({}, {}, False)
    assert story.changed == {"co2", KEY_STATUS}
    assert next_expiry(after) is None


@pytest.mark.parametrize(
    ("interval", "term"),
    [(1, 90), (30, 90), (31, 93), (600, 1800), (3600, 10_800), (86_400, 259_200), (1e9, 93 * 86_400)],
)
def test_a_value_is_stale_after_three_intervals_as_configured_and_at_least_90_seconds(
    story: Story, interval: int, term: int
) -> None:
    story.hear("config/state", {"revision": 1, "config": {"report_interval": interval}}).report(co2=920)
    assert story.snapshot.stale_after == term
    assert story.wait(term - 1).snapshot.values == {"co2": 920}
    assert story.wait(1).snapshot.values == {}


@pytest.mark.parametrize("interval", ["a minute", True, 0, -5, None])
def test_an_interval_that_cannot_be_is_not_believed(story: Story, interval: object) -> None:
    story.hear("config/state", {"revision": 1, "config": {"report_interval": interval}})
    assert story.snapshot.report_interval is None
    assert story.snapshot.stale_after == STALE_MINIMUM


def test_an_interval_that_was_confirmed_as_a_text_is_that_interval(story: Story) -> None:
    story.hear("config/state", {"revision": 1, "config": {"report_interval": "60", "alerts_enabled": "ON"}})
    assert story.snapshot.report_interval == 60
    assert story.snapshot.applied
    assert story.snapshot.applied.config["alerts_enabled"] is True


def test_the_interval_of_a_plain_script_is_learnt_even_when_it_is_longer_than_90_seconds(story: Story) -> None:
    story.report(co2=920).wait(300)
    assert story.snapshot.values == {}
    story.report(co2=930)
    assert story.snapshot.report_interval == 300
    assert story.wait(300).snapshot.values == {"co2": 930}


def test_one_long_absence_does_not_change_the_learnt_interval(story: Story) -> None:
    for _ in range(9):
        story.report(co2=920).wait(30)
    assert story.snapshot.gaps == (30,) * 5
    story.report(co2=920).wait(86_400).report(co2=920)
    assert story.snapshot.report_interval == 30


def test_an_absence_at_the_very_beginning_is_forgotten_with_the_second_report(story: Story) -> None:
    story.report(co2=920).wait(86_400).report(co2=920)
    # A report each day is a pace.
    assert story.snapshot.report_interval == 86_400
    assert story.snapshot.gaps == (86_400,)
    story.wait(30).report(co2=920)
    assert story.snapshot.report_interval == 30


def test_an_interval_is_from_report_to_report_not_from_birth_to_report(story: Story) -> None:
    for _ in range(4):
        story.hear("status", "online").wait(1).report(co2=920).wait(299)
    assert story.snapshot.report_interval == 300


def test_an_interval_is_between_reports_of_the_same_where_each_metric_comes_alone(story: Story) -> None:
    for _ in range(4):
        story.report(co2=920).wait(1).report(temperature=20).wait(1).report(humidity=40).wait(298)
    assert story.snapshot.report_interval == 300
    assert set(story.snapshot.values) == {"co2", "temperature", "humidity"}


def test_a_slow_script_whose_messages_come_twice_is_as_slow_as_it_is(story: Story) -> None:
    for _ in range(6):
        for pause in (299.9, 0.1):
            story.now += pause
            story.report(co2=500)
    assert story.snapshot.report_interval == pytest.approx(299.9)
    assert story.snapshot.stale_after == pytest.approx(899.7)


def test_two_reports_at_one_moment_are_no_interval(story: Story) -> None:
    story.report(co2=920).report(co2=921)
    assert story.snapshot.gaps == ()


def test_each_value_grows_stale_by_itself(story: Story) -> None:
    story.report(co2=920, temperature=20).wait(60).report(co2=930)
    assert next_expiry(story.snapshot) == NOW + 90 * 2
    story = Story().report(co2=920, temperature=20).wait(29).report(co2=930).wait(29).report(co2=930)
    story.wait(32)
    assert story.snapshot.values == {"co2": 930}
    assert story.changed == {"temperature"}
    assert story.snapshot.available


def test_a_moment_from_before_our_clock_was_set_back_is_not_believed(story: Story) -> None:
    story.report(co2=920).wait(-60)
    assert story.snapshot.values == {"co2": 920}
    assert story.wait(-59.9).snapshot.available
    story.wait(-0.1)
    assert (story.snapshot.values, story.snapshot.fresh) == ({}, False)


def test_a_snapshot_in_which_nothing_is_known_has_nothing_to_lose(story: Story) -> None:
    assert next_expiry(NEW) is None
    assert story.wait(86_400).snapshot is NEW
    odd = replace(NEW, fresh=True)
    assert next_expiry(odd) is None
    assert expire(odd, now=NOW) == (NEW, {KEY_STATUS})


# --- sequence ------------------------------------------------------------------------------------


def numbered(story: Story, seq: int | None, co2: int, boot_id: str | None = "a") -> Story:
    return story.hear("telemetry", {"seq": seq, "boot_id": boot_id, "co2": co2})


def test_a_second_copy_and_an_overtaken_message_change_nothing_but_their_count(story: Story) -> None:
    numbered(story, 5, 920)
    for seq in (5, 4, 1, 5):
        numbered(story, seq, 4000)
        assert story.changed == frozenset()
    assert story.snapshot.values == {"co2": 920}
    assert story.snapshot.duplicates == 4
    assert numbered(story, 6, 930).snapshot.values == {"co2": 930}


@pytest.mark.parametrize(("seq", "boot_id"), [(1, "b"), (1, None), (None, "a"), (6, "a"), (5000, "a")], ids=str)
def test_another_boot_or_no_number_is_news(story: Story, seq: int | None, boot_id: str | None) -> None:
    numbered(story, 5, 920)
    assert numbered(story, seq, 930, boot_id).snapshot.values == {"co2": 930}


def test_a_sequence_that_began_anew_in_the_same_boot_is_news(story: Story) -> None:
    numbered(story, 2**32 - 1, 920)
    assert numbered(story, 0, 930).snapshot.values == {"co2": 930}


# It was pinned that whatever lies less than a thousand behind is a copy: a counter of one byte never came back.
@pytest.mark.parametrize("numbers", [(254, 255, 0, 1), (65_534, 65_535, 0), (9, 8, 7, 6), (7, 7, 7), (5000, 4001)])
def test_a_device_is_alive_whatever_its_counter_does(story: Story, numbers: tuple[int, ...]) -> None:
    for index, seq in enumerate(numbers):
        assert numbered(story.wait(10), seq, 700 + index).snapshot.values == {"co2": 700 + index}
    assert story.snapshot.duplicates == 0


def test_a_counter_that_stands_still_and_values_that_do_so_too_are_a_device_that_is_alive(story: Story) -> None:
    for _ in range(200):
        numbered(story.wait(5), 7, 700)
        assert story.snapshot.available
    assert story.snapshot.values == {"co2": 700}


def test_the_same_number_with_the_same_content_is_a_copy_for_a_moment(story: Story) -> None:
    numbered(story, 5, 920)
    numbered(story.wait(2), 6, 930)
    assert numbered(story.wait(3), 5, 920).snapshot.values == {"co2": 930}
    assert story.snapshot.duplicates == 1
    assert numbered(story.wait(10), 5, 920).snapshot.values == {"co2": 920}


def test_the_first_number_of_a_boot_is_news_whatever_came_without_one(story: Story) -> None:
    numbered(story, None, 920)
    assert numbered(story, 5, 930).snapshot.values == {"co2": 930}


def test_without_a_boot_id_nothing_is_taken_for_a_copy(story: Story) -> None:
    numbered(story, 5, 920, None)
    assert numbered(story, 5, 930, None).snapshot.values == {"co2": 930}


# --- status --------------------------------------------------------------------------------------


def test_a_birth_makes_a_device_available_until_its_first_report_is_overdue(story: Story) -> None:
    after = story.hear("status", "online").snapshot
    assert (after.available, after.last_seen) == (True, NOW)
    assert story.changed == {KEY_STATUS, KEY_LAST_SEEN}
    assert story.wait(89).snapshot.available
    assert not story.wait(1).snapshot.available
    assert story.snapshot.online


def test_each_birth_begins_a_new_term_of_grace(story: Story) -> None:
    story.hear("status", "online").wait(80).hear("status", "online")
    assert story.changed == {KEY_LAST_SEEN}
    assert story.wait(80).snapshot.available


def test_a_birth_that_the_broker_kept_gives_grace_and_is_no_sign_of_life(story: Story) -> None:
    after = story.hear("status", "online", retained=True).snapshot
    assert (after.available, after.last_seen) == (True, None)
    assert story.changed == {KEY_STATUS}
    assert next_expiry(after) == NOW + 90
    assert not story.wait(90).snapshot.available
    assert story.hear("status", "online", retained=True).changed == {KEY_STATUS}
    assert story.hear("status", "online", retained=True).changed == frozenset()


@pytest.mark.parametrize("retained", [True, False])
def test_a_last_will_makes_a_device_unavailable_and_keeps_its_values(story: Story, retained: bool) -> None:
    story.report(co2=920).hear("status", "offline", retained=retained)
    assert story.changed == {KEY_STATUS}
    assert not story.snapshot.available
    assert story.snapshot.values == {"co2": 920}
    assert story.snapshot.last_seen == NOW
    assert story.hear("status", "offline").changed == frozenset()


def test_whoever_speaks_is_there_though_a_last_will_came_late(story: Story) -> None:
    story.hear("status", "online").hear("status", "offline").report(co2=920)
    assert story.snapshot.available
    assert KEY_STATUS in story.changed


def test_a_device_without_status_is_available_while_it_reports(story: Story) -> None:
    assert story.report(co2=920).snapshot.online is None
    assert story.snapshot.available
    assert not story.wait(90).snapshot.available
    story.report(co2=920)
    assert story.snapshot.available
    assert story.changed == {"co2", KEY_STATUS, KEY_LAST_SEEN}


def test_a_device_whose_sensor_is_broken_is_there_all_the_same(story: Story) -> None:
    story.report(co2=920).wait(60).report(co2=0).wait(60)
    assert story.snapshot.available
    assert story.snapshot.values == {}


# --- sleep -----------------------------------------------------------------------------------------


def test_who_announced_its_sleep_keeps_its_values_until_the_wake_is_overdue(story: Story) -> None:
    story.report(temperature=20, sleep_s=3600).hear("status", "asleep")
    assert story.changed == {KEY_STATUS}
    assert (story.snapshot.online, story.snapshot.asleep) == (False, True)
    assert story.hear("status", "asleep").changed == frozenset()
    story.wait(2 * 3600 + 89)
    assert (story.snapshot.available, story.snapshot.values) == (True, {"temperature": 20})
    story.wait(1)
    assert (story.snapshot.available, story.snapshot.values) == (False, {})
    story.report(temperature=21)
    assert (story.snapshot.online, story.snapshot.asleep, story.snapshot.available) == (True, False, True)


def test_a_sleep_of_unknown_length_is_believed_for_an_hour(story: Story) -> None:
    story.report(temperature=20).hear("status", "asleep").wait(3599)
    assert story.snapshot.available
    assert not story.wait(1).snapshot.available


def test_a_sleep_that_the_broker_kept_is_waited_out_from_here_on(story: Story) -> None:
    story.hear("info", {"protocol": 1, "device_type": "temp", "sleep_s": 600})
    after = story.hear("status", "asleep", retained=True).snapshot
    assert (after.available, after.last_seen) == (True, None)
    assert story.hear("telemetry", {"samples": [{"timestamp": NOW - 9, "co2": 700}]}).snapshot.asleep is False


def test_a_last_will_after_an_announced_sleep_changes_nothing(story: Story) -> None:
    story.report(temperature=20).hear("status", "asleep").hear("status", "offline")
    assert story.snapshot.asleep
    story = Story().report(temperature=20).hear("status", "offline")
    assert story.hear("status", "asleep").snapshot.asleep


def nap(story: Story) -> Story:
    story.hear("status", "online").report(temperature=20)
    return story.wait(10).hear("status", "offline").wait(150)


def test_who_publishes_offline_before_each_sleep_is_learnt(story: Story) -> None:
    nap(nap(story))
    for _ in range(10):
        nap(story)
        assert story.snapshot.available
        assert story.snapshot.values == {"temperature": 20}
    assert not story.wait(480).snapshot.available


def test_a_connection_that_breaks_twice_is_no_sleep(story: Story) -> None:
    for _ in range(3):
        story.hear("status", "online").report(co2=700).wait(5).hear("status", "offline").wait(9)
    assert not story.snapshot.available


def test_a_device_that_breaks_off_after_a_long_time_has_not_gone_to_sleep(story: Story) -> None:
    nap(nap(nap(story)))
    story.hear("status", "online")
    for _ in range(30):
        story.report(temperature=20).wait(10)
    assert not story.hear("status", "offline").snapshot.available


# --- over a restart --------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", [300, 600, 1800, 21_600, 86_400])
def test_the_pace_of_a_device_is_remembered_and_it_is_believed_while_it_keeps_it(story: Story, pace: float) -> None:
    for _ in range(4):
        story.report(temperature=20).wait(pace)
    stored = json.loads(json.dumps(habits(story.report(temperature=20).snapshot)))
    after = with_habits(NEW, stored, now=story.now + pace)
    assert (after.report_interval, after.available, after.last_seen) == (pace, True, story.now)
    late = with_habits(NEW, stored, now=story.now + 3 * pace)
    assert (late.report_interval, late.available) == (pace, False)


def test_a_clock_that_is_behind_is_remembered(story: Story) -> None:
    for _ in range(3):
        story.wait(5).report(age=28_800, co2=700)
    story.snapshot = with_habits(NEW, habits(story.snapshot), now=story.now)
    assert story.wait(300).report(age=28_801, co2=701).snapshot.values == {"co2": 701}
    assert KEY_SKEW in story.changed


@pytest.mark.parametrize(
    "stored",
    [None, [], "x", {}, {"gaps": "x", "naps": -1, "lag": "x"}, {"gaps": [None, 0, -1, True], "heard": NOW + 9}],
)
def test_habits_that_are_none_are_left_out(stored: object) -> None:
    assert with_habits(NEW, stored, now=NOW) == NEW


def test_a_device_whose_pace_is_not_known_is_in_doubt_and_one_that_left_is_not(story: Story) -> None:
    assert story.report(co2=700).snapshot.doubtful
    assert not story.hear("status", "offline").snapshot.doubtful
    assert not Story().report(co2=700, sleep_s=60).snapshot.doubtful
    assert not Story().report(co2=700).wait(300).report(co2=700).snapshot.doubtful


# --- descriptor and facts ------------------------------------------------------------------------

INFO = {
    "protocol": 1,
    "device_type": "pump",
    "metrics": ["ph"],
    "firmware_version": "2.1.0",
    "ip": "10.0.0.7",
}


def test_a_descriptor_says_what_a_device_is_and_measures(story: Story) -> None:
    after = story.report(co2=920).hear("info", INFO).snapshot
    assert (after.device_type, after.metrics) == ("pump", {"co2", "ph"})
    assert (after.firmware_version, after.ip) == ("2.1.0", "10.0.0.7")
    assert after.values == {"co2": 920}
    assert story.changed == {KEY_DESCRIPTOR, KEY_FACTS}
    assert story.hear("info", INFO, retained=True).changed == frozenset()


def test_a_fact_that_a_descriptor_leaves_out_stays(story: Story) -> None:
    story.report(firmware_version="2.0.1", ip="10.0.0.7").hear("info", {"protocol": 1, "device_type": "co2"})
    assert (story.snapshot.firmware_version, story.snapshot.ip) == ("2.0.1", "10.0.0.7")


def test_a_descriptor_is_no_sign_of_life(story: Story) -> None:
    assert not story.hear("info", INFO).snapshot.available
    assert story.snapshot.last_seen is None


def test_facts_come_with_telemetry_too_and_what_is_missing_stays(story: Story) -> None:
    assert KEY_FACTS in story.report(firmware_version="2.0.1", ip="10.0.0.7", uptime=5).changed
    assert KEY_FACTS not in story.report(co2=920).changed
    assert (story.snapshot.firmware_version, story.snapshot.ip, story.snapshot.uptime) == ("2.0.1", "10.0.0.7", 5)
    assert KEY_FACTS in story.report(ip="10.0.0.8").changed
    assert KEY_FACTS in story.report(firmware_version="2.0.2").changed
    assert KEY_FACTS in story.report(device_type="multi").changed
    assert story.snapshot.uptime == 5


def test_a_type_is_claimed_hinted_or_guessed_in_this_order(story: Story) -> None:
    assert story.report(co2=920).snapshot.device_type == "co2"
    assert story.report(co2=920, device_type="aquarium").snapshot.device_type == "aquarium"
    assert story.hear("info", INFO).snapshot.device_type == "pump"


def test_a_device_that_never_described_itself_takes_no_orders(story: Story) -> None:
    after = story.report(co2=920).snapshot
    assert (after.settings, after.commands) == ({}, ())


def test_what_a_descriptor_leaves_open_follows_from_its_type(story: Story) -> None:
    after = story.hear("info", {"protocol": 1, "device_type": "co2"}).snapshot
    assert "co2_threshold" in after.settings
    assert after.commands == ("restart", "identify")


def test_what_a_descriptor_says_it_has_none_of_it_has_none_of(story: Story) -> None:
    after = story.hear("info", {"protocol": 1, "device_type": "co2", "config": {}, "commands": []}).snapshot
    assert (after.settings, after.commands) == ({}, ())


# --- channels ------------------------------------------------------------------------------------


def pumps(story: Story, **channels: object) -> Story:
    return story.report(channels=channels)


def test_a_channel_that_changes_is_told_and_one_that_does_not_is_not(story: Story) -> None:
    assert KEY_CHANNELS in pumps(story, a={"on": True}).changed
    assert KEY_CHANNELS not in pumps(story, a={"on": True}).changed
    assert KEY_CHANNELS in pumps(story, a={"on": False}).changed
    assert KEY_CHANNELS not in story.report(water_level=50).changed


def test_a_device_may_report_one_channel_at_a_time(story: Story) -> None:
    pumps(story, a={"on": True})
    pumps(story, b={"on": False, "lock": "biz_dry_run"})
    assert story.snapshot.channels["a"].on is True
    assert story.snapshot.channels["b"].lock == "biz_dry_run"


def test_the_state_of_a_channel_grows_stale_as_a_value_does(story: Story) -> None:
    pumps(story, a={"on": True}, b={"on": True})
    story.wait(60)
    pumps(story, b={"on": True})
    assert next_expiry(story.snapshot) == NOW + 90
    story.wait(30)
    assert set(story.snapshot.channels) == set(story.snapshot.channels_seen) == {"b"}
    assert story.changed == {KEY_CHANNELS}
    assert story.snapshot.available


def test_a_device_that_invents_channels_fills_no_memory(story: Story) -> None:
    for number in range(20):
        pumps(story, **{f"c{number}x{index}": {"on": True} for index in range(50)})
    assert len(story.snapshot.channels) == len(story.snapshot.channels_seen) == 64
    pumps(story, c0x0={"on": False})
    assert story.snapshot.channels["c0x0"].on is False


# --- the rest ------------------------------------------------------------------------------------


def test_a_configuration_is_told_when_it_changes(story: Story) -> None:
    state = {"revision": 1, "config": {"report_interval": 30}}
    assert story.hear("config/state", state).changed == {KEY_CONFIG}
    assert story.snapshot.applied is not None
    assert story.hear("config/state", state).changed == frozenset()
    assert story.hear("config/state", {**state, "revision": 2}).changed == {KEY_CONFIG}


def test_a_refused_setting_is_kept_with_its_reason(story: Story) -> None:
    story.hear("config/state", {"revision": 1, "applied": True, "rejected": {"report_interval": "below 1"}})
    assert story.snapshot.applied is not None
    assert story.snapshot.applied.rejected == {"report_interval": "below 1"}


def test_the_progress_of_an_update_is_told_when_it_changes(story: Story) -> None:
    assert story.hear("ota/state", {"state": "downloading", "progress": 1}).changed == {KEY_OTA}
    assert story.hear("ota/state", {"state": "downloading", "progress": 1}).changed == frozenset()
    assert story.hear("ota/state", {"state": "downloading", "progress": 2}).changed == {KEY_OTA}


@pytest.mark.parametrize(
    ("channel", "content"),
    [("event", {"event": "boot"}), ("command_response", {"cmd_id": "1", "status": "DONE"})],
)
def test_events_and_answers_are_not_part_of_what_is_known(story: Story, channel: str, content: object) -> None:
    before = story.report(co2=920).snapshot
    assert story.hear(channel, content).snapshot is before
    assert story.changed == frozenset()


def test_a_report_that_keeps_everything_keeps_everything(story: Story) -> None:
    story.hear("info", INFO).hear("config/state", {"revision": 1}).hear("ota/state", {"state": "confirmed"})
    story.report(co2=920, radon=1, channels={"a": {"on": True}}, device_type="pump", uptime=5).report(age=500, ph=6)
    numbered(story, 3, 921)
    numbered(story, 3, 921)
    before = story.snapshot
    after = story.report(co2=922).snapshot
    kept = replace(after, values=before.values, seq=before.seq, boot_id=before.boot_id)
    assert kept == before
