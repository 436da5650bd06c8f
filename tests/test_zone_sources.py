"""A zone of other people's switches and sensors: units, ages, and what counts as unknown."""

from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall, State
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.const import DOMAIN
from custom_components.smartair.pysmartair.safety import Role
from custom_components.smartair.pysmartair.water.model import Failed, NormalRecirc
from custom_components.smartair.pysmartair.water.tank import Tank
from custom_components.smartair.zones.sources import Trouble, read
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .zone_rack import add_zone, rack_of, settings

DATA: dict[str, Any] = {
    "pumps": {"recirculation": "switch.recirc", "fill": "switch.fill", "drain": "switch.drain"},
    "sensors": {"level": "sensor.level", "flow": "sensor.flow", "ec": "sensor.ec", "flow_of": "fill"},
    "limits": {"stale_after": 30},
    "water_cycle": {"stabilize_minutes": 1},
}


class House:
    """Switches that switch, and a tank that follows them."""

    def __init__(self, hass: HomeAssistant, wait: Wait) -> None:
        """Begin with a full tank."""
        self.hass = hass
        self.wait = wait
        self.level = 80.0
        self.silent = False
        for name, on in (("recirc", "on"), ("fill", "off"), ("drain", "off")):
            hass.states.async_set(f"switch.{name}", on)
        for service in ("turn_on", "turn_off"):
            hass.services.async_register("switch", service, self._switch)
        self.report()

    async def _switch(self, call: ServiceCall) -> None:
        self.hass.states.async_set(call.data["entity_id"], call.service.removeprefix("turn_"))

    def on(self, name: str) -> bool:
        state = self.hass.states.get(f"switch.{name}")
        return state is not None and state.state == "on"

    def report(self) -> None:
        flow = 6.0 if self.on("fill") else 0.0
        self.hass.states.async_set("sensor.level", f"{self.level:.0f}", {"unit_of_measurement": "%"})
        self.hass.states.async_set("sensor.flow", str(flow * 60), {"unit_of_measurement": "L/h"})
        self.hass.states.async_set("sensor.ec", "1800", {"unit_of_measurement": "µS/cm"})

    async def second(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.level += self.on("fill") - self.on("drain")
            await self.wait(1)
            if not self.silent:
                self.report()
                await self.hass.async_block_till_done(wait_background_tasks=True)

    async def until(self, zone: Zone, kind: str) -> None:
        for _ in range(300):
            if type(zone.memory.state).__name__ == kind:
                return
            await self.second()
        raise AssertionError(f"{kind} did not come: {zone.memory.state}")


@pytest.fixture
def house(hass: HomeAssistant, wait: Wait) -> House:
    """A house with a rack that is not SmartAir's."""
    return House(hass, wait)


@pytest.fixture
async def zone(hass: HomeAssistant, hub: MockConfigEntry, house: House) -> Zone:
    """A zone of it."""
    zone = await add_zone(hass, hub, DATA)
    await house.second(2)
    return zone


async def test_a_water_change_with_other_peoples_switches_and_sensors(
    hass: HomeAssistant, hub: MockConfigEntry, house: House, zone: Zone
) -> None:
    assert zone.value("ec") == 1.8
    assert zone.value("flow") == 0.0
    assert zone.value("ph") is None
    await zone.async_start_change()
    await house.until(zone, "Fill")
    assert not house.on("drain")
    assert house.level <= 15
    await house.until(zone, "Stabilize")
    assert not house.on("fill")
    await house.until(zone, "NormalRecirc")
    assert house.on("recirc")
    made = zone.memory.made
    assert made is not None
    assert made.ec == 1.8
    assert made.filled_l is not None
    assert made.filled_l == pytest.approx(6.9, abs=1)
    assert hub.runtime_data.pumps.usage.total(zone=zone.zone_id, role=Role.FILL).litres == pytest.approx(
        made.filled_l
    )


async def test_a_reload_in_a_change_stops_other_peoples_switches_too(
    hass: HomeAssistant, hub: MockConfigEntry, house: House, zone: Zone
) -> None:
    await zone.async_start_change()
    await house.second(5)
    assert house.on("drain")
    assert await hass.config_entries.async_reload(hub.entry_id)
    await house.second(3)
    assert not house.on("drain")
    assert house.on("recirc")
    assert isinstance(hub.runtime_data.zones[zone.zone_id].memory.state, Failed)


async def test_a_switch_that_cannot_be_reached_fails_the_change(
    hass: HomeAssistant, house: House, zone: Zone
) -> None:
    await zone.async_start_change()
    await house.second(5)
    hass.states.async_set("switch.drain", "unavailable")
    await house.second(40)
    assert isinstance(zone.memory.state, Failed)


async def test_a_slow_sensor_is_no_proof_that_nothing_flows(
    hass: HomeAssistant, hub: MockConfigEntry, house: House
) -> None:
    zone = await add_zone(hass, hub, DATA | {"sensors": {"level": "sensor.level"}, "limits": {"stale_after": 200}})
    await house.second(2)
    drain = zone.pumps[Role.DRAIN]
    await drain.async_run(seconds=85)
    house.silent = True
    # Not for as long as was set for showing: within a minute a drain is blind, whatever else is allowed to it (S6).
    await house.second(55)
    assert (drain.lock, drain.is_on) == (None, True), "it has not said anything since"
    house.silent = False
    for _ in range(20):
        house.level = 81.0
        await house.second()
    assert drain.lock is not None, "it has, and that is where it was"


async def test_one_bad_reading_is_one_reading_however_long_it_stands(zone: Zone, house: House) -> None:
    drain = zone.pumps[Role.DRAIN]
    await drain.async_run(seconds=60)
    await house.second(10)
    level, house.level = house.level, 2.0
    house.report()
    house.level, house.silent = level, True
    await house.second(8)
    house.silent = False
    await house.second(5)
    assert (drain.lock, drain.is_on) == (None, True)
    for _ in range(6):
        house.level = 3.0
        await house.second()
    assert drain.lock is not None
    assert not house.on("drain")


async def test_a_sensor_that_repeats_itself_is_alive_and_one_that_is_silent_is_not(
    hass: HomeAssistant, house: House, zone: Zone
) -> None:
    await house.second(60)
    count = zone.sources["level"].count
    assert zone.value("level") == 80
    await house.second()
    assert zone.sources["level"].count == count + 1
    house.silent = True
    await house.second(31)
    assert zone.value("level") is None
    with pytest.raises(ServiceValidationError) as refused:
        await zone.async_start_change()
    assert refused.value.translation_key == "change_refused_pump_unwatched"
    assert zone.memory.state == NormalRecirc()


TANK = Tank(volume_l=40.0, height_cm=50.0)
ABOVE = Tank(height_cm=50.0, above_cm=5.0)


@pytest.mark.parametrize(
    ("what", "said", "unit", "value"),
    [
        ("level", "80", "%", 80.0),
        ("level", "-0.8", "%", -0.8),
        ("level", "100.6", "%", 100.6),
        ("level", "unknown", "%", Trouble.NO_VALUE),
        ("level", "unavailable", None, Trouble.UNAVAILABLE),
        ("level", "nan", "%", Trouble.RANGE),
        ("level", "inf", "%", Trouble.RANGE),
        ("level", "1e9", "%", Trouble.RANGE),
        ("level", "46", "cm", 92.0),
        ("level", "0.46", "m", 92.0),
        ("level", "460", "mm", 92.0),
        ("level", "10", "in", 50.8),
        ("level", "30", "L", 75.0),
        ("level", "30000", "mL", 75.0),
        ("level", "0.03", "m³", 75.0),
        ("level", "5", "gal", 47.3),
        ("level", "80", None, Trouble.UNIT),
        ("level", "80", "", Trouble.UNIT),
        ("level", "80", "hPa", Trouble.UNIT),
        ("ph", "6.1", None, 6.1),
        ("ph", "6.1", "pH", 6.1),
        ("ph", "400", "mV", Trouble.UNIT),
        ("ec", "1.8", "mS/cm", 1.8),
        ("ec", "1800", "\u00b5S/cm", 1.8),
        ("ec", "1800", "\u03bcS/cm", 1.8),
        ("ec", "1.8", None, Trouble.UNIT),
        ("ec", "900", "ppm", Trouble.UNIT),
        ("flow", "60", "L/h", 1.0),
        ("flow", "0.06", "m³/h", 1.0),
        ("flow", "60", "Hz", Trouble.UNIT),
        ("temperature", "68", "°F", 20.0),
        ("temperature", "20", "%", Trouble.UNIT),
        ("temperature", "", "°C", Trouble.NO_NUMBER),
    ],
)
def test_what_a_sensor_says_is_converted_or_not_understood(
    what: str, said: str, unit: str | None, value: float | Trouble
) -> None:
    attributes = {} if unit is None else {"unit_of_measurement": unit}
    found = read(what, State("sensor.any", said, attributes), TANK)
    assert found == (value if isinstance(value, Trouble) else pytest.approx(value, abs=0.05))


@pytest.mark.parametrize(("said", "unit"), [("46", "cm"), ("30", "L")])
def test_a_level_in_another_unit_is_no_level_without_the_measures_of_the_tank(said: str, unit: str) -> None:
    assert read("level", State("sensor.any", said, {"unit_of_measurement": unit}), Tank()) is Trouble.MEASURES


@pytest.mark.parametrize(("said", "level"), [("5", 100.0), ("55", 0.0), ("30", 50.0), ("4.5", 101.0)])
def test_a_distance_from_above_is_a_level(said: str, level: float) -> None:
    assert read("level", State("sensor.any", said, {"unit_of_measurement": "cm"}), ABOVE) == pytest.approx(level)


async def test_a_sensor_without_an_id_of_its_own_is_missing_only_once_home_assistant_runs(
    hass: HomeAssistant, hub: MockConfigEntry, house: House, zone: Zone
) -> None:
    hass.states.async_remove("sensor.ec")
    zone.async_bind()
    assert zone.missing == {"ec": "sensor.ec"}
    house.silent = True
    await house.second(31)
    assert zone.value("ec") is None


async def test_a_sensor_and_a_switch_that_come_late_without_an_id_of_their_own_are_taken_up(
    hass: HomeAssistant, hub: MockConfigEntry, house: House, zone: Zone, issue_registry: ir.IssueRegistry
) -> None:
    house.silent = True
    gone = ("sensor.ec", "switch.fill")
    for entity_id in gone:
        hass.states.async_remove(entity_id)
    zone.async_bind()
    assert set(zone.missing) == {"ec", "fill"}
    await house.second(30)
    hass.states.async_set("sensor.ec", "1700", {"unit_of_measurement": "µS/cm"})
    hass.states.async_set("switch.fill", "off")
    await hass.async_block_till_done()
    assert zone.missing == {}
    assert zone.value("ec") == 1.7
    assert not [issue for domain, issue in issue_registry.issues if domain == DOMAIN and "missing" in issue]
    await zone.pumps[Role.FILL].async_stop()
    count = zone.sources["ec"].count
    hass.states.async_set("sensor.ec", "1750", {"unit_of_measurement": "µS/cm"})
    await hass.async_block_till_done()
    assert (zone.value("ec"), zone.sources["ec"].count) == (1.75, count + 1), "it is listened to once"


async def test_the_level_of_another_device_is_lent_to_the_pumps(
    hass: HomeAssistant, hub: MockConfigEntry, house: House, zone: Zone
) -> None:
    drain = zone.pumps[Role.DRAIN]
    level = drain.guard.readings.level
    assert level is not None
    assert level.value == 80
    assert zone.pumps[Role.FILL].guard.readings.flow is not None
    assert drain.guard.readings.flow is None


async def usage(hass: HomeAssistant, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, "get_water_usage", data, blocking=True, return_response=True)


async def test_water_usage_is_told_by_zone_by_node_and_by_pump(
    hass: HomeAssistant,
    broker: MqttMockHAClient,
    hub: MockConfigEntry,
    wait: Wait,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    rack = await rack_of(hass, broker, hub, wait)
    zone = await add_zone(hass, hub, settings(hass, hub))
    rack.level = 50.0
    await rack.second(2)
    await zone.pumps[Role.FILL].async_run(seconds=30)
    await rack.second(3)
    rack.node.end("pump_fill", seconds=3.0, litres=1.5)
    await rack.second(2)
    told = await usage(hass)
    (run,) = told["runs"]
    assert (run["zone"], run["device"], run["channel"], run["role"]) == ("Tent", "rack_a", "pump_fill", "fill")
    assert (run["litres"], run["seconds"], run["ended_by"]) == (1.5, 3.0, "finished")
    (day,) = told["days"]
    assert (day["date"], day["litres"], day["runs"]) == ("2026-09-21", 1.5, 1)
    node = hub.runtime_data.devices["rack_a"].device_id
    pumps = [
        device.id
        for channel in ("pump_fill", "pump_drain")
        if (
            device := device_registry.async_get_child_device_by_identifier(
                (DOMAIN, f"rack_a:{channel}"), hub.entry_id
            )
        )
    ]
    by_pump = [await usage(hass, device_id=one) for one in pumps]
    assert sorted(len(one["runs"]) for one in by_pump) == [0, 1]
    for device_id in (zone.device_id, node):
        assert await usage(hass, device_id=device_id) == told
    assert await usage(hass, device_id=[zone.device_id, node]) == told
    assert await usage(hass, end="2026-09-01 00:00:00") == {"runs": [], "days": []}


async def test_water_usage_of_what_is_no_zone_or_ends_before_it_begins_is_refused(
    hass: HomeAssistant, hub: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError) as refused:
        await usage(hass, device_id="nothing")
    assert refused.value.translation_key == "not_a_water_device"
    with pytest.raises(ServiceValidationError) as refused:
        await usage(hass, start="2026-09-02 00:00:00", end="2026-09-01 00:00:00")
    assert refused.value.translation_key == "end_before_start"
