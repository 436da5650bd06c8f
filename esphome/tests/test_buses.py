"""Real I²C and UART drivers, from emulated chips to telemetry: good values, damaged ones, silence, and hung sensors."""

import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.broker import Broker
from lab.build import host_image
from lab.buses import INA209, INA219, INA226, MHZ19, MPU6050, PMS5003, Chip, Ezo, I2CBus, SCD4x
from lab.device import Device
from lab.ears import Ears
from lab.preload import library


class Light(Chip):
    """BH1750: the count of the last measurement."""

    def read(self, count: int) -> bytes:
        return struct.pack(">H", 1200)[:count]


class Lab:
    """A device with all its chips."""

    def __init__(self, image: Path, folder: Path, broker: Broker, uid: str, chips: dict[int, Chip]) -> None:
        # A Unix socket's path is short.
        self.bus = Path(tempfile.mkdtemp(prefix="bus"))
        self.chips = chips
        self.i2c = I2CBus(self.bus, chips)
        self.device = Device(
            image, folder, broker.port, LD_PRELOAD=str(library("bus_fake")), SMARTAIR_BUS=str(self.bus)
        )
        self.ears = Ears(broker.port, uid)

    def sees(self, since: int | None = None, timeout: float = 12, **values: object) -> dict:
        return self.ears.wait(
            "telemetry",
            lambda m: (
                "buffered" not in m
                and all(m[k] == pytest.approx(v, abs=0.02, rel=0.002) for k, v in values.items())
            ),
            since=self.ears.mark() if since is None else since,
            timeout=timeout,
        )

    def loses(self, *metrics: str, timeout: float = 12) -> dict:
        return self.ears.wait(
            "telemetry",
            lambda m: "buffered" not in m and not any(k in m for k in metrics),
            since=self.ears.mark(),
            timeout=timeout,
        )

    def close(self) -> None:
        self.device.power_cut()
        self.ears.close()
        self.i2c.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Lab]:
    chips = {0x62: SCD4x(), 0x40: INA209(), 0x68: MPU6050(), 99: Ezo("5.87"), 100: Ezo("1830"), 0x23: Light()}
    lab = Lab(host_image("bus"), tmp_path_factory.mktemp("device"), broker, "multi-025a00000001", chips)
    lab.pms = PMS5003(lab.bus, "pms")
    chips[0x40].set(1.25, 12.1)
    try:
        lab.device.start()
        lab.sees(since=0, timeout=25, co2=755, pm25=12, ph=5.87)
        yield lab
    finally:
        lab.close()


