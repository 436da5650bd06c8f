"""The repairs about the devices of one hub, and the words in them."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_cached_translations

from .connection import Connection
from .const import DOMAIN
from .pysmartair import without_markup


def word(hass: HomeAssistant, selector: str, option: str) -> str:
    """Return what something is called in the language of the house, or its own name where it has no other."""
    texts = async_get_cached_translations(hass, hass.config.language, "selector", DOMAIN)
    return texts.get(f"component.{DOMAIN}.selector.{selector}.options.{option}", option)


def zone_error(hass: HomeAssistant, error: str) -> str:
    """Return what is wrong with a setting of a zone, as its form says it."""
    texts = async_get_cached_translations(hass, hass.config.language, "config_subentries", DOMAIN)
    return texts.get(f"component.{DOMAIN}.config_subentries.zone.error.{error}", error)


class Subject(Protocol):
    """A device that a repair is about."""

    @property
    def place(self) -> str:
        """Where it is."""

    @property
    def disabled(self) -> bool:
        """Whether its owner disabled it."""


class Issues:
    """The repairs about the devices of one hub."""

    def __init__(self, connection: Connection, devices: Mapping[str, Subject]) -> None:
        """Initialize with none."""
        self._connection = connection
        self._devices = devices

    @callback
    def async_create(
        self,
        key: str,
        uid: str,
        *,
        suffix: str = "",
        fixable: bool = False,
        persistent: bool = False,
        text: str | None = None,
        placeholders: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        """Show a repair about a device; a `persistent` one outlives a restart, as nothing would raise it again."""
        device = self._devices.get(uid)
        if device is not None and device.disabled:
            return
        ir.async_create_issue(
            self._connection.hass,
            DOMAIN,
            self._issue_id(key, uid, suffix),
            is_fixable=fixable,
            is_persistent=persistent,
            severity=ir.IssueSeverity.WARNING,
            translation_key=text or key,
            translation_placeholders={
                "device": without_markup(device.place) if device else uid,
                **{name: without_markup(text) for name, text in {**(placeholders or {}), **more}.items()},
            },
            data={"entry_id": self._connection.entry.entry_id, "uid": uid},
        )

    @callback
    def async_delete(self, key: str, uid: str, suffix: str = "") -> None:
        """Remove a repair about a device."""
        ir.async_delete_issue(self._connection.hass, DOMAIN, self._issue_id(key, uid, suffix))

    @callback
    def async_delete_all(self, uid: str) -> None:
        """Remove every repair about a device."""
        marker = f"/{self._connection.entry.entry_id}/{uid}/"
        for domain, issue_id in list(ir.async_get(self._connection.hass).issues):
            if domain == DOMAIN and marker in issue_id:
                ir.async_delete_issue(self._connection.hass, DOMAIN, issue_id)

    def _issue_id(self, key: str, uid: str, suffix: str) -> str:
        return f"{key}/{self._connection.entry.entry_id}/{uid}/{suffix}"

    @callback
    def async_report_rejections(self, uid: str, refused: Mapping[str, str]) -> None:
        """Show which settings a device refused and why."""
        for name, reason in refused.items():
            self.async_create("config_rejected", uid, suffix=name, setting=name, reason=reason or "–")

    @callback
    def async_withdraw_rejections(self, uid: str, names: Iterable[str]) -> None:
        """Remove the repairs about settings that the owner sets again."""
        for name in names:
            self.async_delete("config_rejected", uid, name)
