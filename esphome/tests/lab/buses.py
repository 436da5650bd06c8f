"""Chips that answer as the real ones do, from their datasheets, and that can be broken in the ways real ones break."""

import contextlib
import errno
import math
import os
import pty
import socket
import struct
import threading
import time
import tty
from pathlib import Path


class NotAcknowledgedError(Exception):
    """The chip does not answer to this."""


class Chip:
    """An I²C chip. `silent` does not acknowledge, `corrupt` damages checksums, `frozen` has nothing new to say."""

    def __init__(self) -> None:
        self.silent = self.corrupt = self.frozen = False

    def write(self, data: bytes) -> None:
        """What the master sends."""

    def read(self, count: int) -> bytes:
        """What the master gets."""
        return bytes(count)


def sensirion_crc(data: bytes) -> int:
    """CRC-8, polynomial 0x31, as in all of Sensirion's chips."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1 & 0xFF
    return crc


class SCD4x(Chip):
    """Sensirion SCD40/41."""

    def __init__(self) -> None:
        super().__init__()
        self.co2, self.temperature, self.humidity = 755, 24.0, 48.0
        self.command = 0
        self.calibrated: int | None = None
        self.self_calibration: int | None = None

    def write(self, data: bytes) -> None:
        if len(data) >= 2:
            self.command = struct.unpack(">H", data[:2])[0]
        if len(data) >= 4:
            [value] = struct.unpack(">H", data[2:4])
            if self.command == 0x362F:
                self.calibrated = value
            if self.command == 0x2416:
                self.self_calibration = value

    def read(self, count: int) -> bytes:
        if self.frozen and self.command == 0xEC05:
            raise NotAcknowledgedError  # so the datasheet: the buffer is empty
        raw_t, raw_h = round((self.temperature + 45) / 175 * 65535), round(self.humidity / 100 * 65535)
        words = {
            0x3682: (0x1111, 0x2222, 0x3333),
            0xE4B8: (0x8000 if self.frozen else 0x8006,),
            0xEC05: (self.co2, raw_t, raw_h),
            0x202F: (0x1408,),
            0x362F: (0x8000,),
        }.get(self.command, (0, 0, 0))
        out = b""
        for word in words:
            raw = struct.pack(">H", word)
            out += raw + bytes(
                [sensirion_crc(raw) ^ (0x5A if self.corrupt and self.command == 0xEC05 else 0)]
            )
        return out[:count].ljust(count, b"\0")


class WordRegisters(Chip):
    """Sixteen-bit registers, as Texas Instruments' current monitors have them."""

    def __init__(self, **registers: int) -> None:
        super().__init__()
        self.registers = {int(k[1:], 16): v & 0xFFFF for k, v in registers.items()}
        self.pointer = 0

    def write(self, data: bytes) -> None:
        if data:
            self.pointer = data[0]
        if len(data) == 3:
            self.registers[data[0]] = struct.unpack(">H", data[1:])[0]

    def read(self, count: int) -> bytes:
        return struct.pack(">H", self.registers.get(self.pointer, 0))[:count].ljust(count, b"\0")


class INA209(WordRegisters):
    """Shunt voltage in register 3 (10 µV), bus voltage in bits 15..3 of register 4 (4 mV); 0x01 is status."""

    def __init__(self) -> None:
        super().__init__(_0=0x399F, _1=0xFFFF)
        self.set(0, 0)

    def set(self, amps: float, volts: float, shunt: float = 0.01) -> None:
        self.registers[3] = round(amps * shunt / 10e-6) & 0xFFFF
        self.registers[4] = (round(volts / 4e-3) << 3) & 0xFFFF


class INA219(WordRegisters):
    """What else may sit at that address: eight registers, and nothing behind them."""

    def __init__(self) -> None:
        super().__init__(_0=0x399F)

    def write(self, data: bytes) -> None:
        if data and data[0] <= 5:
            super().write(data)
        elif data:
            self.pointer = 0x7F


class INA226(WordRegisters):
    """Current in register 4, scaled by what the driver wrote into register 5."""

    def __init__(self) -> None:
        super().__init__(_0=0x4127)
        self.amps, self.volts, self.shunt = 0.0, 12.0, 0.01

    def read(self, count: int) -> bytes:
        if calibration := self.registers.get(5):
            lsb = 0.00512 / (calibration * self.shunt)
            self.registers[4] = round(self.amps / lsb) & 0xFFFF
        self.registers[2] = round(self.volts / 0.00125)
        return super().read(count)


