"""The options of a hub: what becomes of new devices, the dashboard, firmware to add, and where to look for more."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    FileSelector,
    FileSelectorConfig,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
)
import voluptuous as vol

from .const import ADD_ASK, ADD_AUTOMATIC, CONF_ADD_NEW_DEVICES, CONF_CATALOGUES, CONF_IN_SIDEBAR, CONF_OUTDOOR
from .dashboard import sidebar
from .firmware.folder import async_get_folder
from .firmware.remote import MAX_CATALOGUES, RemoteError, async_read_catalogue
from .pysmartair import firmware

CONF_CATALOGUE = "catalogue"
CONF_IMAGE = "image"
CONF_UNSIGNED = "allow_unsigned"

_DEVICES = vol.Schema(
    {
        vol.Required(CONF_ADD_NEW_DEVICES, default=ADD_ASK): SelectSelector(
            SelectSelectorConfig(
                options=[ADD_ASK, ADD_AUTOMATIC],
                translation_key=CONF_ADD_NEW_DEVICES,
                mode=SelectSelectorMode.LIST,
            )
        )
    }
)
_OUTDOOR = vol.Schema(
    {
        vol.Optional(CONF_OUTDOOR, default=list): EntitySelector(
            EntitySelectorConfig(
                filter=[
                    EntityWithDeviceFilterSelectorConfig(domain="sensor", device_class=["carbon_dioxide", "pm25"]),
                    EntityWithDeviceFilterSelectorConfig(domain="sensor", device_class=["temperature", "humidity"]),
                    EntityWithDeviceFilterSelectorConfig(domain="weather"),
                ],
                multiple=True,
            )
        )
    }
)
_DASHBOARD = vol.Schema({vol.Required(CONF_IN_SIDEBAR): BooleanSelector()})
_UPLOAD = vol.Schema(
    {
        vol.Required(CONF_CATALOGUE): FileSelector(FileSelectorConfig(accept=".json,application/json")),
        vol.Required(CONF_IMAGE): FileSelector(FileSelectorConfig(accept=".bin,application/octet-stream")),
        vol.Required(CONF_UNSIGNED, default=False): BooleanSelector(),
    }
)
_CATALOGUES = vol.Schema(
    {vol.Optional(CONF_CATALOGUES, default=list): TextSelector(TextSelectorConfig(multiple=True))}
)


class SmartAirOptionsFlow(OptionsFlow):
    """The options of a hub."""

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what it is about."""
        return self.async_show_menu(
            step_id="init", menu_options=["devices", "dashboard", "outdoor", "upload", "catalogues"]
        )

    async def async_step_devices(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what is to become of new devices."""
        if user_input is not None:
            return self.async_create_entry(data={**self.config_entry.options, **user_input})
        return self.async_show_form(
            step_id="devices",
            data_schema=self.add_suggested_values_to_schema(_DEVICES, self.config_entry.options),
        )

    async def async_step_dashboard(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether the dashboard is to be in the sidebar; what is there is the answer that is kept."""
        errors: dict[str, str] = {}
        dashboard = sidebar(self.hass)
        if user_input is not None:
            if user_input[CONF_IN_SIDEBAR]:
                if not await dashboard.async_show():
                    errors["base"] = "dashboard_not_made"
            elif not await dashboard.async_hide():
                errors["base"] = "dashboard_changed"
            if not errors:
                return self.async_create_entry(data={**self.config_entry.options})
        return self.async_show_form(
            step_id="dashboard",
            data_schema=self.add_suggested_values_to_schema(_DASHBOARD, {CONF_IN_SIDEBAR: dashboard.shown}),
            errors=errors,
        )

    async def async_step_outdoor(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which sensors are outdoors."""
        if user_input is not None:
            return self.async_create_entry(data={**self.config_entry.options, **user_input})
        return self.async_show_form(
            step_id="outdoor",
            data_schema=self.add_suggested_values_to_schema(_OUTDOOR, self.config_entry.options),
        )

    async def async_step_upload(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take an image and the catalogue that describes it, if they belong together."""
        errors: dict[str, str] = {}
        if user_input is not None:
            catalogue = await self._async_take(user_input[CONF_CATALOGUE], firmware.MAX_CATALOGUE)
            data = await self._async_take(user_input[CONF_IMAGE], firmware.MAX_IMAGE)
            judge = partial(_judge, catalogue, data, signed=not user_input[CONF_UNSIGNED])
            # A large image, and a catalogue with many entries of its size, take their time.
            found = await self.hass.async_add_executor_job(judge)
            if isinstance(found, tuple):
                errors[found[0]] = found[1]
            else:
                try:
                    await async_get_folder(self.hass).async_add(found.image, found.data)
                except OSError:
                    errors["base"] = "not_written"
                else:
                    return self.async_abort(
                        reason="firmware_added",
                        description_placeholders={"title": found.image.title, "version": found.image.version},
                    )
        return self.async_show_form(step_id="upload", data_schema=_UPLOAD, errors=errors)

    async def _async_take(self, file_id: str, limit: int) -> bytes | None:
        """Return an uploaded file, or None where there is none or it is too large; it is gone afterwards."""

        def take() -> bytes | None:
            with process_uploaded_file(self.hass, file_id) as path:
                return _small(path, limit)

        try:
            return await self.hass.async_add_executor_job(take)
        except ValueError:
            return None

    async def async_step_catalogues(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for catalogues on the internet; each new one is read before it is accepted."""
        errors: dict[str, str] = {}
        placeholders = {"address": "–", "most": str(MAX_CATALOGUES)}
        if user_input is not None:
            wanted = list(dict.fromkeys(text.strip() for text in user_input[CONF_CATALOGUES] if text.strip()))
            known = self.config_entry.options.get(CONF_CATALOGUES, [])
            for address in (one for one in wanted if one not in known):
                try:
                    await async_read_catalogue(self.hass, address)
                except RemoteError as err:
                    errors[CONF_CATALOGUES] = err.reason if err.reason in _SAID else "not_read"
                    placeholders["address"] = address
                    break
            if len(wanted) > MAX_CATALOGUES:
                errors[CONF_CATALOGUES] = "too_many"
            if not errors:
                return self.async_create_entry(data={**self.config_entry.options, CONF_CATALOGUES: wanted})
        return self.async_show_form(
            step_id="catalogues",
            data_schema=self.add_suggested_values_to_schema(_CATALOGUES, user_input or self.config_entry.options),
            errors=errors,
            description_placeholders=placeholders,
        )


# Reasons that have a text of their own; all others are about what is at the address.
_SAID = frozenset({"bad_url", "not_https", "private_address", "not_reachable", "not_found", "redirect"})


def _small(path: Path, limit: int) -> bytes | None:
    return path.read_bytes() if path.stat().st_size <= limit else None


@dataclass(frozen=True, slots=True)
class _Good:
    """An image and its bytes, which belong together."""

    image: firmware.Image
    data: bytes


def _judge(catalogue: bytes | None, data: bytes | None, *, signed: bool) -> _Good | tuple[str, str]:
    """Return the entry of the catalogue that describes the image, or the field that is wrong and why."""
    if catalogue is None:
        return CONF_CATALOGUE, "unreadable"
    if data is None:
        return CONF_IMAGE, "unreadable"
    try:
        images = firmware.read_catalogue(catalogue).images
    except firmware.CatalogueError:
        return CONF_CATALOGUE, "no_catalogue"
    if not images:
        return CONF_CATALOGUE, "no_entry"
    flaws = [(firmware.check(image, data, signed=signed), image) for image in images]
    for flaw, image in flaws:
        if flaw is None:
            return _Good(image, data)
    # The flaw of the entry that comes nearest: the last things are looked at last.
    worst = max((flaw for flaw, _ in flaws if flaw is not None), key=list(firmware.Flaw).index)
    return CONF_IMAGE, worst.value
