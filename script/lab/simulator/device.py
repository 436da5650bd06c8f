"""The device's side of the protocol: it is told the time and what arrived, and says what it sends."""

from collections import deque
from dataclasses import dataclass, field
import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.simulator.ota import Updater
    from lab.simulator.sensors import Sensors
    from lab.simulator.settings import Settings

type Json = dict[str, Any]

PROTOCOL = 1
BATCH = 200
"""Most samples in one buffered message."""
MEMORY = 2000
"""Samples that a device without a card keeps; the oldest go first."""
REMEMBERED_COMMANDS = 64
REMEMBERED_EVENTS = 32
REBOOT_SECONDS = 2.0
WARM_UP = 2.0
"""Seconds after power-on until the sensors give a value that is worth keeping when nobody listens."""


class Link(Protocol):
    """The device's connection to its broker."""

    def publish(self, topic: str, payload: str, *, qos: int, retain: bool) -> None:
        """Send one message."""
        ...

    def reboot(self, seconds: float) -> None:
        """Lose power: drop the connection without a goodbye and connect again after some seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What never changes while a device lives."""

    uid: str
    device_type: str
    name: str | None = None
    model: str | None = None
    mac: str | None = None
    ip: str = "192.168.1.50"
    area: str | None = None
    chip: str = "ESP32-C3"
    code: str | None = None
    """The 8 digits on the device's label; without one, it asks for none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a command."""

    status: str = "DONE"
    error_code: str | None = None
    details: Json | None = None


def refused(error_code: str, **details: object) -> Answer:
    """Return the answer of a device that does not do what it is told."""
    return Answer("ERROR", error_code, details or None)


_STOP = "stop_pump"

type Handler = Callable[[Json, float], Answer]


def pairing(code: str, salt: str) -> dict[str, str]:
    """Return what a descriptor says of a code without telling it."""
    return {"salt": salt, "sha256": hashlib.sha256((salt + code).encode()).hexdigest()}


