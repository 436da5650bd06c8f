"""A file that is written in the end: a full disk delays what is kept, and loses nothing of it (S3)."""

from datetime import datetime
import logging
from typing import Any, override

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .pysmartair import without_markup

_LOGGER = logging.getLogger(__name__)

# The first pause is short, for a disk may be full for a moment; later ones spare a log and a card that dies.
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0
_ISSUE = "storage_not_written"

type Content = dict[str, Any]

# What is not on disk, by the file that it belongs into: a reload must not bring back what was before.
_UNWRITTEN: HassKey[dict[str, Content]] = HassKey(f"{DOMAIN}.unwritten")


class CarefulStore(Store[Content]):
    """A store that tries again what could not be written; Home Assistant's own logs that and forgets it."""

    def __init__(self, hass: HomeAssistant, version: int, key: str, *, private: bool = True) -> None:
        """Name the file."""
        super().__init__(hass, version, key, private=private, atomic_writes=True)
        self._pause = _FIRST_PAUSE_S
        self._again: CALLBACK_TYPE | None = None
        self._job = HassJob(self._async_try_again, cancel_on_shutdown=True)

    @property
    def _unwritten(self) -> dict[str, Content]:
        return self.hass.data.setdefault(_UNWRITTEN, {})

    @override
    async def async_load(self) -> Content | None:
        """Return what was saved last, also where that is not on disk yet."""
        if (kept := self._unwritten.get(self.key)) is not None:
            self._try_later()
            return kept
        return await super().async_load()

    @override
    async def async_remove(self) -> None:
        """Delete the file, and what was to be written into it."""
        self._written()
        await super().async_remove()

    @override
    async def _async_write_data(self, data: Content) -> None:
        try:
            if "data_func" in data:
                data["data"] = data.pop("data_func")()
            await super()._async_write_data(data)
        except (OSError, HomeAssistantError) as err:
            self._failed(data["data"], err)
        else:
            self._written()

    def _failed(self, content: Content, err: Exception) -> None:
        if self.key not in self._unwritten:
            _LOGGER.warning("%s cannot be written, and is tried again until it can: %s", self.key, err)
        self._unwritten[self.key] = content
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            _ISSUE,
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key=_ISSUE,
            translation_placeholders={"error": without_markup(str(err) or type(err).__name__)},
        )
        self._try_later()

    def _written(self) -> None:
        self._pause = _FIRST_PAUSE_S
        if self._again is not None:
            self._again()
            self._again = None
        if self._unwritten.pop(self.key, None) is not None and not self._unwritten:
            ir.async_delete_issue(self.hass, DOMAIN, _ISSUE)

    def _try_later(self) -> None:
        if self._again is None:
            self._again = async_call_later(self.hass, self._pause, self._job)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE_S)

    @callback
    def _async_try_again(self, _now: datetime) -> None:
        self._again = None
        content = self._unwritten.get(self.key)
        if content is not None and self._data is None:
            self.hass.async_create_background_task(self.async_save(content), f"write {self.key}", eager_start=True)