@pytest.fixture(autouse=True)
def mended(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every chip works again after the test that broke it."""
    yield
    for name in ("lab", "lab2"):
        if name in request.fixturenames:
            lab = request.getfixturevalue(name)
            for part in (*lab.chips.values(), getattr(lab, "pms", None), getattr(lab, "mhz", None)):
                if part is not None:
                    part.silent = part.corrupt = part.frozen = False


def test_good_values_arrive_as_they_are(lab: Lab) -> None:
    message = lab.sees(
        co2=755, temperature=24.0, humidity=48.0, pm1=5, pm25=12, pm10=20, ph=5.87, ec=1.83, pump_current=1250
    )
    assert message["lux"] == pytest.approx(135.8, abs=35)


def test_the_scd4x_is_told_not_to_calibrate_itself(lab: Lab) -> None:
    assert lab.chips[0x62].self_calibration == 0


def test_a_calibration_command_reaches_the_chip(lab: Lab) -> None:
    time.sleep(1)
    assert lab.ears.command("calibrate", metric="co2", reference=430)["status"] == "DONE"
    end = time.monotonic() + 8
    while lab.chips[0x62].calibrated is None and time.monotonic() < end:
        time.sleep(0.1)
    assert lab.chips[0x62].calibrated == 430
    lab.sees(co2=755, timeout=20)


@pytest.mark.parametrize("fault", ["silent", "corrupt", "frozen"])
def test_a_broken_scd4x_disappears_and_comes_back(lab: Lab, fault: str) -> None:
    setattr(lab.chips[0x62], fault, True)
    message = lab.loses("co2", "temperature", "humidity")
    assert message["pm25"] == 12, "the others stay"
    setattr(lab.chips[0x62], fault, False)
    lab.chips[0x62].co2 = 801
    lab.sees(co2=801)
    lab.chips[0x62].co2 = 755


@pytest.mark.parametrize("fault", ["silent", "corrupt"])
def test_a_broken_pms5003_disappears_and_comes_back(lab: Lab, fault: str) -> None:
    setattr(lab.pms, fault, True)
    assert lab.loses("pm1", "pm25", "pm10")["co2"] == 755
    setattr(lab.pms, fault, False)
    lab.sees(pm25=12)


def test_a_silent_ezo_disappears_and_comes_back(lab: Lab) -> None:
    lab.chips[99].silent = True
    assert lab.loses("ph")["ec"] == pytest.approx(1.83)
    lab.chips[99].silent = False
    lab.sees(ph=5.87)


@pytest.mark.parametrize("status", [2, 255])
def test_an_ezo_that_has_no_reading_gives_none(lab: Lab, status: int) -> None:
    lab.chips[99].status = status
    try:
        lab.loses("ph")
    finally:
        lab.chips[99].status = 1
    lab.sees(ph=5.87)


def test_ph_is_compensated_for_the_temperature_of_the_water(lab: Lab) -> None:
    end = time.monotonic() + 12
    while not any(c.startswith("T,21.5") for c in lab.chips[99].commands) and time.monotonic() < end:
        time.sleep(0.2)
    assert any(c.startswith("T,21.5") for c in lab.chips[99].commands)


@pytest.mark.parametrize(("amps", "volts"), [(0.0, 12.0), (1.25, 12.1), (6.5, 24.0), (-0.4, 5.0)])
def test_the_ina209_measures_current_voltage_and_power(lab: Lab, amps: float, volts: float) -> None:
    since = len(lab.device.lines)
    lab.chips[0x40].set(amps, volts)
    lab.sees(pump_current=amps * 1000)
    lab.device.wait_line(f"'bus' >> {volts:.2f} V", since=since)
    lab.device.wait_line(f"'power' >> {volts * amps:.2f} W".replace("-0.00", "0.00"), since=since)
    lab.device.wait_line(f"'shunt' >> {amps * 0.01:.5f} V", since=since)


def test_a_silent_ina209_gives_no_current_and_one_that_lost_power_is_set_up_again(lab: Lab) -> None:
    chip = lab.chips[0x40]
    configured = chip.registers[0]
    chip.silent = True
    lab.loses("pump_current")
    chip.silent = False
    chip.registers[0] = 0x399F
    chip.set(2, 12)
    lab.sees(pump_current=2000)
    assert chip.registers[0] == configured


def test_the_mpu6050_is_read_at_a_kilohertz_through_its_fifo(lab: Lab) -> None:
    chip = lab.chips[0x68]
    assert chip.registers[0x23] == 0x08
    assert chip.registers[0x19] == 0
    chip.frequency, chip.velocity = 60.0, 8.0
    time.sleep(3)
    since = lab.ears.mark()
    message = lab.ears.wait(
        "telemetry",
        lambda m: abs(m["vibration_frequency"] - 60) < 0.6 and abs(m["vibration_rms"] - 5.66) < 0.6,
        since=since,
    )
    assert message["vibration_peak"] == pytest.approx(8, rel=0.15)
    assert message["vibration_crest"] == pytest.approx(1.41, rel=0.15)


@pytest.mark.parametrize("fault", ["silent", "frozen"])
def test_a_broken_mpu6050_disappears_and_comes_back(lab: Lab, fault: str) -> None:
    setattr(lab.chips[0x68], fault, True)
    assert lab.loses("vibration_rms", "vibration_frequency", timeout=15)["co2"] == 755
    setattr(lab.chips[0x68], fault, False)
    lab.ears.wait("telemetry", lambda m: m["vibration_rms"] > 1, since=lab.ears.mark(), timeout=15)


def test_an_mpu6050_that_lost_power_is_woken_again(lab: Lab) -> None:
    chip = lab.chips[0x68]
    lab.ears.wait("telemetry", lambda m: m["vibration_rms"] > 1, timeout=10)
    chip.registers = {0x75: 0x68, 0x6B: 0x40}
    end = time.monotonic() + 8
    while chip.registers.get(0x6B) != 0x01 and time.monotonic() < end:
        time.sleep(0.05)
    assert chip.registers[0x6B] == 0x01
    time.sleep(4)
    lab.ears.wait("telemetry", lambda m: m["vibration_rms"] > 1, since=lab.ears.mark(), timeout=15)


def test_an_ina219_in_the_place_of_an_ina209_is_not_believed(
    tmp_path: Path, broker: Broker, lab: Lab
) -> None:
    lab.device.power_cut()
    wrong = lab.chips[0x40]
    lab.chips[0x40] = INA219()
    since = lab.ears.mark()
    try:
        lab.device.start()
        lab.device.wait_line("no INA209 answers")
        assert "pump_current" not in lab.sees(since=since, co2=755, timeout=20)
    finally:
        lab.device.power_cut()
        lab.chips[0x40] = wrong
        lab.device.start()


# ---- the drivers that share ids with the first ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab2(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Lab]:
    chips = {0x40: INA226(), 0x41: INA226(), 0x44: INA226()}
    lab = Lab(host_image("bus2"), tmp_path_factory.mktemp("device2"), broker, "co2-025a00000001", chips)
    lab.mhz = MHZ19(lab.bus, "mhz19")
    chips[0x40].amps = 0.8
    try:
        lab.device.start()
        lab.sees(since=0, timeout=25, co2=612)
        yield lab
    finally:
        lab.close()


def test_the_mh_z19_and_the_ina226_are_read(lab2: Lab) -> None:
    message = lab2.sees(co2=612)
    assert message["pump_current"] == pytest.approx(800, abs=2)
    assert 0x79 in lab2.mhz.commands, "its baseline correction is switched off"


@pytest.mark.parametrize("fault", ["silent", "corrupt"])
def test_a_broken_mh_z19_disappears_and_comes_back(lab2: Lab, fault: str) -> None:
    setattr(lab2.mhz, fault, True)
    assert "pump_current" in lab2.loses("co2")
    setattr(lab2.mhz, fault, False)
    lab2.sees(co2=612)


def test_a_silent_ina226_gives_no_current(lab2: Lab) -> None:
    lab2.chips[0x40].silent = True
    assert lab2.loses("pump_current")["co2"] == 612
    lab2.chips[0x40].silent = False
    lab2.sees(pump_current=800)


def test_the_mh_z19_is_calibrated_only_to_fresh_air(lab2: Lab) -> None:
    lab2.ears.command("calibrate", metric="co2", reference=900)
    lab2.ears.wait("event", {"event": "calibration_refused"})
    assert 0x87 not in lab2.mhz.commands
    lab2.ears.command("calibrate", metric="co2", reference=400)
    end = time.monotonic() + 3
    while 0x87 not in lab2.mhz.commands and time.monotonic() < end:
        time.sleep(0.05)
    assert 0x87 in lab2.mhz.commands