@dataclass(slots=True, kw_only=True)
class Device:
    """One device; whatever drives it calls `connected`, `received`, `tick` and `disconnected`."""

    identity: Identity
    sensors: Sensors
    settings: Settings
    link: Link
    root: str = "devices"
    firmware_version: str = "2.0.1"
    has_clock: bool = True
    announces: bool = True
    """A plain script sends telemetry and nothing else."""

    channels: tuple[Json, ...] = ()
    handlers: dict[str, Handler] = field(default_factory=dict)
    offsets: dict[str, float] = field(default_factory=dict)
    identified: int = 0
    updater: Updater | None = None
    """What carries out updates; without one, the device takes none."""

    _online: bool = False
    _booted_at: float | None = None
    _boot_id: str = ""
    _boot_announced: bool = False
    _seq: int = 0
    _due: float = 0.0
    _live_until: float = 0.0
    _live_interval: float = 1.0
    _last: Json = field(default_factory=dict)
    _buffer: deque[Json] = field(default_factory=lambda: deque(maxlen=MEMORY))
    _seen: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED_COMMANDS))
    _answers: dict[str, Answer] = field(default_factory=dict)
    _waiting: deque[tuple[str, Json]] = field(default_factory=lambda: deque(maxlen=REMEMBERED_EVENTS))
    """Events and final answers that nobody has heard yet, each with its topic."""
    _salt: str = field(default_factory=lambda: secrets.token_hex(16))

    def __post_init__(self) -> None:
        """Add what every device can do."""
        own: dict[str, Handler] = {
            "restart": self._restart,
            "identify": self._identify,
            "live": self._live,
            "calibrate": self._calibrate,
        }
        self.handlers = {**own, **self.handlers}

    # Topics

    def topic(self, name: str) -> str:
        """Return one of the device's topics."""
        return f"{self.root}/{self.identity.uid}/{name}"

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Return the topics that the device listens to."""
        if not self.announces:
            return ()
        names = ("config", "commands", "ota") if self.updater else ("config", "commands")
        return tuple(self.topic(name) for name in names)

    @property
    def will(self) -> tuple[str, str] | None:
        """Return the topic and the payload that the broker publishes when the device is gone."""
        return (self.topic("status"), "offline") if self.announces else None

    # The life of a device

    @property
    def online(self) -> bool:
        """Return whether the device has a connection."""
        return self._online

    @property
    def seq(self) -> int:
        """Return how many reports were made since the boot."""
        return self._seq

    @property
    def next_report(self) -> float:
        """Return when the next report is due."""
        return self._due

    @property
    def last_values(self) -> Json:
        """Return what was measured last."""
        return dict(self._last)

    def boot(self, now: float) -> None:
        """Start, as after a power cut: what is not kept in flash is forgotten."""
        self._booted_at = now
        self._boot_id = secrets.token_hex(4)
        self._boot_announced = False
        self._seq = 0
        self._due = now + WARM_UP
        self._live_until = 0.0
        self._buffer.clear()
        self._waiting.clear()
        # That they were done is in flash; how they were answered is not.
        self._answers.clear()
        if self.updater:
            self.updater.booted(now)

    def connected(self, now: float) -> None:
        """Say everything that a device says when it has reached its broker."""
        if self._booted_at is None:
            self.boot(now)
        self._online = True
        self._due = now
        if not self.announces:
            return
        self.link.publish(self.topic("status"), "online", qos=1, retain=True)
        self._send("info", self.descriptor(), retain=True)
        self._send("config/state", self.settings.state, retain=True)
        if not self._boot_announced:
            self._boot_announced = True
            boot = {"event": "boot", "boot_id": self._boot_id, "reason": "power_on"}
            self._waiting.appendleft(("event", boot))
        self._send_waiting()
        if self.updater:
            self.updater.connected(now)
        self._send_buffer()

    def disconnected(self) -> None:
        """Notice that the broker is gone; measuring goes on into the buffer."""
        self._online = False

    def tick(self, now: float) -> None:
        """Measure and report when it is time."""
        if self._booted_at is None:
            self.boot(now)
        if self.updater:
            self.updater.tick(now)
        if now < self._due:
            return
        live = now < self._live_until
        interval = self._live_interval if live else self.settings.report_interval
        # From when it was due, so that reports do not drift, but never a burst after a pause.
        self._due = max(self._due + interval, now + interval / 2)
        self.report(now)

    def report(self, now: float) -> None:
        """Measure now, and send it or keep it."""
        values = self.measure(now)
        self._seq += 1
        if self._online:
            self._send("telemetry", self.telemetry(values, now), qos=0)
        elif self.has_clock:
            # Without a clock nobody could tell when it was.
            self._buffer.append({"timestamp": round(now), **values})

    def measure(self, now: float) -> dict[str, float]:
        """Return what the sensors read, calibrated."""
        values = {
            name: round(value + self.offsets[name], 2) if name in self.offsets else value
            for name, value in self.sensors.read(now).items()
        }
        self._last = dict(values)
        return values

    def restart(self, seconds: float) -> None:
        """Be gone for some seconds."""
        self._online = False
        self._booted_at = None
        self.link.reboot(seconds)

    def send(self, name: str, content: Json, *, retain: bool = False) -> None:
        """Say something on one of the device's topics."""
        self._send(name, content, retain=retain)

    def happened(self, event: str, **data: object) -> None:
        """Report something that happened, such as a pressed button, as soon as somebody listens."""
        self._keep("event", {"event": event, **data})

    def leave(self) -> None:
        """Say goodbye: a device that is switched off in order."""
        if self.announces and self._online:
            self.link.publish(self.topic("status"), "offline", qos=1, retain=True)
        self._online = False

    # What the device says

    def descriptor(self) -> Json:
        """Return the retained `info`."""
        identity = self.identity
        content: Json = {
            "protocol": PROTOCOL,
            "device_type": identity.device_type,
            "name": identity.name,
            "model": identity.model or f"smartair-{identity.device_type}",
            "manufacturer": "SmartAir",
            "area": identity.area,
            "serial": f"SA-{identity.uid.upper()}",
            "firmware_version": self.firmware_version,
            "hardware_revision": "B",
            "chip": identity.chip,
            "mac": identity.mac,
            "ip": identity.ip,
            "metrics": [*self.measure_names()],
            "channels": [*self.channels] or None,
            "config": self.settings.offer,
            "commands": [*self.handlers],
            "ota": {"signed": self.updater.signed} if self.updater else None,
            "pairing": pairing(identity.code, self._salt) if identity.code else None,
        }
        return {name: value for name, value in content.items() if value is not None}

    def measure_names(self) -> tuple[str, ...]:
        """Return what the device measures."""
        return (*self.sensors.names, "rssi")

    def telemetry(self, values: Mapping[str, float], now: float) -> Json:
        """Return one report."""
        content: Json = {"device_uid": self.identity.uid}
        if self.has_clock:
            content["timestamp"] = round(now)
        content |= values
        content |= {"firmware_version": self.firmware_version, "ip": self.identity.ip}
        if not self.announces:
            return content
        content |= {
            "uptime": round(now - (self._booted_at or now)),
            "rssi": -48 - len(self.identity.uid) % 20 - self._seq % 3,
            "seq": self._seq,
            "boot_id": self._boot_id,
        }
        channels = self.channel_states()
        return {**content, "channels": channels} if channels else content

    def channel_states(self) -> Json:
        """Return the state of each channel; a sensor has none."""
        return {}

    def _keep(self, name: str, content: Json) -> None:
        """Say what must not be lost, now or as soon as somebody listens."""
        self._waiting.append((name, content))
        if self._online:
            self._send_waiting()

    def _send_waiting(self) -> None:
        """Say what waited, oldest first."""
        while self._waiting:
            self._send(*self._waiting.popleft())

    def _send_buffer(self) -> None:
        """Send what was measured while nobody listened, oldest first."""
        while self._buffer:
            samples = [self._buffer.popleft() for _ in range(min(BATCH, len(self._buffer)))]
            self._send("telemetry", {"device_uid": self.identity.uid, "buffered": True, "samples": samples})

    def _send(self, name: str, content: Json, *, qos: int = 1, retain: bool = False) -> None:
        self.link.publish(self.topic(name), json.dumps(content), qos=qos, retain=retain)

    # What the device is told

    def received(self, topic: str, payload: bytes, now: float, *, retained: bool) -> None:
        """Take in one message."""
        try:
            content = json.loads(payload) if payload else None
        except ValueError:
            return
        if not isinstance(content, dict):
            return
        if topic == self.topic("config"):
            self._configure(content, now)
        elif topic == self.topic("commands"):
            self._command(content, now, retained=retained)
        elif topic == self.topic("ota") and self.updater:
            self.updater.received(content, now, retained=retained)

    def _configure(self, desired: Json, now: float) -> None:
        self.settings.apply(desired)
        self._due = min(self._due, now + self.settings.report_interval)
        self._send("config/state", self.settings.state, retain=True)

    def _command(self, content: Json, now: float, *, retained: bool) -> None:
        name = content.get("command", content.get("cmd"))
        cmd_id = content.get("cmd_id")
        if name == _STOP and name in self.handlers:
            self._obey_stop(cmd_id, content, now)
            return
        if not isinstance(name, str) or not isinstance(cmd_id, str):
            return
        answer = self._judge(name, cmd_id, content, now, retained=retained)
        self.respond(name, cmd_id, answer)
        if name == "restart" and answer.status == "ACCEPTED":
            self.restart(REBOOT_SECONDS)

    def _obey_stop(self, cmd_id: object, content: Json, now: float) -> None:
        """Stop: late, retained, as often as it comes, and without an id (off is never gated)."""
        answer = self.handlers[_STOP](_params(content), now)
        if not isinstance(cmd_id, str) or not cmd_id:
            return
        if cmd_id not in self._seen:
            self._seen.append(cmd_id)
        self.respond(_STOP, cmd_id, answer)

    def _judge(self, name: str, cmd_id: str, content: Json, now: float, *, retained: bool) -> Answer:
        """Decide whether to do it, and do it."""
        if cmd_id in self._seen:
            first = self._answers.get(cmd_id, Answer("unknown"))
            return Answer("DUPLICATE", first.error_code, {**(first.details or {}), "first_status": first.status})
        expires = content.get("expires")
        if isinstance(expires, (int, float)) and now > expires:
            return Answer("EXPIRED", "expired")
        if retained:
            return refused("maybe_retained")
        self._seen.append(cmd_id)
        handler = self.handlers.get(name)
        if handler is None:
            return refused("unknown_command")
        return handler({"cmd_id": cmd_id, **_params(content)}, now)

    def respond(self, name: str, cmd_id: str, answer: Answer) -> None:
        """Say what became of a command, now or as soon as somebody listens."""
        if cmd_id in self._seen and answer.status != "DUPLICATE":
            self._answers[cmd_id] = answer
            self._answers = {known: self._answers[known] for known in self._seen if known in self._answers}
        content: Json = {"cmd": name, "cmd_id": cmd_id, "status": answer.status}
        if answer.error_code:
            content["error_code"] = answer.error_code
        if answer.details:
            content["details"] = answer.details
        self._keep("command_response", content)

    # Commands that every device knows

    def _restart(self, _params: Json, _now: float) -> Answer:
        return Answer("ACCEPTED")

    def _identify(self, _params: Json, _now: float) -> Answer:
        self.identified += 1
        return Answer()

    def _live(self, params: Json, now: float) -> Answer:
        seconds, interval = params.get("seconds", 60), params.get("interval", 1)
        if not (_is_number(seconds) and _is_number(interval) and 0 < interval <= seconds <= 3600):  # noqa: PLR2004
            return refused("bad_params")
        self._live_until, self._live_interval = now + seconds, float(interval)
        self._due = now
        return Answer(details={"seconds": seconds, "interval": interval})

    def _calibrate(self, params: Json, now: float) -> Answer:
        metric, reference = params.get("metric"), params.get("reference")
        if metric not in self.sensors.names:
            return refused("unknown_metric", metric=metric)
        if isinstance(reference, bool) or not isinstance(reference, (int, float)):
            return refused("bad_params")
        reading = self.measure(now)[metric]
        self.offsets[metric] = self.offsets.get(metric, 0.0) + reference - reading
        return Answer(details={"metric": metric, "reference": reference, "was": reading})


def _params(content: Json) -> Json:
    params = content.get("params")
    return params if isinstance(params, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
