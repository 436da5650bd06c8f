"""The portable rules, without any ESPHome: plain g++ with sanitizers, and the vectors shared with the integration."""

import hashlib
import json
from pathlib import Path
import random
import re
import subprocess

import numpy as np
import pytest

from lab.build import BUILD, ESPHOME, ROOT, TESTS

VECTORS = json.loads((ROOT / "tests/vectors/pump_safety.json").read_text())
# libstdc++'s own checks beside the sanitizers: this code runs on pumps.
FLAGS = [
    "-std=gnu++20",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-exceptions",
    "-D_GLIBCXX_ASSERTIONS",
    f"-I{TESTS / 'core/stub'}",
]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compiled(name: str) -> Path:
    """Compile tests/core/<name>.cpp when it or a header is newer."""
    source = TESTS / "core" / f"{name}.cpp"
    target = BUILD / "core" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    newest = max(
        p.stat().st_mtime for p in [source, *(ESPHOME / "components").rglob("*.h"), *source.parent.glob("*.h")]
    )
    if not target.exists() or target.stat().st_mtime < newest:
        subprocess.run(["g++", *FLAGS, *SANITIZE, "-o", target, source], check=True)
    return target


def test_the_rules_hold_over_days_and_across_the_wrap_of_millis() -> None:
    done = subprocess.run([compiled("pump_rules_test")], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "ok\n"


FAULTS = re.findall(r"^    STORY\((\w+)\)", (TESTS / "core/pump_faults_test.cpp").read_text(), re.MULTILINE)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_rules_bear_what_breaks(fault: str) -> None:
    done = subprocess.run(
        [compiled("pump_faults_test"), fault], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == f"{fault}\n"


def pairs(values: dict) -> list[str]:
    return [f"{k}={'1' if v is True else v}" for k, v in values.items() if v is not None and v is not False]


def answers(lines: list[str]) -> list[str]:
    done = subprocess.run(
        [compiled("pump_rules_test"), "vectors"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def said(verdict: object) -> str:
    return verdict if isinstance(verdict, str) else f"{verdict['refused']} {verdict['cause']}"


@pytest.mark.parametrize("case", VECTORS["start"], ids=lambda c: c["name"])
def test_the_gate_says_what_the_shared_vectors_say(case: dict) -> None:
    line = " ".join(["kind=start", *pairs(case["limits"]), *pairs(case["readings"]), *pairs(case["situation"])])
    assert answers([line]) == [said(case["verdict"])]


@pytest.mark.parametrize("case", VECTORS["reset"], ids=lambda c: c["name"])
def test_a_reset_is_allowed_exactly_where_the_shared_vectors_allow_it(case: dict) -> None:
    line = f"kind=reset lock={case['lock']} lock_cause={case['lock_cause']} "
    more = {key: case.get(key) for key in ("running", "lock_value")}
    rest = pairs(case["limits"]) + pairs(case["readings"]) + pairs(more)
    assert answers([line + " ".join(rest)]) == [said(case["verdict"])]


@pytest.mark.parametrize("case", VECTORS["run"], ids=lambda c: c["name"])
def test_a_run_trips_when_the_shared_vectors_say(case: dict) -> None:
    lines = [" ".join([f"kind=run run={case['kind']} segments={len(case['segments'])}", *pairs(case["limits"])])]
    lines += [" ".join([f"for_s={s['for_s']}", *pairs(s["readings"])]) for s in case["segments"]]
    [answer] = answers(lines)
    if case["trip"] is None:
        assert answer == "none"
        return
    code, cause, lock, at = answer.split()
    trip = case["trip"]
    assert (code, cause, lock) == (trip["code"], trip["cause"], "locked" if trip["locks"] else "open")
    low, high = trip["between_s"]
    assert low <= float(at) <= high


@pytest.mark.parametrize("case", VECTORS["freshness"], ids=lambda c: c["name"])
def test_a_source_is_believed_for_as_long_as_the_shared_vectors_say(case: dict) -> None:
    asked = {key: case[key] for key in ("interval_s", "measured_rate")}
    [answer] = answers([" ".join(["kind=freshness", *pairs(case["limits"]), *pairs(asked)])])
    term, slow, limit = answer.split()
    assert (float(term), slow) == (pytest.approx(case["term_s"], abs=0.01), "1" if case["slow"] else "0")
    if "limit_s" in case:
        assert float(limit) == pytest.approx(case["limit_s"], abs=0.01)


@pytest.mark.parametrize("case", VECTORS["tank"], ids=lambda c: c["name"])
def test_a_tank_at_rest_is_told_when_the_shared_vectors_say(case: dict) -> None:
    head = f"kind=tank quiet_from_s={case['quiet_from_s']} segments={len(case['segments'])}"
    [answer] = answers([" ".join([head, *pairs(case["limits"])]), *(" ".join(pairs(s)) for s in case["segments"])])
    if case["alert"] is None:
        assert answer == "none"
        return
    cause, at = answer.split()
    low, high = case["alert"]["between_s"]
    assert (cause, low <= float(at) <= high) == (case["alert"]["cause"], True), at


@pytest.mark.parametrize("case", VECTORS["pause"], ids=lambda c: c["name"])
def test_circulation_runs_again_when_the_shared_vectors_say(case: dict) -> None:
    lines = [" ".join([f"kind=pause events={len(case['events'])}", *pairs(case["limits"])])]
    for event in case["events"]:
        given = {"contact": int(event["contact"])} if "contact" in event else event["stop"]
        lines.append(" ".join([f"at={event['at']}", *pairs(given)]))
    [answer] = answers(lines)
    low, high = case["released_between_s"]
    assert low <= float(answer) <= high


@pytest.mark.parametrize("size", [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1000, 100_003])
@pytest.mark.parametrize("piece", [1, 63, 64, 1024])
def test_the_checksum_is_sha256(size: int, piece: int) -> None:
    data = random.Random(size).randbytes(size)
    done = subprocess.run([compiled("sha256_test"), str(piece)], input=data, capture_output=True, check=True)
    assert done.stdout.decode() == hashlib.sha256(data).hexdigest()


def test_the_ring_of_samples_keeps_the_newest_and_counts_what_it_lost() -> None:
    assert subprocess.run([compiled("sample_ring_test")], capture_output=True, check=True).stdout == b"ok\n"


def test_the_loop_guard_of_the_esp32_stops_pumps_when_the_loop_stands_still() -> None:
    assert subprocess.run([compiled("loop_guard_test")], capture_output=True, check=True).stdout == b"ok\n"


# ---- vibration ----------------------------------------------------------------------------------------------------

RATE = 1000
GRAVITY = np.array([0.3, -0.2, 9.8])
NOISE = np.random.default_rng(7)


def measure(acceleration: np.ndarray) -> dict[str, float]:
    """What the firmware's header makes of samples in m/s²."""
    text = "\n".join(" ".join(f"{v:.7g}" for v in row) for row in acceleration)
    done = subprocess.run([compiled("vibration_test")], input=text, capture_output=True, text=True, check=True)
    return dict(zip(("rms", "peak", "crest", "frequency"), map(float, done.stdout.split()), strict=True))


def reference(acceleration: np.ndarray) -> dict[str, float]:
    """The same from numpy, integrated in the frequency domain, for the strongest axis."""
    n = len(acceleration)
    spectrum = np.fft.rfft(acceleration - acceleration.mean(axis=0), axis=0)
    f = np.fft.rfftfreq(n, 1 / RATE)[:, None]
    spectrum = np.where(f >= 5, spectrum / np.where(f == 0, 1, 2j * np.pi * f), 0)
    # Without the ends, where a signal that is not periodic has no right answer.
    velocity = (np.fft.irfft(spectrum, n, axis=0) * 1000)[n // 10 : -n // 10]
    rms = np.sqrt((velocity**2).mean(axis=0))
    axis = int(rms.argmax())
    peak = np.abs(velocity[:, axis]).max()
    return {"rms": rms[axis], "peak": peak, "crest": peak / rms[axis]}


def shaken(seconds: float, *parts: tuple[int, float, float], noise: float = 0.02) -> np.ndarray:
    """Gravity, noise as an MPU6050 has it, and sines: (axis, frequency, velocity amplitude in mm/s)."""
    t = np.arange(int(seconds * RATE)) / RATE
    out = np.tile(GRAVITY, (len(t), 1)) + NOISE.normal(0, noise, (len(t), 3))
    for axis, frequency, velocity in parts:
        out[:, axis] += velocity / 1000 * 2 * np.pi * frequency * np.sin(2 * np.pi * frequency * t)
    return out


@pytest.mark.parametrize("frequency", [25.0, 49.7, 50.0, 99.4, 120.0, 180.3])
@pytest.mark.parametrize("velocity", [1.0, 10.0])
def test_a_sine_has_its_textbook_velocity(frequency: float, velocity: float) -> None:
    got = measure(shaken(6, (2, frequency, velocity)))
    assert got["rms"] == pytest.approx(velocity / np.sqrt(2), rel=0.05)
    assert got["peak"] == pytest.approx(velocity, rel=0.15)
    assert got["crest"] == pytest.approx(np.sqrt(2), rel=0.15)
    assert got["frequency"] == pytest.approx(frequency, abs=0.4)


@pytest.mark.parametrize(
    "parts",
    [
        [(0, 24.8, 4.0), (0, 49.6, 2.0), (0, 124.0, 1.0)],
        [(0, 50.0, 2.0), (1, 50.0, 3.0), (2, 100.0, 1.0)],
        [(1, 30.0, 8.0), (1, 31.5, 8.0)],
    ],
)
def test_mixtures_agree_with_numpy(parts: list[tuple[int, float, float]]) -> None:
    samples = shaken(8, *parts)
    got, want = measure(samples), reference(samples)
    assert got["rms"] == pytest.approx(want["rms"], rel=0.06)
    # The filters shift phases, which moves the peak of a mixture, though not its energy.
    assert got["peak"] == pytest.approx(want["peak"], rel=0.2)


def test_a_worn_bearing_shows_in_the_crest_factor() -> None:
    samples = shaken(8, (0, 50.0, 1.0))
    for start in range(700, len(samples) - 60, 137):
        ring = np.exp(-np.arange(60) / 8) * np.sin(2 * np.pi * 160 * np.arange(60) / RATE)
        samples[start : start + 60, 0] += 9 * ring
    assert measure(samples)["crest"] > 2.5


def test_gravity_and_slow_tilting_are_no_vibration() -> None:
    samples = shaken(8, noise=0.02)
    samples[:, 0] += 2 * np.sin(2 * np.pi * 0.5 * np.arange(len(samples)) / RATE)
    got = measure(samples)
    assert got["rms"] < 0.5
    assert got["frequency"] == 0, "noise has no dominant frequency"


def test_there_is_no_answer_before_there_are_samples_enough_or_when_the_sensor_hangs() -> None:
    assert np.isnan(measure(shaken(0.9, (0, 50, 5)))["rms"])
    assert np.isnan(measure(np.tile(GRAVITY, (6000, 1)))["rms"]), "a real sensor never repeats itself"
