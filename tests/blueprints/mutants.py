"""Blueprints broken on purpose: each break must be noticed by the test that is there for it.

python -m tests.blueprints.mutants [all] tries a sample, or every one, and prints what no test noticed.
"""

import contextlib
import io
import os
from pathlib import Path
import shutil
import sys
import tempfile
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[2] / "blueprints" / "automation" / "smartair"

NO_START = ("event: start\n", "event: shutdown\n")
NO_TICK = ('minutes: "/1"', 'hours: "/23"')
STALE_TURN = ("  - variables: *decide\n", "")


class Mutant(NamedTuple):
    """A break: in which blueprint, which text becomes which, and the name of the test that must notice."""

    blueprint: str
    was: str
    becomes: str
    noticed_by: str


MUTANTS = [
    Mutant("ventilation", *NO_START, "restart_in_the_middle"),
    Mutant("ventilation", *NO_TICK, "command_that_was_lost"),
    Mutant(
        "ventilation", "entity_id: !input ventilators\n  - alias", "entity_id: []\n  - alias", "relay_that_was_away"
    ),
    Mutant("ventilation", "entity_id: !input windows\n  - alias", "entity_id: []\n  - alias", "open_window"),
    Mutant("ventilation", "worst > start_above %}run", "worst >= start_above %}run", "starts_above_the_upper"),
    Mutant("ventilation", "worst < stop_below %}stop", "worst <= stop_below %}stop", "starts_above_the_upper"),
    Mutant("ventilation", "worst < stop_below %}stop", "worst < start_above %}stop", "fifty_flaps"),
    Mutant("ventilation", "off_below | float(1000)] | max }}", "0] | max }}", "swapped_values"),
    Mutant("ventilation", "lowest if lowest < upper else upper * 0.9", "lowest", "equal_values"),
    Mutant("ventilation", "before.missing if 0 < before.missing <= clock else", "", "restarts_again_and_again"),
    Mutant("ventilation", "(now() - state.last_reported).total_seconds() <= age_s", "true", "too_old"),
    Mutant("ventilation", "last_reported", "last_changed", "same_reading_again"),
    Mutant("ventilation", "clock - since < 300", "false", "blink_changes_nothing"),
    Mutant("ventilation", "(values | max)", "(values | min)", "worst_of_several"),
    Mutant(
        "ventilation", "selectattr('age', 'ge', (min_off", "selectattr('age', 'lt', 1e9 or (min_off", "whole_band"
    ),
    Mutant("ventilation", "selectattr('age', 'ge', (min_on", "selectattr('age', 'lt', 1e9 or (min_on", "whole_band"),
    Mutant("ventilation", "state.context.user_id is not none and age <", "false and age <", "somebody_switched"),
    Mutant("ventilation", "hours[0] != hours[1] and", "", "night_without_length"),
    Mutant(
        "ventilation",
        "[night_above | float(2000), upper] | max if resting",
        "upper if resting",
        "at_night_it_may_rest",
    ),
    Mutant("ventilation", ">= state_attr(one, 'percentage_step') | float(1)", ">= 1", "coarse_speeds"),
    Mutant("ventilation", "(to_start + to_stop + to_pace) | length > 0", "true", "nothing_is_written"),
    Mutant("pump_guard", *NO_START, "acts_at_the_start_itself"),
    Mutant("pump_guard", 'seconds: "/15"', 'hours: "/23"', "does_not_answer"),
    Mutant("pump_guard", *STALE_TURN, "glitch_of_two_seconds"),
    Mutant(
        "pump_guard",
        "entity_id: !input pump\n  - alias: The level",
        "entity_id: []\n  - alias: The level",
        "was_away",
    ),
    Mutant(
        "pump_guard",
        "'waiting' if waits else 'unknown' if old or not known",
        "'waiting' if waits or not known",
        "does_not_answer",
    ),
    Mutant("pump_guard", "'waiting' if waits else ", "", "sensor_that_blinks"),
    Mutant("pump_guard", "noted if 0 < noted <= clock else [", "[", "restarts_again_and_again"),
    Mutant("pump_guard", "'unknown' if old or not known", "'unknown' if not known", "nobody_repeats"),
    Mutant("pump_guard", "level < min_level", "level <= min_level", "lowest_level_itself"),
    Mutant("pump_guard", "or seen.get('float') == 'unknown' %}dry_unknown", "%}dry_unknown", "does_not_answer"),
    Mutant("pump_guard", "current > max_current", "current > 10 * max_current", "fault_that_stays"),
    Mutant("pump_guard", "{% elif going and flow is number", "{% elif flow is number", "time_to_come_to_rest"),
    Mutant("pump_guard", "{% elif going and current is number", "{% elif current is number", "time_to_come_to_rest"),
    Mutant("pump_guard", "max_run | float(30) > 0 and", "", "without_a_bound"),
    Mutant("pump_guard", "| max >= max_run | float(30) * 60 %}max_run", "| max >= 0 %}max_run", "longest_run"),
    Mutant("pump_guard", "before[3] if not anew else 0", "0", "counted_over_blinks"),
    Mutant("pump_guard", "states(pump) in ['on', 'unknown']", "states(pump) in ['on']", "unknown_state"),
    Mutant("pump_guard", "(moves or (current is number", "(false or (current is number", "runs_while_off"),
    Mutant(
        "pump_guard",
        "word in ['dry_run', 'no_flow', 'overcurrent', 'max_run', 'dry_unknown'",
        "word in ['max_run', 'dry_unknown'",
        "stays_locked",
    ),
    Mutant("pump_guard", "repeat.index >= 20 or (", "false or (", "command_that_was_lost"),
    Mutant("pump_guard", "180 * 2 ** ([told, 12] | min - 1)", "180", "growing_pauses"),
    Mutant("pump_guard", "'SMARTAIR_ACK_' ~ tag: 'acknowledge'", "action: 'acknowledge'", "cleared_everywhere"),
    Mutant("pump_guard", "if device_attr(phone, 'name') is not none %}", "%}", "missing_phone"),
    Mutant("pump_guard", "(working and after.text != kept) }}", "true }}", "nothing_is_written"),
    Mutant("air_quality_alert", *NO_START, "restart_forgets_nothing"),
    Mutant("air_quality_alert", *NO_TICK, "told_after_a_while"),
    Mutant("air_quality_alert", *STALE_TURN, "decided_anew"),
    Mutant("air_quality_alert", "value > upper %}", "value >= upper %}", "edges_belong"),
    Mutant("air_quality_alert", "value >= lower)", "value > lower)", "edges_belong"),
    Mutant("air_quality_alert", "value >= lower)", "value > upper)", "flaps_in_the_band"),
    Mutant(
        "air_quality_alert",
        "(one.value is none or one.value",
        "(one.value is not none and one.value",
        "without_a_reading",
    ),
    Mutant(
        "air_quality_alert", "or (now() - state.last_reported)", "or 0 * (now() - state.last_reported)", "old_reading"
    ),
    Mutant("air_quality_alert", "good_below | float(1000)] | max }}", "0] | max }}", "swapped_values"),
    Mutant("air_quality_alert", "== 'rising' and fresh and", "== 'rising' and", "peak_that_sinks"),
    Mutant("air_quality_alert", "(loud or not quiet)", "not quiet", "never_hold_back"),
    Mutant("air_quality_alert", "(loud or not quiet)", "true", "hold_back_what_can_wait"),
    Mutant("air_quality_alert", "hours[0] != hours[1] and", "", "without_length"),
    Mutant("air_quality_alert", "[wait_s, 60] | min", "wait_s", "never_hold_back"),
    Mutant("air_quality_alert", "2 ** ([told, 20] | min - 1)", "1", "growing_pauses"),
    Mutant("air_quality_alert", "remind_most | float(12) * 3600] | min", "1e9] | min", "growing_pauses"),
    Mutant("air_quality_alert", "clock + 3600", "clock + 600", "snoozed"),
    Mutant(
        "air_quality_alert",
        "if pressed == 'snooze' else never %}",
        "if pressed == 'snooze' else due %}",
        "silent_until_it_is_over",
    ),
    Mutant("air_quality_alert", "hushed | bitwise_or(seen.crit)", "0", "flaps_around_critical"),
    Mutant("air_quality_alert", "seen.rooms or before[5] %}", "seen.rooms %}", "flapping_over_the_whole_band"),
    Mutant("air_quality_alert", "if found.news else", "if true else", "missing_memory"),
    Mutant(
        "air_quality_alert", "'SMARTAIR_SNOOZE_' ~ tag: 'snooze'", "action: 'snooze'", "buttons_of_other_messages"
    ),
    Mutant("air_quality_alert", "working and after.text != kept) or", "true) or", "nothing_is_written"),
    Mutant("alerts_on_phone", "and trigger.event.context.user_id", "", "only_the_phone_of_a_user"),
    Mutant("alerts_on_phone", "(found | default({})).alerts", "[{'id': aired}]", "only_the_phone_of_a_user"),
    Mutant("air_quality_alert", "value if main or", "value if true or", "several_kinds"),
    Mutant("device_offline", *NO_START, "restart_repeats_nothing"),
    Mutant("device_offline", *NO_TICK, "after_its_grace"),
    Mutant("device_offline", "{% elif down and away >= grace | float(10) * 60 %}", "{% elif down %}", "fifty_blinks"),
    Mutant("device_offline", "age < back_for | float(2) * 60) %}", "false) %}", "short_sign_of_life"),
    Mutant("device_offline", "down or state.state == 'unknown' or", "down or", "unknown_is_neither"),
    Mutant(
        "device_offline", "text if text | length <= limit else", "text if true else", "more_than_the_memory_holds"
    ),
    Mutant("device_offline", "(seen.left and not seen.blind) or seen.fewer", "false", "deleted_while_it_is_offline"),
    Mutant("device_offline", "or (seen.blind and before.blank) else text", "else text", "nothing_is_forgotten"),
    Mutant("device_offline", "([] if quiet and not before.many else seen.new)", "seen.new", "quiet_hours"),
    Mutant("device_offline", "if all_smartair else []", "", "nothing_is_watched"),
    Mutant("device_offline", "if found.news else", "if true else", "missing_memory"),
    Mutant("ec_ph_watch", *NO_START, "after_a_restart_dosing"),
    Mutant("ec_ph_watch", *NO_TICK, "taken_back"),
    Mutant("ec_ph_watch", *STALE_TURN, "decided_anew"),
    Mutant("ec_ph_watch", "not low <= one.value <= high %}", "not low < one.value < high %}", "edges_are_inside"),
    Mutant(
        "ec_ph_watch",
        "not low + inside <= one.value <= high - inside",
        "not low <= one.value <= high",
        "edges_are_inside",
    ),
    Mutant("ec_ph_watch", "'μS/cm': 0.001,", "'μS/cm': 1,", "in_its_own_unit"),
    Mutant("ec_ph_watch", "ph_ends | min, ph_ends | max", "ph_ends[0], ph_ends[1]", "swapped_ends"),
    Mutant("ec_ph_watch", "or readings | selectattr('away') | list", "", "when_a_value_is_not_known"),
    Mutant("ec_ph_watch", "clock - since >= 300", "true", "when_a_value_is_not_known"),
    Mutant("ec_ph_watch", "or to_stop | length > 0", "", "dosing_stops_at_once"),
    Mutant("firmware_rollout", *NO_START, "one_first"),
    Mutant("firmware_rollout", *NO_TICK, "one_first"),
    Mutant("firmware_rollout", *STALE_TURN, "decided_anew"),
    Mutant("firmware_rollout", "{% if night and at_rest", "{% if at_rest", "by_day"),
    Mutant("firmware_rollout", "{% if night and at_rest", "{% if night", "until_the_pumps_rest"),
    Mutant(
        "firmware_rollout",
        "reject('is_state', ['off', 'closed'])",
        "select('is_state', ['on', 'open'])",
        "until_the_pumps_rest",
    ),
    Mutant("firmware_rollout", "and ordered.age >= 120", "", "for_a_moment_only"),
    Mutant("firmware_rollout", "settled and ordered.runs == version", "settled", "old_version_stops"),
    Mutant("firmware_rollout", "and not ordered.busy and", "and", "old_version_stops"),
    Mutant(
        "firmware_rollout", "(not tried or done > 1 or clock - since >= soak | float(20) * 3600)", "true", "one_first"
    ),
    Mutant("firmware_rollout", "{% set done = done if tried else 0 %}", "", "after_a_whole_rollout"),
    Mutant("firmware_rollout", "settled or (late and not busy)", "settled", "does_not_come_back"),
    Mutant("firmware_rollout", "(word == 'stopped' and same == [])", "word == 'stopped'", "does_not_come_back"),
    Mutant(
        "firmware_rollout",
        "fleet | selectattr('busy') | list == []\n            and",
        "true\n            and",
        "somebody_else_began",
    ),
    Mutant("firmware_rollout", "== 'SMARTAIR_RESUME_' ~ tag", "!= ''", "person_lets_it_go_on"),
    Mutant("morning_digest", *NO_START, "without_home_assistant"),
    Mutant("morning_digest", "(last_s > due_s or (unrecorded", "(true or (unrecorded", "comes_once"),
    Mutant("morning_digest", "sent_s > due_s and last_s >= 50", "false", "without_a_recorder"),
    Mutant("ventilation", "since = was.since if same else", "since =", "blinks_each_minute"),
    Mutant("morning_digest", "due_s < 3 * 3600", "true", "at_noon"),
    Mutant("morning_digest", "is_number(state.state) and", "true and", "not_made_up"),
    Mutant("morning_digest", "as_datetime | as_local", "as_datetime", "readable"),
    Mutant("morning_digest", "[-1] %}", "[0] %}", "readable"),
    Mutant("planned_water_change", *NO_START, "starts_late"),
    Mutant("planned_water_change", *NO_TICK, "starts_once_at_its_time"),
    Mutant("planned_water_change", "and ready and", "and", "not_ready_is_left_alone"),
    Mutant("planned_water_change", "(last < opens or unanswered)", "true", "starts_once_at_its_time"),
    Mutant("planned_water_change", "(last < opens or unanswered)", "last < opens", "not_taken_is_repeated"),
    Mutant("planned_water_change", "clock - last >= 600 and", "", "not_taken_is_repeated"),
    Mutant(
        "planned_water_change",
        "as_timestamp(states[zone_state].last_changed) < last",
        "true",
        "blinks_after_the_time",
    ),
    Mutant("planned_water_change", "opens <= clock < closes and ready", "opens <= clock and ready", "too_late"),
    Mutant("planned_water_change", "off | float | abs >=", "off | float >=", "has_drifted"),
    Mutant("planned_water_change", "'h': 24", "'h': 1", "old_solution"),
    Mutant("planned_water_change", "and last < opens and not ready", "and not ready", "not_missed"),
    Mutant("recirculation_duty_cycle", *NO_START, "runs_at_once"),
    Mutant("recirculation_duty_cycle", *NO_TICK, "runs_and_rests"),
    Mutant("recirculation_duty_cycle", "event: shutdown", "event: start", "when_home_assistant_stops"),
    Mutant("recirculation_duty_cycle", "(cause == 'start' or", "(", "runs_at_once"),
    Mutant("recirculation_duty_cycle", "limit_s] | min }}", "1e9] | min }}", "even_if_somebody"),
    Mutant("recirculation_duty_cycle", "or quiet_s >= limit_s)", ")", "blinking_cannot_add_up"),
    Mutant(
        "recirculation_duty_cycle",
        "0 if working or (states[pump] and (states[pump].context.user_id or",
        "0 if false and (states[pump] and (false or",
        "somebody_switched_off",
    ),
    Mutant("recirculation_duty_cycle", "< busy_most | float(60) * 60", ">= 0", "not_for_ever"),
    Mutant("recirculation_duty_cycle", "(lock is string and is_state(lock, 'on'))", "false", "locked_pump"),
    Mutant("recirculation_duty_cycle", "is_state(lock, 'on')", "not is_state(lock, 'off')", "locked_pump"),
    Mutant("recirculation_duty_cycle", "and rest_s > 0 and", "and", "without_a_rest"),
    Mutant("ventilation", "mine and code not in others", "mine", "of_one_fan_agree"),
    Mutant("ventilation", "or state.state == 'fan_only'", "or true", "thermostat_that_heats"),
    Mutant("ventilation", "sensor in own", "false", "own_sensors"),
    Mutant("planned_water_change", "yesterday if late else today", "today", "over_midnight"),
    Mutant(
        "planned_water_change", "(not taken if before.ours else", "(false if before.ours else", "did_something_else"
    ),
    Mutant("recirculation_duty_cycle", "if now_busy or away else 0", "if now_busy else 0", "blinks_while_it_drains"),
    Mutant("morning_digest", "and not settling", "", "come_back_after_a_late_start"),
]
SAMPLE = [
    next(one for one in MUTANTS if one.blueprint == name) for name in sorted({one.blueprint for one in MUTANTS})
]


