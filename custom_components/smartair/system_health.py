"""System health: the fleet at a glance."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .automations.target import loaded_hubs


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what is shown."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    hubs = loaded_hubs(hass)
    devices = [device for hub in hubs for device in hub.devices.values() if not device.disabled]
    names = [name for hub in hubs for name in hub.unheard.names]
    return {
        "connected": bool(hubs) and all(hub.connection.connected for hub in hubs),
        "devices": len(devices),
        "devices_online": sum(device.available for device in devices),
        "devices_waiting": sum(len(hub.approval.waiting()) for hub in hubs),
        "messages": sum(hub.connection.counts["received"] for hub in hubs),
        "messages_broken": sum(
            count for hub in hubs for key, count in hub.connection.counts.items() if key.startswith("error_")
        ),
        # Only where there are any: it is no figure to watch.
        **({"names_not_taken": ", ".join(names)} if names else {}),
    }
