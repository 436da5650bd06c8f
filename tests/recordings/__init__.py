"""What devices really said, captured from a broker; see README.md."""

from dataclasses import dataclass
import json
from pathlib import Path

_FOLDER = Path(__file__).parent

START = 1_790_000_000
"""Unix time at which every recording begins, by the clock of whoever received it."""

NAMES = tuple(sorted(file.stem for file in _FOLDER.glob("*.jsonl")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One message as it arrived, `t` seconds after the start of the recording."""

    t: float
    topic: str
    payload: bytes
    retain: bool
    qos: int

    @property
    def at(self) -> float:
        """Unix time of the arrival."""
        return START + self.t


def load(name: str) -> list[Recorded]:
    """Return the messages of a recording in the order of their arrival."""
    lines = (_FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_recorded(json.loads(line)) for line in lines if not line.startswith("#")]


def _recorded(line: dict[str, object]) -> Recorded:
    text, raw = line.get("payload"), line.get("payload_hex")
    payload = bytes.fromhex(str(raw)) if text is None else str(text).encode()
    return Recorded(
        t=float(str(line["t"])),
        topic=str(line["topic"]),
        payload=payload,
        retain=line["retain"] is True,
        qos=int(str(line["qos"])),
    )
