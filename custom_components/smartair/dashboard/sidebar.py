"""The dashboard in the sidebar: made once, and the owner's to change, to take control of, or to delete.

Home Assistant has no public way to make a dashboard. The collection that keeps them all belongs to the websocket
command that lists them, and is reached through it. Where that fails, the dashboard is still offered under
Settings > Dashboards > Add dashboard.
"""

import logging
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.hass_dict import HassKey

from ..careful_store import CarefulStore
from ..const import DOMAIN

_LOGGER = logging.getLogger(__name__)

PATH = "smart-air"
STRATEGY = f"custom:{DOMAIN}"
ITEM = {
    "url_path": PATH,
    "title": "SmartAir",
    "icon": "mdi:air-filter",
    "show_in_sidebar": True,
    "require_admin": False,
}

_SIDEBAR: HassKey[Sidebar] = HassKey(f"{DOMAIN}_sidebar")
_VERSION = 1


class Sidebar:
    """The dashboard of all hubs, and whether it was ever made: what was deleted is not made again."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Know nothing yet."""
        self._hass = hass
        self._file = CarefulStore(hass, _VERSION, f"{DOMAIN}.dashboard", private=False)

    @property
    def shown(self) -> bool:
        """Whether there is a dashboard at our path, as we made it or as its owner did."""
        return self._found() is not None

    @property
    def offered(self) -> bool:
        """Whether there is a sidebar in which the dashboard is not yet."""
        return "lovelace" in self._hass.config.components and not self.shown

    async def async_decline(self) -> None:
        """Make none by itself, as if it had been deleted."""
        await self._file.async_save({"made": True})

    async def async_offer(self) -> None:
        """Make the dashboard, unless it was made before."""
        kept = await self._file.async_load()
        if not (kept and kept.get("made")):
            await self.async_show()

    async def async_show(self) -> bool:
        """Make the dashboard where there is none; return whether it is there."""
        if not self.shown and not await self._async_make():
            _LOGGER.warning(
                "Home Assistant did not take the dashboard. "
                "Add it under Settings > Dashboards > Add dashboard > Community dashboards > SmartAir"
            )
            return False
        await self._file.async_save({"made": True})
        return True

    async def async_hide(self) -> bool:
        """Delete the dashboard if it is as it was made; return whether there is none any more."""
        found = self._found()
        if found is None:
            return True
        collection = _collection(self._hass)
        if collection is None or not await self.async_is_ours():
            return False
        await collection.async_delete_item(found.config["id"])
        return True

    async def async_is_ours(self) -> bool:
        """Tell whether nobody has taken control of the dashboard."""
        found = self._found()
        try:
            config: Any = None if found is None else await found.async_load(False)  # noqa: FBT003 - its signature
        except HomeAssistantError:
            return False
        strategy = config.get("strategy") if isinstance(config, dict) else None
        return isinstance(strategy, dict) and strategy.get("type") == STRATEGY

    async def async_forget(self) -> None:
        """Delete the dashboard with the last hub; one that was taken control of stays."""
        await self.async_hide()
        await self._file.async_remove()

    async def _async_make(self) -> bool:
        collection = _collection(self._hass)
        if collection is None:
            return False
        try:
            await collection.async_create_item(dict(ITEM))
            found = self._found()
            if found is None:
                return False
            await found.async_save({"strategy": {"type": STRATEGY}})
        except Exception:  # whatever Home Assistant has made of it, the hub is to be set up
            _LOGGER.exception("The dashboard cannot be made")
            return False
        return True

    def _found(self) -> Any:
        """Return Home Assistant's dashboard at our path."""
        dashboards = getattr(self._hass.data.get("lovelace"), "dashboards", None)
        return dashboards.get(PATH) if isinstance(dashboards, dict) else None


def _collection(hass: HomeAssistant) -> Any:
    """Return what keeps the dashboards, or None where it is no longer found there."""
    try:
        handler = hass.data["websocket_api"]["lovelace/dashboards/list"][0]
        found = handler.__self__.storage_collection
    except AttributeError, IndexError, KeyError, TypeError:
        return None
    return found if hasattr(found, "async_create_item") and hasattr(found, "async_delete_item") else None


def sidebar(hass: HomeAssistant) -> Sidebar:
    """Return the one for all hubs."""
    if _SIDEBAR not in hass.data:
        hass.data[_SIDEBAR] = Sidebar(hass)
    return hass.data[_SIDEBAR]
