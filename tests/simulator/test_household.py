"""The devices of a house."""

from lab.simulator.house import Clock
from lab.simulator.household import Household
from lab.simulator.sensors import DECIMALS


class Silence:
    """A link that nobody listens to."""

    def publish(self, topic: str, payload: str, *, qos: int, retain: bool) -> None:
        """Send nothing."""

    def reboot(self, seconds: float) -> None:
        """Stay."""


def household() -> Household:
    return Household(clock=Clock(started=1_800_000_000.0))


def test_the_first_eight_devices_cover_every_kind() -> None:
    kinds = [identity.device_type for identity in household().identities(8)]

    assert sorted(kinds) == ["co2", "co2", "co2", "dust", "multi", "pump", "temp", "vibration"]


def test_every_device_of_a_large_house_is_another() -> None:
    identities = household().identities(1000)

    assert len({identity.uid for identity in identities}) == 1000
    assert len({identity.mac for identity in identities}) == 1000
    assert len({(identity.area, identity.name) for identity in identities}) == 1000


def test_every_device_measures_all_that_it_promises() -> None:
    house = household()
    for identity in house.identities(8):
        device = house.make(identity, Silence())
        assert set(device.measure(1_800_000_010.0)) == set(device.sensors.names)


def test_devices_in_one_room_breathe_the_same_air() -> None:
    house = household()

    assert house.room("Kitchen") is house.room("Kitchen")
    assert house.room("Kitchen") is not house.room("Office")


def test_a_code_has_eight_digits() -> None:
    house = household()
    codes = {house.new_code() for _ in range(200)}

    assert {len(code) for code in codes} == {8}
    assert all(code.isdecimal() for code in codes)


def test_vibration_stops_with_the_pump() -> None:
    house = household()
    identity = next(one for one in house.identities(8) if one.device_type == "vibration")
    device = house.make(identity, Silence())
    running = device.measure(1_800_000_010.0)
    house.rack().pumps["pump_recirc"].on = False

    standing = device.measure(1_800_000_020.0)

    assert running["vibration_rms"] > 1 > standing["vibration_rms"]
    assert standing["vibration_frequency"] == 0


def test_a_metric_without_decimals_is_a_whole_number() -> None:
    house = household()
    device = house.make(house.identity("multi", "Kitchen"), Silence())
    values = device.measure(1_800_000_010.0)

    assert {name for name, value in values.items() if isinstance(value, int)} == {
        name for name in values if not DECIMALS[name]
    }


def test_a_day_passes_while_a_person_watches() -> None:
    house = household()
    device = house.make(house.identity("co2", "Office"), Silence())
    readings = [device.measure(1_800_000_000.0 + second)["co2"] for second in range(0, 24 * 60, 10)]

    assert min(readings) < 500
    assert max(readings) > 1000


def test_each_pump_node_has_a_rack_of_its_own_with_its_letter() -> None:
    house = household()
    nodes = [house.make(house.identity("pump", "Greenhouse"), Silence()) for _ in range(2)]

    assert [node.identity.name for node in nodes] == ["Rack A pumps", "Rack B pumps"]
    assert nodes[0].sensors.rack is house.rack(1)
    assert nodes[1].sensors.rack is not house.rack(1)


def test_the_vibration_node_hangs_on_the_pump_of_the_first_rack() -> None:
    house = household()
    device = house.make(house.identity("vibration", "Greenhouse"), Silence())

    assert device.sensors.pump is house.rack(1).pumps["pump_recirc"]
