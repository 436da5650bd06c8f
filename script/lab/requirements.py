"""Print what the demo's Home Assistant integrations require, so that none is fetched while it runs."""

import json
from pathlib import Path

import homeassistant.components

# `default_config` would pull in camera, cloud, go2rtc and dhcp, which need more of a machine than a demo
# should ask for.
INTEGRATIONS = (
    "automation",
    "config",
    "diagnostics",
    "energy",
    "frontend",
    "history",
    "homeassistant_alerts",
    "input_boolean",
    "logbook",
    "lovelace",
    "mqtt",
    "my",
    "person",
    "recorder",
    "repairs",
    "script",
    "sun",
    "system_health",
    "zone",
)


def requirements(roots: tuple[str, ...]) -> set[str]:
    """Return the requirements of these integrations and of all that they depend on."""
    components = Path(homeassistant.components.__path__[0])
    wanted, seen, found = [*roots], set[str](), set[str]()
    while wanted:
        domain = wanted.pop()
        manifest = components / domain / "manifest.json"
        if domain in seen or not manifest.exists():
            continue
        seen.add(domain)
        content = json.loads(manifest.read_text())
        wanted += content.get("dependencies", [])
        found |= set(content.get("requirements", []))
    return found


if __name__ == "__main__":
    print("\n".join(sorted(requirements(INTEGRATIONS))))
