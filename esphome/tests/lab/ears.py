"""Home Assistant's place on the broker: hears everything a device says, and speaks to it."""

import itertools
import json
import threading
import time
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt


class Heard(NamedTuple):
    """One message as it arrived."""

    at: float
    topic: str
    payload: bytes
    retained: bool

    @property
    def json(self) -> Any:
        """The payload as JSON, or as text where it is not JSON."""
        try:
            return json.loads(self.payload)
        except ValueError:
            return self.payload.decode()


class Ears:
    """Subscribes to one device."""

    _numbers = itertools.count(1)

    def __init__(self, port: int, uid: str, root: str = "devices") -> None:
        self.prefix = f"{root}/{uid}/"
        self.heard: list[Heard] = []
        self._news = threading.Condition()
        self._ready = threading.Event()
        self.client = mqtt.Client(client_id=f"ears-{time.time_ns()}", clean_session=False)
        self.client.on_message = self._on_message
        self.client.on_connect = lambda *_: self.client.subscribe(self.prefix + "#", 1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port, keepalive=10)
        self.client.loop_start()
        assert self._ready.wait(5)

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._news:
            topic = message.topic.removeprefix(self.prefix)
            self.heard.append(Heard(time.time(), topic, message.payload, bool(message.retain)))
            self._news.notify_all()

    def close(self) -> None:
        """Hang up."""
        self.client.disconnect()
        self.client.loop_stop()

    def say(self, topic: str, payload: Any, *, retain: bool = False) -> None:
        """Publish to the device."""
        end = time.monotonic() + 10
        while not self.client.is_connected() and time.monotonic() < end:
            time.sleep(0.02)
        raw = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
        self.client.publish(self.prefix + topic, raw, 1, retain).wait_for_publish(5)

    def mark(self) -> int:
        """The place in what was heard from which a later wait shall look."""
        return len(self.heard)

    def wait(self, topic: str, match: Any = None, *, since: int = 0, timeout: float = 10) -> Any:
        """The first message on the topic, heard since the mark, that matches; fails where there is none."""
        found = self.find(topic, match, since=since, timeout=timeout)
        if found is None:
            lately = "\n".join(f"  {h.topic} {h.payload[:300]!r}" for h in self.heard[since:][-25:])
            raise AssertionError(f"nothing fitting on {topic} in {timeout} s; heard since:\n{lately}")
        return found

    def find(self, topic: str, match: Any = None, *, since: int = 0, timeout: float = 0) -> Any:
        """Like wait, but None where there is none."""
        end = time.monotonic() + timeout
        at = since
        with self._news:
            while True:
                while at < len(self.heard):
                    heard = self.heard[at]
                    at += 1
                    if heard.topic == topic and fits(heard.json, match):
                        return heard.json
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self._news.wait(left)

    def all(self, topic: str, match: Any = None, *, since: int = 0) -> list[Any]:
        """All that was heard on the topic."""
        return [h.json for h in self.heard[since:] if h.topic == topic and fits(h.json, match)]

    def command(
        self,
        name: str,
        *,
        cmd_id: str | None = None,
        word: str = "command",
        timeout: float = 5,
        **params: Any,
    ) -> Any:
        """Send a command as Home Assistant does, and return its first answer."""
        cmd_id = cmd_id or f"c{next(self._numbers)}-{time.time_ns()}"
        since = self.mark()
        now = int(time.time())
        self.say(
            "commands",
            {word: name, "cmd_id": cmd_id, "timestamp": now, "expires": now + 30, "params": params},
        )
        return self.wait("command_response", {"cmd_id": cmd_id}, since=since, timeout=timeout)


def fits(value: Any, match: Any) -> bool:
    """A dict fits when it has these members; a callable decides itself; anything else must be equal."""
    if match is None:
        return True
    if callable(match):
        try:
            return bool(match(value))
        except KeyError, TypeError, IndexError, AttributeError:
            return False
    if isinstance(match, dict):
        return isinstance(value, dict) and all(k in value and fits(value[k], v) for k, v in match.items())
    return bool(value == match)
