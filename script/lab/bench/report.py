"""What came out, as a table and as JSON: ratios first."""

from collections import defaultdict
from dataclasses import dataclass, fields
import statistics
from typing import TYPE_CHECKING, Any

from lab.bench.measure import Figures
from lab.bench.variants import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

type Results = Mapping[int, Mapping[str, Figures]]
"""Figures by number of devices and by variant."""

OURS = "smartair"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure that is compared."""

    key: str
    title: str
    unit: str
    target: float | None = None
    """What the ratio to Home Assistant's own discovery is to be, with many devices."""
    more_is_better: bool = False
    limit: float | None = None
    """What ours is to be by itself, where others have nothing to compare."""


ROWS = (
    Row(key="throughput", title="messages per second", unit="/s", target=2.5, more_is_better=True),
    # The goals of processor time go with that of messages per second, and so with a loop that never waits.
    Row(key="queued_changing_us", title="CPU per message, new values", unit="µs", target=0.5),
    Row(key="queued_unchanged_us", title="CPU per message, same values", unit="µs", target=0.25),
    Row(key="cpu_changing_us", title="… paced, new values", unit="µs"),
    Row(key="cpu_unchanged_us", title="… paced, same values", unit="µs"),
    Row(key="memory_kib", title="memory per device", unit="KiB", target=0.5),
    Row(key="memory_restarted_kib", title="… after a restart", unit="KiB"),
    Row(key="discovery_s", title="discovery", unit="s", target=0.5),
    Row(key="discovery_cpu_s", title="… processor time", unit="s"),
    Row(key="start_s", title="restart until all available", unit="s", target=0.6),
    Row(key="start_cpu_s", title="… processor time", unit="s"),
    Row(key="lag_p50_ms", title="event loop lag, median", unit="ms"),
    Row(key="lag_p99_ms", title="event loop lag, 99 %", unit="ms"),
    Row(key="stop_p50_ms", title="a stop at its device, median", unit="ms"),
    Row(key="stop_p99_ms", title="a stop at its device, 99 %", unit="ms", limit=100),
)
FLOOR_TARGET = 1.2
"""How much more than the floor it may be."""


def merge(runs: Iterable[Figures]) -> Figures:
    """Return the median of each figure over several runs; what was lost and sent, the sum."""
    listed = list(runs)
    columns: dict[str, list[Any]] = defaultdict(list)
    for run in listed:
        for field in fields(run):
            columns[field.name].append(getattr(run, field.name))
    middle = {name: statistics.median(values) for name, values in columns.items()}
    whole = {name: round(middle[name]) for name in ("entities", "disabled")}
    summed = {name: sum(columns[name]) for name in ("messages", "lost")}
    bounded = any(columns["throughput_bounded"])
    return Figures(**{**middle, **whole, **summed, "throughput_bounded": bounded})


def ratio(row: Row, results: Mapping[str, Figures], other: str) -> float | None:
    """Return ours divided by another's, or None where one of them is not known or was ended by the bench."""
    ours, theirs = results.get(OURS), results.get(other)
    if ours is None or theirs is None:
        return None
    if row.key == "throughput" and (ours.throughput_bounded or theirs.throughput_bounded):
        return None
    dividend, divisor = getattr(ours, row.key), getattr(theirs, row.key)
    return dividend / divisor if dividend and divisor else None


def as_json(results: Results, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything, ratios first."""
    ratios = {
        str(count): {
            row.key: {other: ratio(row, found, other) for other in VARIANTS if other != OURS} for row in ROWS
        }
        for count, found in results.items()
    }
    figures = {
        str(count): {
            name: {field.name: getattr(one, field.name) for field in fields(one)} for name, one in found.items()
        }
        for count, found in results.items()
    }
    targets = {row.key: row.target for row in ROWS if row.target is not None} | {"floor": FLOOR_TARGET}
    limits = {row.key: row.limit for row in ROWS if row.limit is not None}
    return {
        "ratios": ratios,
        "targets": targets,
        "limits": limits,
        "figures": figures,
        "conditions": dict(conditions),
    }


def table(results: Results) -> str:
    """Return everything for people."""
    lines: list[str] = []
    for count, found in sorted(results.items()):
        heads = "".join(f"{VARIANTS[name].title:>14}" for name in found)
        lines += ["", f"{count} devices", f"{'':32}{'/ HA MQTT':>11}{'target':>8}{'/ floor':>9}{heads}"]
        for row in ROWS:
            against = ratio(row, found, "discovery")
            floor = ratio(row, found, "floor")
            goal = row.limit if row.target is None else row.target
            target = "" if goal is None else f"{'≥' if row.more_is_better else '≤'} {goal:g}"
            cells = "".join(f"{_cell(row, one):>14}" for one in found.values())
            lines.append(f"{row.title:32}{_ratio(against):>11}{target:>8}{_ratio(floor):>9}{cells}")
        entities = "".join(f"{f'{one.entities}+{one.disabled}':>14}" for one in found.values())
        lost = "".join(f"{f'{one.lost} of {one.messages}':>14}" for one in found.values())
        lines += [f"{'entities, enabled+disabled':60}{entities}", f"{'lost values, of messages':60}{lost}"]
    return "\n".join(lines)


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _cell(row: Row, figures: Figures) -> str:
    value = getattr(figures, row.key)
    if not value:
        return "–"
    least = "≥ " if row.key == "throughput" and figures.throughput_bounded else ""
    return f"{least}{value:,.{0 if value >= 100 else 1}f} {row.unit}"  # noqa: PLR2004 (three figures are enough)
