"""The connection of one hub to its broker and to Home Assistant: what every part of the hub works with."""

from collections import Counter
from collections.abc import Coroutine
from typing import Any

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .const import CONF_NAMESPACE, CONF_ROOT, DOMAIN
from .isolation import Isolation, Together
from .pysmartair import Publish


class Connection:
    """Publishes for the parts of a hub, and runs their tasks."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        """Initialize without a broker."""
        self.hass = hass
        self.entry = entry
        self.root: str = entry.data[CONF_ROOT]
        self.namespace: str = entry.data[CONF_NAMESPACE]
        self.connected = False
        self.isolation = Isolation()
        self.together = Together(self.isolation)
        self.counts: Counter[str] = Counter()

    def async_create_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task in the background, ended with the entry."""
        self.entry.async_create_background_task(self.hass, work, f"{DOMAIN} {name}")

    def _expiry_supported(self) -> bool:
        """Tell whether MQTT 5 is spoken now: older versions know no expiry, which the payload then carries alone."""
        entries = self.hass.config_entries.async_entries(mqtt.DOMAIN)
        return bool(entries) and entries[0].data.get(mqtt.CONF_PROTOCOL) == mqtt.PROTOCOL_5

    async def async_publish(self, message: Publish) -> None:
        """Publish at QoS 1; raise a translated HomeAssistantError when the broker cannot be reached."""
        if not self.connected:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="broker_unavailable")
        await mqtt.async_publish(
            self.hass,
            message.topic,
            message.payload,
            qos=1,
            retain=message.retain,
            message_expiry_interval=message.expiry if self._expiry_supported() else None,
        )
