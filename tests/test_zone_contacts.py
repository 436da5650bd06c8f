"""Leak detectors and float switches of other people guard the pumps of a zone, through real integrations."""

import json
from typing import Any

from homeassistant.core import CoreState, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused, Role
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .zone_house import DATA, LEVEL, TankHouse, discover
from .zone_rack import add_zone

LEAK, FLOAT = "binary_sensor.leak", "binary_sensor.float"


class Contacts(TankHouse):
    """A tank with a leak detector and a float switch, which say something only where it changes."""

    def tell(self, name: str, payload: str) -> None:
        async_fire_mqtt_message(self.hass, f"x/{name}", payload)

    async def find(self, name: str) -> None:
        config = {
            "unique_id": name,
            "name": name,
            "state_topic": f"x/{name}",
            "availability_topic": f"x/{name}/there",
        }
        async_fire_mqtt_message(self.hass, f"homeassistant/binary_sensor/{name}/config", json.dumps(config))
        await self.hass.async_block_till_done(wait_background_tasks=True)
        self.tell(f"{name}/there", "online")


@pytest.fixture
async def tank(hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, wait: Wait) -> Contacts:
    """A tank whose sensors are known to Home Assistant."""
    tank = Contacts(hass, wait)
    await discover(hass, unit_of_measurement="%", force_update=True)
    for name in ("leak", "float"):
        await tank.find(name)
    tank.level, tank.fill_rate = 40.0, 0.2
    tank.tell("leak", "OFF")
    tank.tell("float", "ON")
    return tank


async def added(hass: HomeAssistant, hub: MockConfigEntry, tank: Contacts, **sensors: Any) -> Zone:
    chosen = {"level": LEVEL, "flow_of": "fill", "leak": LEAK, "float_switch": FLOAT, **sensors}
    zone = await add_zone(hass, hub, DATA | {"sensors": chosen})
    await tank.second(30)
    return zone


def alerts(zone: Zone) -> list[Code]:
    return [alert.code for alert in zone.alerts.active(zone=zone.zone_id)]


async def test_a_leak_stops_and_locks_a_fill_and_is_told_and_over_when_it_is_dry(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Contacts
) -> None:
    zone = await added(hass, hub, tank)
    fill = zone.pumps[Role.FILL]
    await fill.async_run(seconds=300)
    await tank.second(3)
    assert tank.on("fill")
    tank.tell("leak", "ON")
    await tank.second(2)
    assert not tank.on("fill")
    assert fill.lock == Refused(Reason.OVERFLOW, Cause.LEAK)
    assert Code.LEAK in alerts(zone)
    with pytest.raises(PumpRefusedError):
        await fill.async_reset()
    tank.tell("leak", "OFF")
    await tank.second(2)
    assert Code.LEAK not in alerts(zone)
    await fill.async_reset()
    assert fill.lock is None


async def test_a_leak_at_rest_is_told_and_refuses_a_fill(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Contacts
) -> None:
    zone = await added(hass, hub, tank)
    tank.tell("leak", "ON")
    await tank.second(2)
    assert alerts(zone) == [Code.LEAK]
    with pytest.raises(PumpRefusedError) as refused:
        await zone.pumps[Role.FILL].async_run(seconds=10)
    assert refused.value.verdict == Refused(Reason.OVERFLOW, Cause.LEAK)
    assert tank.on("recirc")


@pytest.mark.parametrize(("inverted", "dry"), [(False, "OFF"), (True, "ON")])
async def test_a_float_switch_of_either_polarity_keeps_pumps_from_running_dry(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Contacts, inverted: bool, dry: str
) -> None:
    tank.tell("float", "OFF" if inverted else "ON")
    zone = await added(hass, hub, tank, float_inverted=inverted)
    assert tank.on("recirc")
    tank.tell("float", dry)
    await tank.second(8)
    assert not tank.on("recirc")
    assert zone.pumps[Role.RECIRCULATION].lock == Refused(Reason.DRY_RUN, Cause.FLOAT_OPEN)
    with pytest.raises(PumpRefusedError):
        await zone.pumps[Role.DRAIN].async_run(seconds=10)


async def test_a_contact_that_is_away_for_a_moment_stops_nothing_and_lets_nothing_begin(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Contacts
) -> None:
    zone = await added(hass, hub, tank)
    for name in ("leak", "float"):
        tank.tell(f"{name}/there", "offline")
    await tank.second(50)
    assert tank.on("recirc")
    for role in (Role.FILL, Role.DRAIN):
        with pytest.raises(PumpRefusedError):
            await zone.pumps[role].async_run(seconds=10)
    await tank.second(20)
    assert not tank.on("recirc")
    assert zone.pumps[Role.RECIRCULATION].lock is None
    tank.tell("float/there", "online")
    await tank.second(2)
    assert tank.on("recirc")


async def test_a_contact_that_is_not_heard_yet_stops_nothing_before_its_term(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Contacts
) -> None:
    await tank.find("late")
    hass.set_state(CoreState.not_running)
    zone = await add_zone(
        hass, hub, DATA | {"sensors": {"level": LEVEL, "flow_of": "fill", "float_switch": "binary_sensor.late"}}
    )
    await tank.second(100)
    hass.set_state(CoreState.running)
    await tank.second(50)
    assert tank.on("recirc")
    await tank.second(20)
    assert not tank.on("recirc")
    assert zone.pumps[Role.RECIRCULATION].lock is None


async def test_a_contact_that_is_gone_is_missing_and_lets_nothing_begin(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Contacts
) -> None:
    zone = await added(hass, hub, tank, leak="binary_sensor.nothing")
    assert zone.missing == {"leak": "binary_sensor.nothing"}
    with pytest.raises(PumpRefusedError):
        await zone.pumps[Role.FILL].async_run(seconds=10)
    zone.async_bind()
    await tank.second(10)
    assert tank.on("recirc")


async def test_pumps_that_no_zone_has_any_more_are_lent_no_contact(
    hass: HomeAssistant, hub: MockConfigEntry, tank: Contacts
) -> None:
    zone = await added(hass, hub, tank)
    fill = zone.pumps[Role.FILL]
    assert str(fill.guard.readings.leak) == "off"
    zone.async_let_go()
    assert str(fill.guard.readings.leak) == "absent"
