"""Names that only the newest Home Assistant and its frontend know."""

import json
from pathlib import Path

import hass_frontend
import homeassistant.components

INTEGRATION = Path(__file__).resolve().parents[2] / "custom_components" / "smartair"
FRONTEND = Path(hass_frontend.where())
COMPONENTS = Path(homeassistant.components.__path__[0])


def values(tree: object) -> list[str]:
    return [text for one in tree.values() for text in values(one)] if isinstance(tree, dict) else [str(tree)]


def test_icons_exist() -> None:
    parts = FRONTEND / "static" / "mdi"
    names = {
        name
        for part in json.loads((parts / "iconMetadata.json").read_text())["parts"]
        for name in json.loads((parts / f"{part['file']}.json").read_text())
    }
    assert len(names) > 5000
    icons = values(json.loads((INTEGRATION / "icons.json").read_text()))
    assert icons
    assert [icon for icon in icons if icon.removeprefix("mdi:") not in names] == []


def test_categories_and_connectivity_exist() -> None:
    manifests = [json.loads(path.read_text()) for path in COMPONENTS.glob("*/manifest.json")]
    own = json.loads((INTEGRATION / "manifest.json").read_text())
    for key in ("categories", "connectivity"):
        assert set(own[key]) <= {name for manifest in manifests for name in manifest.get(key, [])}
