"""The record of what pumps have done, and which channels are pumps."""

from dataclasses import replace
import json
from typing import Any

import pytest

from custom_components.smartair.pysmartair import Descriptor, NumberSetting, PumpChannel, RunRecord, Snapshot
from custom_components.smartair.pysmartair.channels import (
    LIMIT_RANGES,
    limit_of_setting,
    limits_of,
    pump_specs,
    role_limits,
)
from custom_components.smartair.pysmartair.protocol.messages import ChannelState
from custom_components.smartair.pysmartair.safety import Limits, Role
from custom_components.smartair.pysmartair.usage import (
    KEPT_DAYS,
    KEPT_RUNS,
    Sum,
    UsageBook,
    enter,
    total,
    usage_as_dict,
    usage_from_dict,
)

RUN = RunRecord(
    cmd_id="one",
    uid="rack",
    channel="fill",
    zone="zone_1",
    role=Role.FILL,
    litres=2.0,
    seconds=30.0,
    mean_flow=4.0,
    started=100.0,
    ended=130.0,
    ended_by="finished",
)
DAY = "2026-11-21"


def test_each_run_is_entered_once() -> None:
    book = enter(enter(UsageBook(), RUN, DAY), RUN, DAY)
    assert book.runs == (RUN,)
    assert total(book.total) == Sum(2.0, 30.0, 1)


def test_sums_are_by_zone_by_pump_and_by_day() -> None:
    book = enter(UsageBook(), RUN, DAY)
    book = enter(book, replace(RUN, cmd_id="two", channel="drain", zone=None, role=Role.DRAIN), "2026-11-22")
    assert total(book.total, zone="zone_1") == Sum(2.0, 30.0, 1)
    assert total(book.total, uid="rack") == Sum(4.0, 60.0, 2)
    assert total(book.days[DAY], channel="drain") == Sum()
    assert total(book.total, role=Role.DRAIN).runs == 1


def test_circulation_counts_its_time_and_is_no_water_used() -> None:
    book = enter(UsageBook(), replace(RUN, channel="recirc", role=Role.RECIRCULATION, litres=900.0), DAY)
    assert book.runs == ()
    assert total(book.total) == Sum()
    assert total(book.total, channel="recirc").seconds == 30.0


def test_what_nobody_knows_adds_nothing() -> None:
    book = enter(UsageBook(), replace(RUN, litres=None, seconds=None), DAY)
    assert total(book.total) == Sum(0.0, 0.0, 1)


def test_the_book_is_bounded_and_its_sums_of_all_time_are_not() -> None:
    book = UsageBook()
    for number in range(KEPT_RUNS + 5):
        book = enter(book, replace(RUN, cmd_id=str(number)), f"{2000 + number % (KEPT_DAYS + 5):04}-01-01")
    assert len(book.runs) == KEPT_RUNS
    assert len(book.days) == KEPT_DAYS
    assert min(book.days) == "2005-01-01"
    assert total(book.total).runs == KEPT_RUNS + 5


def test_a_book_comes_back_as_it_was() -> None:
    book = enter(enter(UsageBook(), RUN, DAY), replace(RUN, cmd_id="two", litres=None, mean_flow=None), DAY)
    assert usage_from_dict(json.loads(json.dumps(usage_as_dict(book)))) == (book, 0)
    assert usage_from_dict({}) == (UsageBook(), 0)


@pytest.mark.parametrize(
    "broken",
    [
        {"runs": [{"cmd_id": "x"}]},
        {"runs": [7]},
        {"runs": [{**usage_as_dict(UsageBook(runs=(RUN,)))["runs"][0], "started": float("nan")}]},
        {"runs": [{**usage_as_dict(UsageBook(runs=(RUN,)))["runs"][0], "role": "?"}]},
        {"total": [{"zone": None}]},
        {"days": {DAY: ["x"]}},
    ],
)
def test_what_is_broken_is_left_out(broken: dict[str, Any]) -> None:
    book, count = usage_from_dict(broken)
    assert count == 1
    assert not book.runs
    assert not book.total


# --- channels -----------------------------------------------------------------------------------------


def described(*channels: PumpChannel, **settings: NumberSetting) -> Snapshot:
    return Snapshot(
        uid="rack", descriptor=Descriptor(uid="rack", device_type="pump", channels=channels, settings=settings)
    )


@pytest.mark.parametrize(
    ("channel", "role"),
    [
        (PumpChannel(id="a", type="pump", role="fill"), Role.FILL),
        (PumpChannel(id="a", type="valve", role="drain"), Role.DRAIN),
        (PumpChannel(id="a", type="pump", role="dosing"), Role.OTHER),
        (PumpChannel(id="a", type="pump"), Role.OTHER),
        (PumpChannel(id="a", type="pump", fail_safe_mode="nc"), Role.RECIRCULATION),
        (PumpChannel(id="a", type="pump", fail_safe_mode="NO"), Role.OTHER),
    ],
)
def test_a_channel_is_what_it_is_for(channel: PumpChannel, role: Role) -> None:
    assert [spec.role for spec in pump_specs(described(channel))] == [role]


def test_what_is_no_pump_is_none() -> None:
    assert pump_specs(described(PumpChannel(id="lamp", type="light"))) == ()


def test_a_device_without_a_descriptor_has_the_pumps_that_it_reports_and_no_more_than_are_sensible() -> None:
    snapshot = Snapshot(uid="plain", channels={f"p{number}": ChannelState() for number in range(70)})
    assert len(pump_specs(snapshot)) == 64


def test_limits_that_the_device_offers_are_named() -> None:
    channel = PumpChannel(id="pump_fill", type="pump", role="fill")
    setting = NumberSetting(minimum=1, maximum=600)
    (spec,) = pump_specs(described(channel, pump_fill_max_run_s=setting, co2_threshold=setting))
    assert spec.limits == {"max_run_s"}
    assert limit_of_setting("pump_fill", "pump_fill_max_run_s") == "max_run_s"
    assert limit_of_setting("pump_drain", "pump_fill_max_run_s") is None


def test_each_role_has_its_limits_and_takes_no_nonsense() -> None:
    assert set(role_limits(Role.RECIRCULATION)) == set(LIMIT_RANGES) - {"max_level", "max_run_s"}
    assert set(role_limits(Role.FILL)) == set(LIMIT_RANGES) - {"min_level", "max_off_s"}
    odd = {
        "max_run_s": 0,
        "min_flow": True,
        "max_current_ma": float("nan"),
        "role": 1,
        "nonsense": 5,
        "min_level": "x",
    }
    assert limits_of(Role.FILL, odd) == Limits(role=Role.FILL)
    assert limits_of(Role.FILL, {"max_run_s": 60}).max_run_s == 60.0
