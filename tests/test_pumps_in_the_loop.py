"""The running integration with a rack in the loop: whatever happens, the safety contract holds.

A Hypothesis state machine presses everything, loses, doubles, delays and reorders messages, restarts Home Assistant
and breaks the rack; after every step the invariants of the contract are asked of the relays and of what was sent.
The device is the simulator's, which keeps the rules of the firmware. A step here costs some thirty times one of
`pysmartair/test_guard_machine.py`, which plays most of them; `SMARTAIR_HYPOTHESIS=deep` makes more of both.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import partial
import json
import os
import random
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pumps.pump import Pump
from lab.simulator.device import Identity
from lab.simulator.household import settings_for
from lab.simulator.pump_node import PumpNode
from lab.simulator.rack_sensors import RackSensors
from lab.simulator.water import Fault, Rack

from .conftest import hub_entry

UID = "pump_001"
CHANNELS = ("pump_recirc", "pump_fill", "pump_drain")
MOVERS = ("pump_fill", "pump_drain")
DEEP = os.environ.get("SMARTAIR_HYPOTHESIS") == "deep"
EXAMPLES = int(os.environ.get("SMARTAIR_EXAMPLES", "1000" if DEEP else "10"))
STEPS = 40
REPORT = 5.0
"""Seconds between two reports of the device."""
LEASE = 60.0
"""Longest that one command keeps a pump running."""
SETTLED = 15.0
"""Seconds of a good connection after which both sides must know the same."""

FAULTY = {"no_flow", "overcurrent", "pump_stuck_on"}
"""Locks that only something broken brings; a tank that somebody fills or empties to its end is another thing."""

PATIENCE = 30.0
"""Seconds after which everybody who asked must have an answer."""

channels = st.sampled_from(CHANNELS)


@dataclass
class Network:
    """What lies between the device and Home Assistant: messages wait, get lost, come twice and in another order."""

    chance: random.Random
    bad: bool = False
    waiting: list[tuple[float, str, str, bool]] = field(default_factory=list)

    def carry(self, now: float, topic: str, payload: str, *, qos: int, retain: bool) -> None:
        if not self.bad:
            self.waiting.append((now, topic, payload, retain))
            return
        if qos == 0 and self.chance.random() < 0.3:
            return
        for _ in range(1 + (self.chance.random() < 0.2)):
            self.waiting.append((now + self.chance.choice([0, 0, 0.5, 2, 6]), topic, payload, retain))

    def due(self, now: float) -> list[tuple[str, str, bool]]:
        """Return what arrives now, in the order in which it was to arrive."""
        arrived = sorted((one for one in self.waiting if one[0] <= now), key=lambda one: one[0])
        self.waiting = [one for one in self.waiting if one[0] > now]
        return [(topic, payload, retain) for _, topic, payload, retain in arrived]


class World:
    """Home Assistant, the device, the rack and the network, on one clock that stands still between steps."""

    def __init__(self, hass: HomeAssistant, broker: MqttMockHAClient, freezer: FrozenDateTimeFactory) -> None:
        self.hass, self.broker, self.freezer = hass, broker, freezer
        self.storage: dict[str, Any] = {}

    @property
    def now(self) -> float:
        return self.freezer().timestamp()

    async def begin(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 (noise, not secrets)
        self.up, self.down = Network(chance), Network(chance)
        self.connected = self.broker_up = self.running = True
        self.good_since = self.now
        self.asked = 0
        self.starts = 0
        self.asks: set[asyncio.Task[Any]] = set()
        self.surprises: list[BaseException] = []
        self.sent: list[dict[str, Any]] = []
        self.heard: list[bytes] = []
        self.on_since: dict[str, float] = {}
        self.off_since: float | None = None
        self.healthy = True
        self.retained: dict[str, str] = {}
        self.rack = Rack(1.0, self.now)
        sensors = RackSensors(rack=self.rack, chance=chance)
        self.node = PumpNode(
            identity=Identity(uid=UID, device_type="pump", name="Rack A pumps"),
            sensors=sensors,
            settings=settings_for("pump", REPORT),
            link=self,
        )
        self.entry = hub_entry()
        self.entry.add_to_hass(self.hass)
        self.broker.async_publish.side_effect = self.published
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()
        self.node.boot(self.now)
        self.node.connected(self.now)
        await self.pass_(0.5)
        await self.hub.async_approve([UID])
        await self.pass_(6)

    async def end(self) -> None:
        await self.heal()
        waited = self.now
        while self.asks and self.now - waited < PATIENCE:
            await self.pass_(1)
        assert not self.asks, "somebody waits for an answer that never comes"
        await self.hass.config_entries.async_remove(self.entry.entry_id)
        await self.hass.async_block_till_done()
        assert self.surprises == []

    @property
    def hub(self) -> SmartAirHub:
        hub: SmartAirHub = self.entry.runtime_data
        return hub

    def pump(self, channel: str) -> Pump:
        return self.hub.pumps[UID, channel]

    # ---- the wires ---------------------------------------------------------------------------------------------

    def publish(self, topic: str, payload: str, *, qos: int, retain: bool) -> None:
        """Take what the device says."""
        if retain:
            self.retained[topic] = payload
        if self.broker_up:
            self.up.carry(self.now, topic, payload, qos=qos, retain=False)

    def reboot(self, seconds: float) -> None:
        """No command of these stories restarts the device."""

    async def published(self, topic: str, payload: str, *_: Any, **__: Any) -> None:
        """Take what Home Assistant says."""
        if not topic.startswith(f"devices/{UID}/"):
            return
        if topic.endswith("/commands"):
            order = json.loads(payload)
            self.sent.append(order)
            self.judge(order)
        if self.broker_up:
            self.down.carry(self.now, topic, payload, qos=1, retain=False)

    def judge(self, order: dict[str, Any]) -> None:
        """Ask of every order that leaves Home Assistant whether it may (S2, S4, S9)."""
        params = order.get("params", {})
        channel = params.get("channel")
        if order["command"] != "run_pump":
            return
        pump = self.pump(channel)
        assert pump.lock is None, f"{channel} was started although it is locked: {pump.lock}"
        # Circulation that is seen running is renewed: a board may end it after the time of a run (S5).
        renewed = channel not in MOVERS and pump.is_on
        assert self.asked > 0 or renewed, "nobody has asked for any run since Home Assistant was started (S9)"
        if channel in MOVERS:
            assert 0 < params["max_run_s"] <= LEASE, "a run without a bound (S4)"

    # ---- time --------------------------------------------------------------------------------------------------

    async def pass_(self, seconds: float) -> None:
        """Let time pass by steps in which everything that is due happens."""
        left = seconds
        while left > 0:
            step = min(0.5 if left <= 10 else 1.0, left)
            left -= step
            self.freezer.tick(step)
            await self.turn()

    async def turn(self) -> None:
        now = self.now
        self.node.tick(now)
        if self.connected:
            for topic, payload, retain in self.down.due(now):
                self.node.received(topic, payload.encode(), now, retained=retain)
                if "run_pump" in payload:
                    self.heard.append(payload.encode())
        self.watch()
        if self.running:
            for topic, payload, retain in self.up.due(now):
                async_fire_mqtt_message(self.hass, topic, payload, 1, retain)
            async_fire_time_changed(self.hass)
            await self.hass.async_block_till_done()
        else:
            self.up.due(now)
        self.asks -= {task for task in self.asks if task.done()}

    def watch(self) -> None:
        """Look at the relays themselves."""
        now = self.now
        for channel in MOVERS:
            if not self.rack.pumps[channel].on:
                self.on_since.pop(channel, None)
            elif channel not in self.on_since:
                self.on_since[channel] = now
                self.starts += 1
        if self.rack.pumps["pump_recirc"].on:
            self.off_since = None
        else:
            self.off_since = self.off_since or now

    # ---- what people and the world do --------------------------------------------------------------------------

    def ask(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin what a person asked for; that it is refused is an answer, anything else is a fault."""

        async def answered() -> None:
            try:
                await work
            except HomeAssistantError:
                pass
            except Exception as error:  # noqa: BLE001 (whatever it is, it should not have come)
                self.surprises.append(error)

        self.asks.add(self.hass.async_create_background_task(answered(), "a person asks", eager_start=True))

    async def run(self, channel: str, seconds: float | None, litres: float | None) -> None:
        if self.running:
            self.asked += 1
            self.ask(self.pump(channel).async_run(seconds=seconds, litres=litres))
            await self.turn()

    async def stop(self, channel: str) -> None:
        if not self.running:
            return
        before = len(self.sent)
        self.ask(self.pump(channel).async_stop())
        orders = [(order["command"], order["params"]["channel"]) for order in self.sent[before:]]
        # Off is never gated and waits for nothing (S1).
        assert not self.broker_up or ("stop_pump", channel) in orders
        await self.turn()

    async def reset(self, channel: str) -> None:
        if self.running:
            self.ask(self.pump(channel).async_reset())
            await self.turn()

    async def restart(self, pause: float) -> None:
        """Unload the integration, let time pass without it, and load it from what it has kept."""
        locks = {channel: self.pump(channel).lock for channel in CHANNELS} if self.running else {}
        if self.running:
            await self.hass.config_entries.async_unload(self.entry.entry_id)
        self.running, self.asked = False, 0
        before = len(self.sent)
        await self.pass_(pause)
        assert [order for order in self.sent[before:] if order["command"] == "run_pump"] == []
        await self.hass.config_entries.async_setup(self.entry.entry_id)
        self.running = True
        self.good_since = self.now
        for channel, lock in locks.items():
            kept = self.pump(channel).lock
            assert lock is None or (kept is not None and kept.reason == lock.reason), (
                "a restart took a lock away (S3)"
            )
        for topic, payload in self.retained.items():
            async_fire_mqtt_message(self.hass, topic, payload, 1, True)
        await self.hass.async_block_till_done()
        await self.turn()

    async def lose_broker(self) -> None:
        if not self.broker_up:
            return
        self.broker_up = self.connected = False
        self.node.disconnected()
        self.up.waiting.clear()
        self.down.waiting.clear()
        if self.running:
            async_dispatcher_send(self.hass, MQTT_CONNECTION_STATE, False)
        await self.turn()

    async def heal(self) -> None:
        """Bring the broker back and the network in order."""
        self.up.bad = self.down.bad = False
        self.good_since = self.now
        if not self.running:
            await self.restart(0.5)
        if self.broker_up:
            return
        self.broker_up = self.connected = True
        async_dispatcher_send(self.hass, MQTT_CONNECTION_STATE, True)
        await self.hass.async_block_till_done()
        self.node.connected(self.now)
        await self.turn()

    async def reboot_device(self) -> None:
        self.node.disconnected()
        self.node.boot(self.now)
        if self.broker_up:
            self.node.connected(self.now)
        await self.turn()

    async def replay(self, *, retained: bool) -> None:
        """Have an old order come again, as a broker or a clumsy script would send it."""
        if self.heard and self.connected:
            before = self.starts
            self.node.received(f"devices/{UID}/commands", self.heard[-1], self.now, retained=retained)
            self.watch()
            assert self.starts == before, "an order that came twice started a pump (S8)"

    # ---- what must always be true ------------------------------------------------------------------------------

    def check(self) -> None:
        now = self.now
        for channel, since in self.on_since.items():
            assert now - since <= self.node.rules[channel].limits.max_run_s + 1, f"{channel} runs on (S4)"
            if not (self.running and self.broker_up):
                assert now - max(since, self.good_since) <= 2 * LEASE + 125 or now - since < LEASE
        rule_ = self.node.rules["pump_recirc"]
        if self.off_since is not None and rule_.lock is None:
            assert now - self.off_since <= rule_.limits.max_off_s + 1, "circulation is off for too long (S5)"
        assert self.starts <= self.all_asked, "more starts than anybody asked for (S2, S8)"
        if self.healthy:
            locks = {one.lock.reason for one in self.node.rules.values() if one.lock is not None}
            assert not locks & FAULTY, "a healthy rack tripped (S7)"
        if self.running and self.settled:
            self.check_agreement()

    @property
    def settled(self) -> bool:
        good = self.broker_up and not (self.up.bad or self.down.bad) and not self.up.waiting and not self.asks
        return good and self.now - self.good_since >= SETTLED

    def check_agreement(self) -> None:
        """What Home Assistant shows is what the device does; what is locked is told (S10)."""
        codes = {(alert.channel, str(alert.code)) for alert in self.hub.alerts.active(uid=UID)}
        for channel in CHANNELS:
            pump, real = self.pump(channel), self.node.rules[channel]
            # What has just changed is told with the next report.
            if self.now - max(real.started, real.stopped) > 2 * REPORT:
                # A relay that is welded is on, whatever it was told, and is shown so.
                on = self.node.channel_states()[channel]["on"]
                assert pump.is_on == on, f"{channel}: shown {pump.is_on}, is {on}"
            if real.lock is not None:
                assert pump.lock is not None, f"{channel} is locked and nobody says so"
            if pump.lock is not None:
                assert any(where == channel for where, _ in codes), f"no alert for the lock of {channel} (S10)"


