"""A publisher that costs next to nothing: packets are made beforehand and leave at a given pace."""

from dataclasses import dataclass
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

_CONNECT = 0x10
_PUBLISH = 0x30
_RETAIN = 0x01
_AT_LEAST_ONCE = 0x02
_DISCONNECT = b"\xe0\x00"
_PUBACK_LENGTH = 4
_TICK = 0.005
"""Seconds between two bunches of messages."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A message to publish."""

    topic: str
    payload: bytes
    retain: bool = False
    acknowledged: bool = False
    """Whether the broker is to confirm it (QoS 1)."""

    def encode(self, number: int) -> bytes:
        """Return the message as it goes over the wire."""
        head = _PUBLISH | (_RETAIN if self.retain else 0) | (_AT_LEAST_ONCE if self.acknowledged else 0)
        name = self.topic.encode()
        identifier = struct.pack("!H", number % 65_535 + 1) if self.acknowledged else b""
        body = struct.pack("!H", len(name)) + name + identifier + self.payload
        return bytes([head]) + _length(len(body)) + body


def _length(value: int) -> bytes:
    found = bytearray()
    while True:
        value, low = divmod(value, 128)
        found.append(low | (128 if value else 0))
        if not value:
            return bytes(found)


class Publisher:
    """One connection that only publishes, in MQTT 3.1.1."""

    def __init__(self, port: int) -> None:
        """Connect and wait for the broker's consent."""
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = b"smartair-bench"
        body = struct.pack("!H4sBBH", 4, b"MQTT", 4, 2, 0) + struct.pack("!H", len(name)) + name
        self._socket.sendall(bytes([_CONNECT]) + _length(len(body)) + body)
        answer = self._receive(4)
        if answer[3]:
            raise ConnectionError(f"the broker refused the publisher: {answer[3]}")

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave in order."""
        self._socket.sendall(_DISCONNECT)
        self._socket.close()

    def publish(self, packets: Iterable[Packet], rate: float | None = None) -> float:
        """Publish at a rate per second, or as fast as the broker takes it; return the seconds it took."""
        listed = list(packets)
        wire = [packet.encode(number) for number, packet in enumerate(listed)]
        acknowledged = sum(packet.acknowledged for packet in listed)
        reader = threading.Thread(target=self._receive, args=(acknowledged * _PUBACK_LENGTH,))
        reader.start()
        started = time.perf_counter()
        sent = 0
        while sent < len(wire):
            due = len(wire) if rate is None else min(int((time.perf_counter() - started) * rate) + 1, len(wire))
            if due > sent:
                self._socket.sendall(b"".join(wire[sent:due]))
                sent = due
            else:
                time.sleep(_TICK)
        reader.join()
        return time.perf_counter() - started

    def _receive(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self._socket.recv(count - len(found))
            if not piece:
                raise ConnectionError("the broker hung up")
            found += piece
        return found
