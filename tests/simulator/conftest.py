"""A wire that keeps what a device says."""

import json
from typing import Any

import pytest


class Wire:
    """Keeps what a device sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any, int, bool]] = []
        self.reboots = 0

    def publish(self, topic: str, payload: str, *, qos: int, retain: bool) -> None:
        content = json.loads(payload) if payload.startswith("{") else payload
        self.sent.append((topic.split("/", 2)[2], content, qos, retain))

    def reboot(self, seconds: float) -> None:
        assert seconds > 0
        self.reboots += 1

    def of(self, topic: str) -> list[Any]:
        return [content for name, content, _qos, _retain in self.sent if name == topic]

    @property
    def topics(self) -> list[str]:
        return [name for name, *_rest in self.sent]


@pytest.fixture
def wire() -> Wire:
    return Wire()
