"""The devices that are measured: what they are, what they say, and what must be seen of it."""

from dataclasses import dataclass
import json
import time
from typing import TYPE_CHECKING, Any

from lab.bench.wire import Packet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = "devices"
PREFIX = "bench"
"""The first word of every device's name, and so of every entity's id."""

STEPS = 100
"""Values of a metric before they come again."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric whose values no other metric has, so that a value says whose it is."""

    name: str
    device_class: str | None
    unit: str | None
    first: float
    step: float

    def value(self, round_: int) -> float:
        """Return the value that every device reports in a round; the next round's is another."""
        return round(self.first + self.step * (round_ % STEPS), 1)


METRICS = (
    Metric(name="co2", device_class="carbon_dioxide", unit="ppm", first=400, step=1),
    Metric(name="temperature", device_class="temperature", unit="°C", first=10.0, step=0.1),
    Metric(name="humidity", device_class="humidity", unit="%", first=30.0, step=0.1),
    Metric(name="pm1", device_class="pm1", unit="µg/m³", first=3000, step=1),
    Metric(name="pm25", device_class="pm25", unit="µg/m³", first=4000, step=1),
    Metric(name="pm10", device_class="pm10", unit="µg/m³", first=5000, step=1),
    Metric(name="voc_index", device_class=None, unit=None, first=100, step=1),
)
"""What an air monitor measures: gas, climate, dust and volatile compounds.

With one more, a thousand devices and the hub's own entities would be more than Home Assistant takes of one entry.
"""

FACTS = ("firmware_version", "ip", "uptime")
"""What every message says of the device itself, and nobody looks at until an entity is enabled."""

ENTITIES = len(METRICS) + 2
"""Enabled entities of a device: its metrics, whether it is online, and what happens on it."""


MORE = ("_air", "_air_changes", "_co2_limit_reached_in")
"""How the names of entities end that only SmartAir has; of a fleet they are disabled."""


def is_compared(entity_id: str) -> bool:
    """Tell whether an entity is of a device, and one that all sides have."""
    return entity_id.partition(".")[2].startswith(PREFIX) and not entity_id.endswith(MORE)


def uids(count: int) -> list[str]:
    """Return the names of so many devices."""
    return [f"{PREFIX}_{number:04}" for number in range(count)]


def names(uid: str) -> dict[str, str]:
    """Return what a device calls itself."""
    return {"name": uid.replace("_", " ").capitalize(), "model": "smartair-multi", "manufacturer": "SmartAir"}


def topic(uid: str, what: str) -> str:
    """Return one of a device's topics."""
    return f"{ROOT}/{uid}/{what}"


def status(uid: str) -> Packet:
    """Return a device's birth message."""
    return Packet(topic(uid, "status"), b"online", retain=True, acknowledged=True)


def info(uid: str) -> Packet:
    """Return a device's descriptor: nothing to configure, to command or to update, so that it has sensors only."""
    content = {
        "protocol": 1,
        "device_type": "multi",
        **names(uid),
        "firmware_version": "2.1.0",
        "hardware_revision": "B",
        "metrics": [metric.name for metric in METRICS],
        "config": {},
        "commands": [],
    }
    return Packet(topic(uid, "info"), json.dumps(content).encode(), retain=True, acknowledged=True)


def discovery(uid: str) -> Packet:
    """Return the same device as Home Assistant's own MQTT discovery wants it described."""
    believed = {
        "availability_topic": topic(uid, "status"),
        "payload_available": "online",
        "payload_not_available": "offline",
    }
    components: dict[str, dict[str, Any]] = {
        metric.name: {"platform": "sensor", **believed, **_sensor(uid, metric)} for metric in METRICS
    }
    components["online"] = {
        "platform": "binary_sensor",
        "unique_id": f"{uid}-online",
        "name": "Online",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topic(uid, "status"),
        "payload_on": "online",
        "payload_off": "offline",
    }
    components["activity"] = {
        "platform": "event",
        **believed,
        "unique_id": f"{uid}-activity",
        "name": "Activity",
        "event_types": ["boot", "button", "safety_trip", "other"],
        "state_topic": topic(uid, "event"),
        "value_template": '{"event_type": {{ value_json.event | to_json }}}',
    }
    for fact in FACTS:
        # SmartAir registers these too, disabled, from the same messages; its other two have no counterpart.
        components[fact] = {
            "platform": "sensor",
            **believed,
            "unique_id": f"{uid}-{fact}",
            "name": fact.replace("_", " ").capitalize(),
            "entity_category": "diagnostic",
            "enabled_by_default": False,
            "state_topic": topic(uid, "telemetry"),
            "value_template": f"{{{{ value_json.{fact} }}}}",
        }
    described = names(uid)
    content = {
        "device": {"identifiers": [uid], **described, "sw_version": "2.1.0", "hw_version": "B"},
        "origin": {"name": "bench"},
        # As SmartAir subscribes.
        "qos": 1,
        "components": components,
    }
    payload = json.dumps(content).encode()
    return Packet(f"homeassistant/device/{uid}/config", payload, retain=True, acknowledged=True)


def _sensor(uid: str, metric: Metric) -> dict[str, Any]:
    config = {
        "unique_id": f"{uid}-{metric.name}",
        "name": metric.name.replace("_", " ").capitalize(),
        "state_topic": topic(uid, "telemetry"),
        "value_template": f"{{{{ value_json.{metric.name} }}}}",
        "state_class": "measurement",
        "suggested_display_precision": 1,
        "device_class": metric.device_class,
        "unit_of_measurement": metric.unit,
    }
    return {key: value for key, value in config.items() if value is not None}


def expected(round_: int) -> dict[str, float]:
    """Return the values that every device shows after a round."""
    return {metric.name: metric.value(round_) for metric in METRICS}


def telemetry(devices: list[str], rounds: range, *, changing: bool) -> Iterator[Packet]:
    """Return what all devices say in these rounds: each new values, or all those of the last round."""
    now = int(time.time())
    for round_ in rounds:
        values = json.dumps(expected(round_ if changing else rounds[-1]))[1:-1]
        for uid in devices:
            payload = (
                f'{{"device_uid": "{uid}", "timestamp": {now}, {values}, '
                f'"firmware_version": "2.1.0", "ip": "192.168.1.50", "uptime": {now % 100_000 + round_}}}'
            )
            yield Packet(topic(uid, "telemetry"), payload.encode())


def missing(states: Mapping[str, Mapping[str, Any]], devices: list[str], round_: int) -> int:
    """Return how many values of this round are not shown by the sensors of their device."""
    wanted = set(expected(round_).values())
    lost = 0
    shown: dict[str, set[float]] = {uid: set() for uid in devices}
    for entity_id, state in states.items():
        domain, _, name = entity_id.partition(".")
        uid = name[: len(PREFIX) + 5]
        if domain == "sensor" and uid in shown:
            shown[uid].add(_number(state["state"]))
    for values in shown.values():
        lost += len(wanted - values)
    return lost


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