class MPU6050(Chip):
    """Byte registers, and a FIFO that fills at 1 kHz and overflows at 1024 bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.registers = {0x75: 0x68, 0x6B: 0x40}
        self.pointer = 0
        self.fifo = b""
        self.overflow = False
        self.frequency, self.velocity = 50.0, 5.0
        self.samples = 0
        self.at = time.monotonic()

    def write(self, data: bytes) -> None:
        if data:
            self.pointer = data[0]
        for i, value in enumerate(data[1:]):
            self.registers[data[0] + i] = value
            if data[0] + i == 0x6A and value & 0x04:
                self.fifo, self.overflow, self.at = b"", False, time.monotonic()

    def _fill(self) -> None:
        now = time.monotonic()
        ready = self.registers.get(0x6A, 0) & 0x40 and not self.registers.get(0x6B, 0x40) & 0x40
        if not ready:
            self.at = now
            return
        new = int((now - self.at) * 1000)
        self.at += new / 1000
        one_g = 32768 / (2 << (self.registers.get(0x1C, 0) >> 3))
        for _ in range(new):
            self.samples += 1
            t = 0.0 if self.frozen else self.samples / 1000
            a = (
                self.velocity
                / 1000
                * 2
                * math.pi
                * self.frequency
                * math.sin(2 * math.pi * self.frequency * t)
            )
            noise = 0 if self.frozen else self.samples * 7919 % 5 - 2
            z = round((9.80665 + a) / 9.80665 * one_g) + noise
            self.fifo += struct.pack(">3h", round(a / 4 / 9.80665 * one_g), 12, z)
        if len(self.fifo) > 1024:
            self.overflow = True
            self.fifo = self.fifo[-1024:]

    def read(self, count: int) -> bytes:
        self._fill()
        if self.pointer == 0x74:
            out, self.fifo = self.fifo[:count], self.fifo[count:]
            return out.ljust(count, b"\0")
        self.registers[0x72], self.registers[0x73] = divmod(len(self.fifo), 256)
        self.registers[0x3A] = 0x10 if self.overflow else 0
        if self.pointer == 0x3A:
            self.overflow = False
        return bytes(self.registers.get(self.pointer + i, 0) for i in range(count))


class Ezo(Chip):
    """Atlas EZO: text commands, and a status byte before the answer."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self.value = value
        self.commands: list[str] = []
        self.status = 1

    def write(self, data: bytes) -> None:
        if data:
            self.commands.append(data.decode(errors="replace").strip("\0"))

    def read(self, count: int) -> bytes:
        text = self.value if self.commands and self.commands[-1].upper().startswith("R") else ""
        return (bytes([self.status]) + text.encode()).ljust(count, b"\0")[:count]


class I2CBus:
    """Answers the library host/bus_fake.c."""

    def __init__(self, folder: Path, chips: dict[int, Chip]) -> None:
        self.chips = chips
        (folder / "i2c").touch()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(folder / "i2c.sock"))
        self.server.listen(4)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                code, out = 0, b""
                for _ in range(exactly(connection, 1)[0]):
                    address, flags, length = struct.unpack("<3H", exactly(connection, 6))
                    data = b"" if flags & 1 else exactly(connection, length)
                    chip = self.chips.get(address)
                    if chip is None or chip.silent:
                        code = -errno.ENXIO
                    elif flags & 1:
                        try:
                            out += chip.read(length)
                        except NotAcknowledgedError:
                            code = -errno.ENXIO
                    else:
                        chip.write(data)
                connection.sendall(struct.pack("<i", code) + (out if code == 0 else b""))

    def close(self) -> None:
        self.server.close()


def exactly(connection: socket.socket, count: int) -> bytes:
    """Read so many bytes."""
    out = b""
    while len(out) < count:
        piece = connection.recv(count - len(out))
        if not piece:
            raise EOFError
        out += piece
    return out


class Serial:
    """A UART sensor at the other end of a pseudo terminal."""

    def __init__(self, folder: Path, name: str) -> None:
        self.silent = self.corrupt = False
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        (folder / name).symlink_to(os.ttyname(self.slave))
        threading.Thread(target=self._guarded, daemon=True).start()

    def _guarded(self) -> None:
        with contextlib.suppress(OSError):
            self.run()

    def run(self) -> None:
        """The sensor's life."""

    def send(self, frame: bytes) -> None:
        """Speak, unless told to be silent."""
        if not self.silent:
            os.write(self.master, frame)

    def close(self) -> None:
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)


class MHZ19(Serial):
    """Winsen MH-Z19: answers each command of nine bytes."""

    co2 = 612

    def __init__(self, folder: Path, name: str) -> None:
        self.commands: list[int] = []
        super().__init__(folder, name)

    def run(self) -> None:
        pending = b""
        while True:
            pending += os.read(self.master, 64)
            while len(pending) >= 9:
                command, pending = pending[2], pending[9:]
                self.commands.append(command)
                if command != 0x86:
                    continue
                answer = bytes([0xFF, 0x86, self.co2 >> 8, self.co2 & 255, 40 + 23, 0, 0, 0])
                checksum = (~sum(answer[1:]) + 1) & 0xFF
                self.send(answer + bytes([checksum ^ (0x11 if self.corrupt else 0)]))


class PMS5003(Serial):
    """Plantower PMS5003 in active mode: a frame a second."""

    values = (5, 12, 20)

    def run(self) -> None:
        while True:
            body = struct.pack(">13H", *self.values, *self.values, 900, 300, 60, 8, 2, 1, 0x9700)
            frame = b"BM" + struct.pack(">H", 28) + body
            self.send(frame + struct.pack(">H", sum(frame) + (3 if self.corrupt else 0)))
            time.sleep(0.5)