def noticed(mutant: Mutant) -> bool:
    """Break a blueprint, and tell whether its test fails as it should: not for want of a test, nor otherwise."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        broken = shutil.copytree(SOURCE, Path(folder, "broken"))
        path = broken / f"{mutant.blueprint}.yaml"
        path.write_text(path.read_text().replace(mutant.was, mutant.becomes))
        os.environ["SMARTAIR_BLUEPRINTS"] = str(broken)
        options = ["-q", "-x", "-p", "no:cacheprovider", "--show-capture=no", "--tb=no"]
        files = sorted(str(one) for one in Path(__file__).parent.glob(f"test_{mutant.blueprint}*.py"))
        tests = [*files, "-k", mutant.noticed_by]
        return pytest.main([*options, *tests]) is pytest.ExitCode.TESTS_FAILED


def main() -> int:
    """Try the breaks, one after the other in this process: to start Python for each would take most of the time."""
    mutants = MUTANTS if "all" in sys.argv[1:] else SAMPLE
    survivors = [mutant for mutant in mutants if not noticed(mutant)]
    report = [f"Not noticed: {mutant}" for mutant in survivors]
    report.append(f"{len(mutants)} tried, {len(survivors)} not noticed")
    sys.stdout.write("\n".join(report) + "\n")
    return len(survivors)


if __name__ == "__main__":
    sys.exit(main())
