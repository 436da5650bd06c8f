"""SmartAir: air quality and hydroponics over MQTT."""

import logging

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import config_validation as cv, issue_registry as ir
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from .automations.memory import async_setup_memory, memory_file
from .automations.memory_actions import async_setup_memory_services
from .blueprints import async_follow_language, async_forget, async_install_quietly
from .const import DOMAIN
from .dashboard import async_remove_dashboard, async_setup_dashboard, async_setup_facts
from .firmware.serving import FirmwareView
from .hub import SmartAirConfigEntry, SmartAirHub
from .notices.announcer import Announcer
from .notices.notifier import Notifier
from .services import async_setup_services
from .store import HubStore

_LOGGER = logging.getLogger(__name__)

PLATFORMS = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TIME,
    Platform.UPDATE,
)

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, which are there whether or not a hub is loaded, and install the blueprints."""
    async_setup_services(hass)
    await async_setup_memory(hass)
    async_setup_memory_services(hass)
    hass.http.register_view(FirmwareView)
    async_setup_facts(hass)
    await async_install_quietly(hass)
    async_follow_language(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SmartAirConfigEntry) -> bool:
    """Set up a hub: stored devices first, then their entities, then the ear."""
    if not await mqtt.async_wait_for_mqtt_client(hass):
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="mqtt_not_ready")
    hub = entry.runtime_data = SmartAirHub(hass, entry)
    await hub.async_start(Announcer(hub).async_start, Notifier(hub).async_start)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await hub.async_listen()
    await async_setup_dashboard(hass)
    entry.async_on_unload(entry.add_update_listener(_async_options_changed))
    # Home Assistant 2026.10 asks for a boolean here and below; 2026.11 still takes one from custom integrations.
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SmartAirConfigEntry) -> bool:
    """Unload a hub."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.async_stop()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: SmartAirConfigEntry) -> None:
    """Delete what was stored; the devices' own retained messages stay, for the next hub to find them by."""
    await HubStore(hass, entry.entry_id).async_remove()
    for domain, issue_id in list(ir.async_get(hass).issues):
        if domain == DOMAIN and f"/{entry.entry_id}/" in f"{issue_id}/":
            ir.async_delete_issue(hass, DOMAIN, issue_id)
    if not hass.config_entries.async_entries(DOMAIN):
        await async_forget(hass)
        await async_remove_dashboard(hass)
        await memory_file(hass).async_remove()


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: SmartAirConfigEntry, device_entry: DeviceEntry
) -> bool:
    """Forget a device that its owner deletes; what is part of something else goes with that."""
    if entry.state is not ConfigEntryState.LOADED:
        # It could be forgotten neither by the store nor by the broker, and would be back with the hub.
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="no_hub")
    hub = entry.runtime_data
    if hub.holds(device_entry.id):
        return False
    device = hub.devices.by_id(device_entry.id)
    if device is not None:
        await hub.async_forget(device.uid)
    for (uid, channel), pump in list(hub.pumps.items()):
        if pump.device_id == device_entry.id:
            hub.pumps.async_remove_channel(hub.devices[uid], channel)
    return True


async def _async_options_changed(hass: HomeAssistant, entry: SmartAirConfigEntry) -> None:
    # Each message that could have begun a discovery changes the entry too: a reload here would never come to rest.
    entry.runtime_data.approval.async_reconsider()
    entry.runtime_data.limits.async_rules_changed()
    # Zones are added, changed and deleted one by one, so that the others go on.
    await entry.runtime_data.zones.async_reconcile()
    await entry.runtime_data.updates.async_look()
