"""A fleet of devices in one thread, each with a connection and a last will of its own."""

import asyncio
from concurrent.futures import Future
import contextlib
from dataclasses import dataclass
import heapq
import itertools
import queue
import selectors
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client as MqttClient, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.simulator.device import Device, Identity

KEEPALIVE = 20
_RETRY = 1.0
"""Seconds between two attempts to reach the broker."""
_GLANCE = 0.25
"""Seconds between two looks of a device at its clock."""
_GOODBYE = 0.2
"""Seconds that the last words of a device that reboots need to leave it."""

type MakeDevice = Callable[[Identity, "Connection"], Device]


class Connection:
    """One device's connection, driven by its fleet."""

    def __init__(self, fleet: Fleet, identity: Identity, make: MakeDevice) -> None:
        """Make the device; it is not switched on yet."""
        self._fleet = fleet
        self.powered = False
        self.reachable = True
        self.device = make(identity, self)
        # 3.1.1 is what most firmware speaks; every broker understands it.
        client = MqttClient(
            CallbackAPIVersion.VERSION2,
            client_id=f"smartair-{identity.uid}",
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        if will := self.device.will:
            client.will_set(*will, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_socket_open = self._opened
        client.on_socket_close = self._closed
        client.on_socket_register_write = self._wants_to_write
        client.on_socket_unregister_write = self._has_written
        self._client = client

    # What the device may do

    def publish(self, topic: str, payload: str, *, qos: int, retain: bool) -> None:
        """Send one message, or lose it when there is no connection."""
        if self._client.is_connected():
            self._client.publish(topic, payload, qos=qos, retain=retain)

    def reboot(self, seconds: float) -> None:
        """Drop the connection without a goodbye and come back after some seconds."""
        self.powered = False
        self._fleet.at(time.time() + _GOODBYE, self.cut)
        self._fleet.at(time.time() + seconds, self.switch_on)

    # What may happen to the device

    def switch_on(self) -> None:
        """Plug the device in."""
        if not self.powered:
            self.powered = True
            self.device.boot(time.time())
            self._fleet.at(time.time(), self._glance)
            self.connect()

    def switch_off(self) -> None:
        """Pull the plug: the broker is told nothing and publishes the last will."""
        self.powered = False
        self.cut()

    def lose_network(self) -> None:
        """Lose the Wi-Fi: the device measures on."""
        self.reachable = False
        self.cut()

    def regain_network(self) -> None:
        """Find the Wi-Fi again."""
        self.reachable = True
        self.connect()

    def leave(self) -> None:
        """Switch the device off in order."""
        self.device.leave()
        self.powered = False
        self._client.disconnect()

    def cut(self) -> None:
        """Close the socket under the connection."""
        if isinstance(sock := self._client.socket(), socket.socket):
            # The broker may have been quicker.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            self._client.loop_read()

    def connect(self) -> None:
        """Try to reach the broker, and again later when it is not there."""
        if not (self.powered and self.reachable) or self._client.is_connected():
            return
        try:
            self._client.connect("127.0.0.1", self._fleet.port, KEEPALIVE)
        except OSError:
            self._fleet.at(time.time() + _RETRY, self.connect)

    # What the fleet's loop drives

    def socket_ready(self, *, read: bool, write: bool) -> None:
        """Move bytes."""
        if read:
            self._client.loop_read()
        if write:
            self._client.loop_write()

    def keep_alive(self) -> None:
        """Ping the broker when nothing else is said."""
        self._client.loop_misc()

    def _glance(self) -> None:
        if not self.powered:
            return
        now = time.time()
        self.device.tick(now)
        self._fleet.at(min(max(self.device.next_report, now), now + _GLANCE), self._glance)

    # What the client calls

    def _connected(self, client: MqttClient, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            return
        for topic in self.device.subscriptions:
            client.subscribe(topic, qos=1)
        self.device.connected(time.time())

    def _disconnected(self, _client: MqttClient, _data: Any, _flags: Any, _reason: Any, _props: Any) -> None:
        self.device.disconnected()
        self._fleet.at(time.time() + _RETRY, self.connect)

    def _received(self, _client: MqttClient, _data: Any, message: MQTTMessage) -> None:
        self.device.received(message.topic, message.payload, time.time(), retained=message.retain)

    def _opened(self, _client: MqttClient, _data: Any, sock: Any) -> None:
        self._fleet.watch(sock, self)

    def _closed(self, _client: MqttClient, _data: Any, sock: Any) -> None:
        self._fleet.forget(sock)

    def _wants_to_write(self, _client: MqttClient, _data: Any, sock: Any) -> None:
        self._fleet.watch(sock, self, write=True)

    def _has_written(self, _client: MqttClient, _data: Any, sock: Any) -> None:
        self._fleet.watch(sock, self)


@dataclass(order=True, slots=True)
class _Appointment:
    """Something to do at a time."""

    when: float
    number: int
    what: Callable[[], None]


class Fleet:
    """Runs devices in a thread of its own."""

    def __init__(self, port: int, *, stagger: float = 0.005) -> None:
        """Remember the broker's port; `stagger` is the pause between two devices that are switched on."""
        self.port = port
        self.connections: dict[str, Connection] = {}
        self._stagger = stagger
        self._appointments: list[_Appointment] = []
        self._numbers = itertools.count()
        self._requests: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._bell, self._doorbell = socket.socketpair()
        self._bell.settimeout(0)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self._ending = False

    # For everybody

    @property
    def running(self) -> bool:
        """Return whether the devices live."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def stop(self) -> None:
        """Switch every device off in order and end the thread."""
        if not self._thread.is_alive():
            return
        await self.do(self._leave_all)
        # What was said last must leave the sockets before they close.
        await asyncio.sleep(_GOODBYE)
        self._ending = True
        self._doorbell.send(b"x")
        await asyncio.to_thread(self._thread.join, 5)
        self._selector.close()
        self._bell.close()
        self._doorbell.close()

    async def do[T](self, what: Callable[[], T]) -> T:
        """Do something in the fleet's thread, where devices live, and return its result."""
        future: Future[T] = Future()
        self._requests.put((what, future))
        self._doorbell.send(b"x")
        return await asyncio.wrap_future(future)

    async def add(self, identities: list[Identity], make: MakeDevice) -> None:
        """Make devices and switch them on, one after the other."""

        def switch_all_on() -> None:
            now = time.time()
            for index, identity in enumerate(identities):
                connection = Connection(self, identity, make)
                self.connections[identity.uid] = connection
                self.at(now + index * self._stagger, connection.switch_on)

        await self.do(switch_all_on)

    def device(self, uid: str) -> Device:
        """Return a device."""
        return self.connections[uid].device

    # For the fleet's thread

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self._appointments, _Appointment(when, next(self._numbers), what))

    def watch(self, sock: socket.socket, connection: Connection, *, write: bool = False) -> None:
        """Wake up when there is something to read, or room to write."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0)
        if sock.fileno() in self._selector.get_map():
            self._selector.modify(sock, events, connection)
        else:
            self._selector.register(sock, events, connection)

    def forget(self, sock: socket.socket) -> None:
        """Stop watching a socket."""
        if sock.fileno() in self._selector.get_map():
            self._selector.unregister(sock)

    def _leave_all(self) -> None:
        for connection in self.connections.values():
            connection.leave()

    def _run(self) -> None:
        self.at(time.time() + 1, self._keep_alive)
        while not self._ending:
            self._answer()
            self._keep_appointments()
            for key, events in self._selector.select(self._pause()):
                if key.data is None:
                    self._bell.recv(4096)
                    continue
                read, write = bool(events & selectors.EVENT_READ), bool(events & selectors.EVENT_WRITE)
                key.data.socket_ready(read=read, write=write)

    def _pause(self) -> float:
        if not self._appointments:
            return 1.0
        return min(max(self._appointments[0].when - time.time(), 0.0), 1.0)

    def _keep_appointments(self) -> None:
        while self._appointments and self._appointments[0].when <= time.time():
            heapq.heappop(self._appointments).what()

    def _keep_alive(self) -> None:
        for connection in self.connections.values():
            connection.keep_alive()
        self.at(time.time() + 1, self._keep_alive)

    def _answer(self) -> None:
        while not self._requests.empty():
            what, future = self._requests.get()
            try:
                future.set_result(what())
            except Exception as error:  # noqa: BLE001 (it is raised where it was asked for)
                future.set_exception(error)
