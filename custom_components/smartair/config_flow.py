"""Setting up a hub, and approving its devices one by one."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, override

from homeassistant.components import mqtt
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr
from homeassistant.helpers.selector import AreaSelector, BooleanSelector, TextSelector
from homeassistant.helpers.service_info.mqtt import MqttServiceInfo
from homeassistant.util.hass_dict import HassKey
import voluptuous as vol

from .alerts.limit_flow import AlertLimitFlow
from .const import (
    ADD_ASK,
    CONF_ADD_NEW_DEVICES,
    CONF_IN_SIDEBAR,
    CONF_NAMESPACE,
    CONF_ROOT,
    DOMAIN,
    SUBENTRY_ALERT_LIMIT,
    SUBENTRY_ZONE,
)
from .dashboard import sidebar
from .devices.approval import Candidate
from .devices.device import SmartAirDevice, list_troubles
from .hub import SmartAirConfigEntry, SmartAirHub
from .options_flow import SmartAirOptionsFlow
from .pysmartair import (
    DEFAULT_ROOT,
    Descriptor,
    ParseError,
    Status,
    parse,
    place_text,
    subscription,
    valid_root,
    without_markup,
)
from .zones.flow import ZoneFlow

CONF_CODE = "code"
CONF_AREA = "area"

MAX_OFFERS = 50
"""Messages of devices that may begin a flow for a hub that is there: a usual house has fewer in a year."""
_OFFERS: HassKey[Counter[str]] = HassKey(f"{DOMAIN}_offers")

_ROOT_SCHEMA = vol.Schema({vol.Required(CONF_ROOT, default=DEFAULT_ROOT): TextSelector()})
_CODE_SCHEMA = vol.Schema({vol.Required(CONF_CODE): TextSelector()})


class SmartAirConfigFlow(ConfigFlow, domain=DOMAIN):
    """The flows of hubs and of devices."""

    VERSION = 1

    _candidate: Candidate
    _hub: SmartAirHub

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> SmartAirOptionsFlow:
        """Return the options flow of a hub."""
        return SmartAirOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to a hub: zones, and limits of what its devices measure."""
        return {SUBENTRY_ZONE: ZoneFlow, SUBENTRY_ALERT_LIMIT: AlertLimitFlow}

    # --- hubs -----------------------------------------------------------------------------------

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Add a hub by hand."""
        if not await mqtt.async_wait_for_mqtt_client(self.hass):
            return self.async_abort(reason="mqtt_not_set_up")
        errors: dict[str, str] = {}
        if user_input is not None:
            root: str = user_input[CONF_ROOT]
            errors = await self._async_judge_root(root)
            if not errors:
                await self._async_take(user_input)
                return self._create_hub(root)
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(_ROOT_SCHEMA.extend(self._offers()), user_input),
            errors=errors,
        )

    @override
    async def async_step_mqtt(self, discovery_info: MqttServiceInfo) -> ConfigFlowResult:
        """Offer the hub because a device of ours has spoken on the default root."""
        holder = self.hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, subscription(DEFAULT_ROOT))
        if holder is not None and holder.discovery_keys.get(mqtt.DOMAIN):
            # With a fleet of thousands this step is taken thousands of times at each start; one key is enough
            # for Home Assistant to offer the hub again should its owner delete it.
            _count_offer(self.hass, discovery_info.subscribed_topic)
            return self.async_abort(reason="already_configured")
        await self.async_set_unique_id(subscription(DEFAULT_ROOT))
        self._abort_if_unique_id_configured()
        try:
            message = parse(DEFAULT_ROOT, discovery_info.topic, _payload(discovery_info))
        except ParseError:
            message = None
        if not isinstance(message, (Descriptor, Status)):
            return self.async_abort(reason="not_smartair")
        self.context["title_placeholders"] = {"name": _title(DEFAULT_ROOT)}
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether the hub that was found is wanted."""
        # A hub may have moved here while the card was open, and would be replaced, devices and all.
        self._abort_if_unique_id_configured()
        if user_input is not None:
            await self._async_take(user_input)
            return self._create_hub(DEFAULT_ROOT)
        self._set_confirm_only()
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema(self._offers()),
            description_placeholders={"root": DEFAULT_ROOT},
        )

    def _offers(self) -> dict[vol.Marker, Any]:
        """Return what is offered with the first hub; all of it can be had later as well."""
        if not sidebar(self.hass).offered or self._async_current_entries(include_ignore=False):
            return {}
        return {vol.Required(CONF_IN_SIDEBAR, default=True): BooleanSelector()}

    async def _async_take(self, user_input: Mapping[str, Any]) -> None:
        """Take over which offers are not wanted."""
        if not user_input.get(CONF_IN_SIDEBAR, True):
            await sidebar(self.hass).async_decline()

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Move a hub to another topic root; its devices, and all that is set for them, go with it."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            root: str = user_input[CONF_ROOT]
            errors = await self._async_judge_root(root, entry)
            if not errors:
                named = entry.title != _title(entry.data[CONF_ROOT])
                return self.async_update_reload_and_abort(
                    entry,
                    unique_id=subscription(root),
                    # What the owner calls it, it stays.
                    title=entry.title if named else _title(root),
                    data_updates={CONF_ROOT: root},
                )
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(_ROOT_SCHEMA, user_input or entry.data),
            errors=errors,
        )

    async def _async_judge_root(self, root: str, entry: ConfigEntry | None = None) -> dict[str, str]:
        if root.endswith("/"):
            return {CONF_ROOT: "root_ends_with_slash"}
        if not valid_root(root):
            return {CONF_ROOT: "invalid_root"}
        holder = await self.async_set_unique_id(subscription(root), raise_on_progress=False)
        if holder is None or holder is entry:
            return {}
        if holder.source != SOURCE_IGNORE:
            return {CONF_ROOT: "root_taken"}
        # A card that was ignored listens to nothing, and whoever asks for the root by hand has thought better of it.
        await self.hass.config_entries.async_remove(holder.entry_id)
        return {}

    def _create_hub(self, root: str) -> ConfigFlowResult:
        # Names the devices of different hubs apart for ever, even when a hub moves to another root.
        namespace = "" if root == DEFAULT_ROOT else f"{root}/"
        taken = {entry.data.get(CONF_NAMESPACE) for entry in self._async_current_entries()}
        while namespace in taken:
            namespace = f"{root}/{namespace}"
        return self.async_create_entry(
            title=_title(root),
            data={CONF_ROOT: root, CONF_NAMESPACE: namespace},
            options={CONF_ADD_NEW_DEVICES: ADD_ASK},
        )

    # --- devices --------------------------------------------------------------------------------

    @override
    async def async_step_integration_discovery(self, discovery_info: Mapping[str, str]) -> ConfigFlowResult:
        """Show the card of a device that waits for approval."""
        entry: SmartAirConfigEntry | None = self.hass.config_entries.async_get_entry(discovery_info["entry_id"])
        candidate = _candidate(entry, discovery_info["uid"])
        if entry is None or candidate is None:
            return self.async_abort(reason="device_gone")
        self._hub = entry.runtime_data
        await self.async_set_unique_id(f"{self._hub.connection.namespace}{candidate.uid}")
        self._abort_if_unique_id_configured()
        self._candidate = candidate
        self.context["title_placeholders"] = {"name": _card_title(candidate)}
        return await self.async_step_device()

    async def async_step_device(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether a device is the owner's, and for its code where it has one."""
        uid = self._candidate.uid
        if self._hub.approval.candidates.get(uid) is not self._candidate:
            return self.async_abort(reason="device_gone")
        if self._candidate.pairing is not None:
            return await self.async_step_code()
        if user_input is not None:
            return await self._async_approve(uid, user_input)
        schema = self._naming()
        odd = {name: one for name, one in self._candidate.known.odd.items() if name != "timestamp"}
        if odd:
            return self.async_show_form(
                step_id="device_odd",
                data_schema=schema,
                description_placeholders={**self._introduction(), "values": without_markup(list_troubles(odd))},
            )
        return self.async_show_form(
            step_id="device", data_schema=schema, description_placeholders=self._introduction()
        )

    async def async_step_device_odd(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether a device is the owner's whose values cannot be taken."""
        return await self.async_step_device(user_input)

    async def async_step_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the code that the device shows."""
        uid = self._candidate.uid
        approval = self._hub.approval
        if approval.candidates.get(uid) is not self._candidate:
            return self.async_abort(reason="device_gone")
        errors: dict[str, str] = {}
        if user_input is not None:
            if approval.wait_for_tries(uid):
                errors["base"] = "too_many_tries"
            elif approval.check_code(uid, user_input[CONF_CODE]):
                return await self._async_approve(uid, user_input)
            else:
                errors[CONF_CODE] = "too_many_tries" if approval.wait_for_tries(uid) else "wrong_code"
        return self.async_show_form(
            step_id="code",
            data_schema=self.add_suggested_values_to_schema(
                _CODE_SCHEMA.extend(self._naming().schema),
                {name: value for name, value in (user_input or {}).items() if name != CONF_CODE} or self._suggested(),
            ),
            errors=errors,
            description_placeholders={
                **self._introduction(),
                "seconds": str(approval.wait_for_tries(uid)),
            },
        )

    async def _async_approve(self, uid: str, wanted: Mapping[str, Any]) -> ConfigFlowResult:
        """Let the device in, called and put where its owner wants it, and end with the way to its page."""

        def settle(device: SmartAirDevice) -> None:
            name, area = str(wanted.get(CONF_NAME, "")).strip(), wanted.get(CONF_AREA)
            chosen: dict[str, Any] = {"name_by_user": name} if name and name != self._candidate.name else {}
            chosen |= {"area_id": area} if area else {}
            if chosen and device.device_id is not None:
                dr.async_get(self.hass).async_update_device(device.device_id, **chosen)

        await self._hub.async_approve([uid], flow_id=self.flow_id, settle=settle)
        device = self._hub.devices[uid]
        url = f"/config/devices/device/{device.device_id}"
        told = {"device": without_markup(device.place), "url": url}
        return self.async_abort(reason="device_added", description_placeholders=told)

    def _about(self) -> str:
        """Return who made the device and which it is, as far as it says so."""
        descriptor = self._candidate.descriptor
        made = f"{descriptor.manufacturer or ''} {descriptor.model or ''}".strip() if descriptor else ""
        return ", ".join(part for part in (without_markup(made), f"`{self._candidate.uid}`") if part)

    def _naming(self) -> vol.Schema:
        """Return the fields for what the device is called and where it is, as it says itself."""
        schema = vol.Schema({vol.Optional(CONF_NAME): TextSelector(), vol.Optional(CONF_AREA): AreaSelector()})
        return self.add_suggested_values_to_schema(schema, self._suggested())

    def _suggested(self) -> dict[str, str]:
        """Return the name, and the area where there is one that is called so; else Home Assistant makes it."""
        named = {CONF_NAME: self._candidate.name}
        area = ar.async_get(self.hass).async_get_area_by_name(self._area()) if self._area() else None
        return named if area is None else {**named, CONF_AREA: area.id}

    def _area(self) -> str:
        descriptor = self._candidate.descriptor
        return (descriptor and descriptor.area) or ""

    def _introduction(self) -> dict[str, str]:
        descriptor = self._candidate.descriptor
        return {
            "device": self._candidate.name,
            "uid": self._candidate.uid,
            "model": without_markup((descriptor and descriptor.model) or "–"),
            "manufacturer": without_markup((descriptor and descriptor.manufacturer) or "–"),
            "area": without_markup(self._area() or "–"),
            "about": self._about(),
        }


def _card_title(candidate: Candidate) -> str:
    """Return what a card is called: the room and the device, and its model and uid, for many look alike."""
    descriptor = candidate.descriptor
    place = place_text(without_markup((descriptor and descriptor.area) or ""), candidate.name)
    if candidate.name == candidate.uid:
        return place
    model = without_markup((descriptor and descriptor.model) or "")
    return f"{place} ({', '.join(part for part in (model, candidate.uid) if part)})"


def _count_offer(hass: HomeAssistant, topic: str) -> None:
    """End the offers of a hub that is there, after many: each begins a flow, and is kept in memory for good."""
    counts = hass.data.setdefault(_OFFERS, Counter())
    counts[topic] += 1
    if counts[topic] >= MAX_OFFERS and (
        end := hass.data[mqtt.DATA_MQTT].integration_unsubscribe.pop(f"{DOMAIN}_{topic}", None)
    ):
        end()
        # After a reload of the MQTT integration it offers again.
        del counts[topic]


def _candidate(entry: SmartAirConfigEntry | None, uid: str) -> Candidate | None:
    hub = getattr(entry, "runtime_data", None)
    return hub.approval.candidates.get(uid) if hub is not None else None


def _payload(info: MqttServiceInfo) -> bytes | str:
    return bytes(info.payload) if isinstance(info.payload, bytearray) else info.payload


def _title(root: str) -> str:
    return "SmartAir" if root == DEFAULT_ROOT else f"SmartAir ({root})"
