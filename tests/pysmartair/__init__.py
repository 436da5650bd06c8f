"""Tests of the pure package, and how they speak to it."""

import json
from typing import Any

import pytest

from custom_components.smartair.pysmartair import Message, ParseError, parse

NOW = 1_790_000_000.0
UID = "co2_001"


def encode(content: Any) -> bytes:
    """Return a payload: bytes and text as they are, anything else as JSON."""
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def hear(channel: str, content: Any, uid: str = UID) -> Any:
    """Return what a device says by this, any of the messages or None."""
    return parse("devices", f"devices/{uid}/{channel}", encode(content))


def refusal(channel: str, content: Any) -> str:
    """Return why a message cannot be understood."""
    with pytest.raises(ParseError) as caught:
        hear(channel, content)
    assert caught.value.uid == UID
    return caught.value.reason


def told(channel: str, content: Any) -> Message:
    """Return a message that must be one."""
    message = hear(channel, content)
    assert message is not None
    return message  # type: ignore[no-any-return]
