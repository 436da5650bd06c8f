"""Adds the one entry there can be."""

from typing import Any

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult

from . import DOMAIN


class FloorConfigFlow(ConfigFlow, domain=DOMAIN):
    """Asks nothing."""

    async def async_step_user(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Add the entry."""
        return self.async_create_entry(title="Floor", data={})