class Machine(RuleBasedStateMachine):
    """Everything that people and the world may do."""

    world: World
    loop: asyncio.AbstractEventLoop
    steps = 0

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.do(self.world.begin(seed))
        self.world.all_asked = 0

    @rule(seconds=st.sampled_from([0.5, 1, 3, 10, 25, 70]))
    def time_passes(self, seconds: float) -> None:
        self.do(self.world.pass_(seconds))

    @rule(channel=channels, seconds=st.sampled_from([None, 1, 8, 40, 500, 5000, -1, 0]))
    def somebody_runs_a_pump(self, channel: str, seconds: float | None) -> None:
        self.world.all_asked += 1
        self.do(self.world.run(channel, seconds, None))

    @rule(channel=st.sampled_from(MOVERS), litres=st.sampled_from([0.2, 3.0, 50.0]))
    def somebody_runs_for_litres(self, channel: str, litres: float) -> None:
        self.world.all_asked += 1
        self.do(self.world.run(channel, None, litres))

    @rule(channel=channels)
    def somebody_stops_a_pump(self, channel: str) -> None:
        self.do(self.world.stop(channel))

    @rule(channel=channels)
    def somebody_resets(self, channel: str) -> None:
        self.do(self.world.reset(channel))

    @rule(pause=st.sampled_from([0.5, 5, 90]))
    def home_assistant_restarts(self, pause: float) -> None:
        self.do(self.world.restart(pause))

    @rule()
    def the_broker_is_lost(self) -> None:
        self.do(self.world.lose_broker())

    @rule()
    def the_network_turns_bad(self) -> None:
        self.world.up.bad = self.world.down.bad = True

    @rule()
    def all_is_connected_well(self) -> None:
        self.do(self.world.heal())

    @rule()
    def it_is_quiet_for_a_while(self) -> None:
        self.do(self._settle())

    async def _settle(self) -> None:
        await self.world.heal()
        await self.world.pass_(SETTLED + 8)

    @rule()
    def the_device_loses_power(self) -> None:
        self.do(self.world.reboot_device())

    @rule(retained=st.booleans())
    def an_old_order_comes_again(self, *, retained: bool) -> None:
        self.do(self.world.replay(retained=retained))

    @rule(fault=st.sampled_from(Fault), channel=channels)
    def something_breaks(self, fault: Fault, channel: str) -> None:
        self.world.healthy = False
        self.world.rack.break_(fault, channel)

    @rule()
    def somebody_repairs_the_rack(self) -> None:
        self.world.rack.repair()

    @invariant()
    def the_contract_holds(self) -> None:
        if hasattr(self.world, "all_asked"):
            Machine.steps += 1
            self.do(self._check())

    async def _check(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.do(self.world.end())


@pytest.mark.timeout(600)
async def test_the_contract_holds_whatever_happens(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    mqtt_mock: MqttMockHAClient,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Hypothesis begins each example with the same chance, and the registries would give out the same ids anew.
    monkeypatch.setattr("homeassistant.util.uuid.getrandbits", random.SystemRandom().getrandbits)
    Machine.loop = asyncio.get_running_loop()
    Machine.world = World(hass, mqtt_mock, freezer)
    Machine.steps = 0
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    play = partial(
        run_state_machine_as_test,
        Machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=checks
        ),
    )
    await Machine.loop.run_in_executor(None, play)
    assert Machine.steps >= EXAMPLES * 10
