"""Every product file through ESPHome's own checks, what must be refused, and what an ESP32 build is made of."""

from collections.abc import Callable
from pathlib import Path
import re
import shutil

import pytest

from lab.build import ESPHOME, esphome, tree

DEVICES = sorted(p.name for p in (ESPHOME / "devices").glob("*.yaml") if p.name != "secrets.yaml")
PRODUCTS = [name for name in DEVICES if not name.endswith(".factory.yaml")]
LOCAL = ("-s", "components_source", "../components")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


# What a first flash without credentials is bound to be told: the window closes both.
KNOWN = ("encryption key provisioned at runtime", "'provisioning' is configured with a WiFi access point")


def test_there_is_a_factory_file_for_every_product() -> None:
    assert {p.removesuffix(".yaml") for p in PRODUCTS} == {
        "air-monitor", "co2-mhz19", "co2-scd4x", "co2-senseair", "dust-pms5003", "dust-sps30", "temp-ds18b20", "temp-mux",
        "vibration-node", "zone-node",
    }  # fmt: skip
    assert set(DEVICES) == {*PRODUCTS, *(p.removesuffix(".yaml") + ".factory.yaml" for p in PRODUCTS)}


@pytest.mark.parametrize("name", DEVICES)
def test_esphome_takes_the_file(name: str, source: Path, data: Path) -> None:
    result = esphome(*LOCAL, "config", str(source / "devices" / name), data=data)
    assert result.returncode == 0, result.stdout[-3000:]
    text = result.stdout
    warnings = [
        x
        for x in text.splitlines()
        if "WARNING" in x and not (name.endswith(".factory.yaml") and any(k in x for k in KNOWN))
    ]
    assert warnings == []
    assert re.search(r"clean_session: true", text)
    assert len(re.findall(r"reboot_timeout: 0s", text)) >= 2, "Wi-Fi and MQTT must not restart the device"
    factory = name.endswith(".factory.yaml")
    assert ("dashboard_import:" in text) is factory
    assert ("improv_serial:" in text) is factory
    assert ("captive_portal:" in text) is factory
    assert ("provisioning:" in text) is factory
    assert ("signed_ota_verification:" in text) is not factory
    assert "hardware_uart: UART0" in text, "the socket of a DevKit"
    assert "web_server" not in text.replace("web_server_base", ""), "an update page for whoever is near"
    if name.startswith("zone-node"):
        assert "power_save_mode: NONE" in text, "a stop must not wait until the radio wakes up"


# ---- what must not be built ---------------------------------------------------------------------------------------


def change(path: str, old: str, new: str) -> Callable[[Path], None]:
    """One change in one file; the place must be there."""

    def apply(source: Path) -> None:
        file = source / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new, 1))

    return apply


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    """Several changes, one after the other."""

    def apply(source: Path) -> None:
        for each in changes:
            each(source)

    return apply


def cut(path: str, start: str) -> Callable[[Path], None]:
    """Everything from here to the end of the file."""

    def apply(source: Path) -> None:
        file = source / path
        text = file.read_text()
        file.write_text(text[: text.index(start)])

    return apply


