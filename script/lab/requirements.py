"""Print what the lab's Home Assistant requires, so that nothing is fetched while it runs."""

import ast
import json
from pathlib import Path

import homeassistant
from homeassistant.generated.entity_platforms import EntityPlatforms

LEAN = ("api", "config", "diagnostics", "history", "logbook", "mqtt", "recorder", "repairs")
"""What the tests' Home Assistant loads."""

# `default_config` would pull in cloud, go2rtc, dhcp and others that need more of a machine than a demo
# should ask for, and homeassistant_alerts asks the internet.
CONFIGURED = (*LEAN, "energy", "my", "sun")
"""What the demo's Home Assistant loads."""

PHONE = "mobile_app"
"""What a test with a phone loads besides."""

# camera imports stream without depending on it.
_IMPORTED = ("stream",)


def _always_loaded(bootstrap: Path) -> set[str]:
    """Return the integrations that every Home Assistant sets up, whatever its configuration says."""
    # Read, not imported: bootstrap itself imports what we are about to install.
    return {*EntityPlatforms} | {
        leaf.value
        for node in ast.parse(bootstrap.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEFAULT_INTEGRATIONS"
        for leaf in ast.walk(node.value)
        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
    }


def requirements(roots: tuple[str, ...]) -> set[str]:
    """Return the requirements of these integrations and of all that Home Assistant installs with them."""
    folder = Path(homeassistant.__path__[0])
    wanted = [*roots, *_IMPORTED, *_always_loaded(folder / "bootstrap.py")]
    seen, found = set[str](), set[str]()
    while wanted:
        domain = wanted.pop()
        manifest = folder / "components" / domain / "manifest.json"
        if domain in seen or not manifest.exists():
            continue
        seen.add(domain)
        content = json.loads(manifest.read_text())
        wanted += content.get("dependencies", []) + content.get("after_dependencies", [])
        found |= set(content.get("requirements", []))
    return found


if __name__ == "__main__":
    print("\n".join(sorted(requirements((*CONFIGURED, PHONE)))))
