"""The command line: measure variant by variant, in turns, and say what came out."""

import argparse
import asyncio
from collections import defaultdict
import json
import os
from pathlib import Path
import sys
import time
from typing import TYPE_CHECKING

from homeassistant.const import __version__ as homeassistant_version

from lab.bench.devices import ENTITIES, METRICS
from lab.bench.measure import GUARD, SMOKE, THOROUGH, Effort, Figures, Measurement
from lab.bench.report import as_json, merge, table
from lab.bench.variants import VARIANTS
from lab.broker import REPOSITORY, find_mosquitto

if TYPE_CHECKING:
    from collections.abc import Sequence

ARTIFACT = REPOSITORY / "artifacts/bench.json"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--devices", default="10,100,1000", metavar="N,…", help="default 10,100,1000")
    parser.add_argument("--variants", default=",".join(VARIANTS), metavar="NAME,…", help="default all")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="runs, of which the medians count")
    parser.add_argument("--smoke", action="store_true", help="a few seconds with 10 devices: is nothing lost?")
    parser.add_argument("--output", type=Path, default=ARTIFACT, metavar="FILE", help=f"default {ARTIFACT}")
    given = parser.parse_args(arguments)
    given.devices = [10] if given.smoke else [int(part) for part in given.devices.split(",")]
    given.variants = given.variants.split(",")
    if unknown := set(given.variants) - set(VARIANTS):
        parser.error(f"no such variant: {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
    if not all(1 <= count <= 9999 for count in given.devices):  # noqa: PLR2004 (four digits name a device)
        parser.error("1 to 9999 devices")
    return given


def say(text: str) -> None:
    """Show progress."""
    print(text, end="", flush=True, file=sys.stderr)


async def measure(given: argparse.Namespace, effort: Effort) -> dict[int, dict[str, Figures]]:
    """Measure in turns, so that what else the machine does falls on all alike."""
    results: dict[int, dict[str, Figures]] = {}
    for count in given.devices:
        runs: dict[str, list[Figures]] = defaultdict(list)
        for turn in range(given.repeat):
            for name in given.variants:
                started = time.monotonic()
                say(f"{count} devices, {VARIANTS[name].title}, run {turn + 1} …")
                runs[name].append(await Measurement(VARIANTS[name], count, effort).run())
                say(f" {time.monotonic() - started:.0f} s\n")
        results[count] = {name: merge(listed) for name, listed in runs.items()}
    return results


def main(arguments: Sequence[str]) -> int:
    """Run the bench; the exit code says whether nothing was lost."""
    given = parse(arguments)
    if find_mosquitto() is None:
        print("the bench needs mosquitto; script/bootstrap broker fetches it", file=sys.stderr)
        return 2
    effort = SMOKE if given.smoke else THOROUGH
    results = asyncio.run(measure(given, effort))
    conditions = {
        "homeassistant": homeassistant_version,
        "python": sys.version.split()[0],
        "cpus": os.cpu_count(),
        "metrics": [metric.name for metric in METRICS],
        "entities_per_device": ENTITIES,
        "most_messages_per_device_and_second": GUARD,
        "repeat": given.repeat,
        "smoke": given.smoke,
    }
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(as_json(results, conditions), indent=2) + "\n")
    print(table(results))
    if effort.ramp:
        print(f"\n≥: no more was tried: SmartAir holds back a device that says more than {GUARD} things a second.")
    print(f"\n{given.output}")
    return int(any(one.lost for found in results.values() for one in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
