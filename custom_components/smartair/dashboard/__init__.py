"""The dashboard: its modules are served, it is put into the sidebar once, and the browser asks for its facts."""

import logging

from homeassistant.core import HomeAssistant

from .facts import async_setup_facts
from .modules import async_serve, async_withdraw
from .sidebar import Sidebar, sidebar

__all__ = ["Sidebar", "async_remove_dashboard", "async_setup_dashboard", "async_setup_facts", "sidebar"]

_LOGGER = logging.getLogger(__name__)


async def async_setup_dashboard(hass: HomeAssistant) -> None:
    """Serve the modules, and make the dashboard if it was never made; a failure holds up no hub."""
    try:
        if await async_serve(hass):
            await sidebar(hass).async_offer()
    except Exception:  # the water goes on without a picture of it
        _LOGGER.exception("The dashboard cannot be set up")


async def async_remove_dashboard(hass: HomeAssistant) -> None:
    """Remove all that the dashboard consists of, with the last hub."""
    try:
        await sidebar(hass).async_forget()
        await async_withdraw(hass)
    except Exception:  # a hub can be removed whatever has become of the dashboard
        _LOGGER.exception("The dashboard cannot be removed")
