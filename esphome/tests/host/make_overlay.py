"""Let ESPHome's own mqtt component run on the host platform.

Copies the installed component into a build folder and changes a few places in it. Generated, never committed:
ESPHome's C++ is GPLv3. Each place must be found exactly once, so that a new ESPHome fails here, with its version,
and not somewhere in a test.
"""

import shutil
import sys
from pathlib import Path

from esphome.const import __version__

import esphome

HERE = Path(__file__).parent
PATCHES = {
    "__init__.py": [
        (
            "    PLATFORM_ESP8266,\n    PLATFORM_LN882X,",
            "    PLATFORM_ESP8266,\n    PLATFORM_HOST,\n    PLATFORM_LN882X,",
        ),
        (
            "            PLATFORM_ESP8266,\n            PLATFORM_LN882X,",
            "            PLATFORM_ESP8266,\n            PLATFORM_HOST,\n            PLATFORM_LN882X,",
        ),
    ],
    "mqtt_client.h": [
        (
            '#include "mqtt_backend_libretiny.h"\n#endif',
            '#include "mqtt_backend_libretiny.h"\n#elif defined(USE_HOST)\n#include "mqtt_backend_host.h"\n#endif',
        ),
        (
            "  MQTTBackendLibreTiny mqtt_backend_;\n#endif",
            "  MQTTBackendLibreTiny mqtt_backend_;\n#elif defined(USE_HOST)\n  MQTTBackendHost mqtt_backend_;\n#endif",
        ),
    ],
    # IPAddress::is_set() is absent on the host without IPv6.
    "mqtt_client.cpp": [("          if (ip.is_set()) {\n", "          {\n")],
}


def make(out: Path) -> None:
    """Write the host-capable copy to out/mqtt."""
    target = out / "mqtt"
    shutil.rmtree(target, ignore_errors=True)
    source = Path(esphome.__file__).parent / "components" / "mqtt"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    for name, changes in PATCHES.items():
        text = (target / name).read_text()
        for old, new in changes:
            if text.count(old) != 1:
                raise SystemExit(
                    f"ESPHome {__version__}: mqtt/{name} has {text.count(old)} places like {old!r}"
                )
            text = text.replace(old, new)
        (target / name).write_text(text)
    shutil.copy(HERE / "mqtt_backend_host.h", target)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
