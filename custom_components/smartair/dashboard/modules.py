"""The dashboard's modules: served under a path that changes with their contents, and loaded by every page.

A page loads the extra modules that were known when it was opened. A tab that was open before loads the Lovelace
resources with its first dashboard, so the loader is registered as both; a browser runs a module of one URL once.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

from homeassistant.components.frontend import add_extra_js_url, remove_extra_js_url
from homeassistant.components.http import StaticPathConfig
from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

FOLDER = Path(__file__).parent.parent / "frontend"
PREFIX = f"/{DOMAIN}_frontend"
LOADER = "smartair.js"

_SERVED: HassKey[str] = HassKey(f"{DOMAIN}_frontend")
_LOADED: HassKey[bool] = HassKey(f"{DOMAIN}_frontend_loaded")


def digest(folder: Path) -> str:
    """Return what the contents of a folder are told apart by; blocks on the disk."""
    found = sha256()
    for path in sorted(folder.glob("*.js")):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


async def async_serve(hass: HomeAssistant) -> bool:
    """Serve the modules and have pages load them; return False where there is no frontend."""
    if not {"frontend", "lovelace"} <= hass.config.components:
        return False
    url = hass.data.get(_SERVED)
    if url is None:
        path = f"{PREFIX}/{await hass.async_add_executor_job(digest, FOLDER)}"
        # A month in the browser's cache: the path is another one as soon as a file is.
        await hass.http.async_register_static_paths([StaticPathConfig(path, str(FOLDER), cache_headers=True)])
        url = hass.data[_SERVED] = f"{path}/{LOADER}"
    if not hass.data.get(_LOADED):
        hass.data[_LOADED] = True
        add_extra_js_url(hass, url)
        await _async_register(hass, url)
    return True


async def async_withdraw(hass: HomeAssistant) -> None:
    """Have no page load the modules any more; Home Assistant serves the files until it is restarted."""
    if hass.data.pop(_LOADED, False):
        remove_extra_js_url(hass, hass.data[_SERVED])
        await _async_register(hass, None)


async def _async_register(hass: HomeAssistant, url: str | None) -> None:
    """Have one resource with this URL, or none; those of YAML are the owner's."""
    resources = _resources(hass)
    if resources is None:
        return
    await resources.async_get_info()  # reads the file
    ours = [one for one in resources.async_items() if str(one["url"]).startswith(f"{PREFIX}/")]
    if url is not None and not ours:
        await resources.async_create_item({"res_type": "module", "url": url})
    for place, one in enumerate(ours):
        if url is None or place:
            await resources.async_delete_item(one["id"])
        elif one["url"] != url:
            await resources.async_update_item(one["id"], {"url": url})


def _resources(hass: HomeAssistant) -> Any:
    found = getattr(hass.data.get("lovelace"), "resources", None)
    return found if hasattr(found, "async_create_item") else None