ZONE = "packages/logic/zone.yaml"
BASE = "packages/base.yaml"
NODE = "devices/zone-node.yaml"
WRONG = {
    "recirculation on a normally open contact": (
        change(ZONE, "relay_contact: normally_closed", "relay_contact: normally_open"),
        "a recirculation pump must hang on a normally closed contact",
    ),
    "filling on a normally closed contact": (
        change(
            ZONE,
            "relay: relay_fill\n    relay_contact: normally_open",
            "relay: relay_fill\n    relay_contact: normally_closed",
        ),
        "a fill pump must hang on a normally open contact",
    ),
    "recirculation without max_off": (
        change(ZONE, "    max_off: ${recirc_max_off}\n", ""),
        "max_off is required for a recirculation pump",
    ),
    "filling without max_level": (
        change(ZONE, "    max_level: ${max_level}\n", ""),
        "max_level is required for a fill pump",
    ),
    "filling without max_run": (
        change(ZONE, "    max_run: ${fill_max_run}\n", ""),
        "max_run is required for a fill pump",
    ),
    "draining without max_run": (
        change(ZONE, "    max_run: ${drain_max_run}\n", ""),
        "max_run is required for a drain pump",
    ),
    "a current sensor without its limit": (
        change(ZONE, "    max_current: ${recirc_max_current}\n", ""),
        "current and max_current are only of use together",
    ),
    "a flow sensor without its limit": (
        change(ZONE, "    min_flow: ${min_flow}\n", ""),
        "flow and min_flow are only of use together",
    ),
    "a level sensor without a minimum": (
        change(ZONE, "    min_level: ${min_level}\n", ""),
        "min_level is required for a recirculation pump",
    ),
    "draining with neither level nor float switch": (
        change(ZONE, "    level: level\n    min_level: ${empty_level}\n", ""),
        "needs level or float_switch",
    ),
    "draining on a normally closed contact": (
        change(
            ZONE,
            "relay: relay_drain\n    relay_contact: normally_open",
            "relay: relay_drain\n    relay_contact: normally_closed",
        ),
        "a drain pump must hang on a normally open contact",
    ),
    "a switch on a pump's relay": (
        change(NODE, "smartair:\n", "switch:\n  - {platform: output, name: x, output: relay_fill}\n\nsmartair:\n"),
        "switch uses the relay relay_fill: that would be a second way to the pump",
    ),
    "an automation that writes a pump's relay": (
        change(
            NODE,
            "smartair:\n",
            "interval:\n  - interval: 1h\n    then:\n      - output.turn_on: relay_fill\n\nsmartair:\n",
        ),
        "interval uses the relay relay_fill",
    ),
    "a lambda that writes a pump's relay": (
        change(
            NODE,
            "smartair:\n",
            "interval:\n  - interval: 1h\n    then:\n      - lambda: id(relay_fill).turn_on();\n\nsmartair:\n",
        ),
        "interval uses the relay relay_fill",
    ),
    "another output in front of a pump's relay": (
        change(
            "packages/sensors/relays.yaml",
            "output:\n",
            "output:\n  - platform: template\n    id: back_door\n    type: binary\n    write_action:\n      - output.turn_on: relay_drain\n",
        ),
        "output uses the relay relay_drain",
    ),
    "a relay behind an expander": (
        both(
            change(
                "packages/sensors/relays.yaml", "${pin_relay_fill}", "{pcf8574: far, number: 2, mode: {output: true}}"
            ),
            change(NODE, "smartair:\n", "pcf8574:\n  - id: far\n\nsmartair:\n"),
        ),
        "the relay relay_fill must be on a pin of the chip itself",
    ),
    "publishing that may block the main loop": (
        change("packages/net/wifi.yaml", "idf_send_async: true", "idf_send_async: false"),
        "idf_send_async: must be true on a device with pumps",
    ),
    "one relay for two pumps": (
        change(ZONE, "relay: relay_fill", "relay: relay_drain"),
        "is used by two pumps",
    ),
    "one channel twice": (change(ZONE, "channel: pump_fill", "channel: pump_drain"), "is used by two pumps"),
    "one pin for two relays": (
        change("packages/boards/esp32_s3.yaml", "pin_relay_fill: GPIO16", "pin_relay_fill: GPIO15"),
        "used in multiple places",
    ),
    "a longest pause of a day": (
        change(ZONE, "recirc_max_off: 30min", "recirc_max_off: 24h"),
        "value must be at most",
    ),
    "a run of a day": (change(ZONE, "fill_max_run: 20min", "fill_max_run: 24h"), "value must be at most"),
    "a level above the rim": (
        change(ZONE, 'max_level: "95"', 'max_level: "140"'),
        "value must be at most 100",
    ),
    "a session that the broker keeps": (
        change(BASE, "clean_session: true", "clean_session: false"),
        "clean_session: must be true",
    ),
    "a restart when the broker is away": (
        change(BASE, "reboot_timeout: 0s", "reboot_timeout: 15min"),
        "reboot_timeout: must be 0s",
    ),
    "a restart when the network is away": (
        change("packages/net/wifi.yaml", "reboot_timeout: 0s", "reboot_timeout: 15min"),
        "wifi: reboot_timeout: must be 0s on a device with pumps",
    ),
    "a web server beside pumps": (
        change("devices/zone-node.yaml", "smartair:\n", "web_server:\n\nsmartair:\n"),
        "web_server must not be on a device with pumps",
    ),
    "a pump node that sleeps": (
        change("devices/zone-node.yaml", "smartair:\n", "deep_sleep:\n  run_duration: 10s\n\nsmartair:\n"),
        "deep_sleep must not be on a device with pumps",
    ),
    "a metric nobody knows": (
        change(ZONE, "metric: lux", "metric: brightness"),
        "Unknown value 'brightness'",
    ),
    "a metric twice": (change(ZONE, "metric: lux", "metric: ph"), "the metric ph is given twice"),
    "a uid that is no topic level": (change(BASE, 'uid: ""', 'uid: "rack/1"'), "a uid is 1 to 64 letters"),
    "a topic root with a wildcard": (
        change(BASE, "topic_root: devices", "topic_root: dev/+"),
        "Wildcards can not be used",
    ),
    "an unsafe protection against downgrades": (
        cut("packages/net/signed.yaml", "      signed_ota_verification:"),
        "requires 'signed_ota_verification' to be enabled",
    ),
    "a version that cannot be compared": (
        change(BASE, 'version: "1.0.0"', 'version: "1.0-beta"'),
        "dotted-numeric",
    ),
    "an unknown signature scheme for the chip": (
        change("packages/net/signed.yaml", "signing_scheme: rsa3072", "signing_scheme: ecdsa256"),
        "ecdsa256",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_unsafe_configurations_are_refused_with_their_reason(
    what: str, source: Path, data: Path, tmp_path: Path
) -> None:
    wrong, message = WRONG[what]
    shutil.copytree(source, tmp_path / "source")
    wrong(tmp_path / "source")
    result = esphome(*LOCAL, "config", str(tmp_path / "source/devices/zone-node.yaml"), data=data)
    assert result.returncode != 0, "it was taken"
    # ESPHome breaks long messages over several lines.
    assert message in " ".join(result.stdout.split()), result.stdout


# ---- what an ESP32 build is made of -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["zone-node.yaml", "co2-mhz19.yaml", "co2-scd4x.yaml", "vibration-node.yaml"])
def test_an_esp32_build_can_roll_back_and_takes_signed_images_only(name: str, source: Path, tmp_path: Path) -> None:
    result = esphome(*LOCAL, "compile", "--only-generate", str(source / "devices" / name), data=tmp_path)
    assert result.returncode == 0, result.stdout[-3000:]
    [build] = (tmp_path / "build").iterdir()
    [sdkconfig] = [p for p in build.glob("sdkconfig*") if p.is_file() and not p.name.endswith(".old")][:1]
    options = sdkconfig.read_text()
    assert "CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=y" in options
    assert "CONFIG_SECURE_SIGNED_APPS_NO_SECURE_BOOT=y" in options
    assert "CONFIG_SECURE_SIGNED_APPS_RSA_SCHEME=y" in options
    assert "CONFIG_ESP_TASK_WDT_PANIC=y" in options
    assert "CONFIG_ESP_TASK_WDT_TIMEOUT_S=5" in options
    assert "CONFIG_MQTT_USE_CUSTOM_CONFIG=y" in options
    assert "CONFIG_MQTT_OUTBOX_EXPIRED_TIMEOUT_MS=86400000" in options, "by default, trips are thrown away after 30 s"
    assert "CONFIG_MQTT_BUFFER_SIZE=4096" in options
    rows = [
        line.replace(" ", "").split(",")
        for line in (build / "partitions.csv").read_text().splitlines()
        if "ota_" in line
    ]
    slots = [row for row in rows if row[1] in ("app", "0x00", "0")]
    assert len(slots) == 2, "one to run, one to write"
    assert slots[0][4] == slots[1][4]
    main = (build / "src/main.cpp").read_text()
    assert "set_signed_updates(true)" in main
    defines = (build / "src/esphome/core/defines.h").read_text()
    assert "USE_OTA_ROLLBACK" in defines
    assert "USE_OTA_DOWNGRADE_PROTECTION" in defines
    assert "USE_SAFE_MODE_BOOT_IS_GOOD_ON_SHUTDOWN" not in defines, "only a passed self test confirms an image"


def test_relays_are_written_before_anything_that_can_wait(source: Path, tmp_path: Path) -> None:
    result = esphome(*LOCAL, "compile", "--only-generate", str(source / "devices/zone-node.yaml"), data=tmp_path)
    assert result.returncode == 0, result.stdout[-3000:]
    [build] = (tmp_path / "build").iterdir()
    main = (build / "src/main.cpp").read_text()
    assert main.index("should_enter_safe_mode") < main.index("set_relay("), "in safe mode no relay exists"
    released = [main.index(f"release_relay({pin}, false)") for pin in (15, 16, 17)]
    assert max(released) < main.index("should_enter_safe_mode"), "a crash leaves them as they were"
    assert main.count("set_relay(") == 3
    assert "switch_::" not in main, "no entity reaches a relay"
