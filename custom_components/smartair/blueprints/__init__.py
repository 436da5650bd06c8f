"""Blueprints of automations: installed in the language of the house, updated while nobody edited them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum, auto
from hashlib import sha256
import json
import logging
from pathlib import Path
import re
import time
from types import MappingProxyType
from typing import Any, TypedDict

from homeassistant.components.automation import automations_with_blueprint
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint import DomainBlueprints
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE, SERVICE_RELOAD
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.storage import Store

from ..const import DOMAIN

_LOGGER = logging.getLogger(__name__)

AUTOMATION = "automation"
BUNDLED = Path(__file__).parent / AUTOMATION / DOMAIN
"""The files in English."""
TRANSLATED: Mapping[str, Path] = MappingProxyType({"ru": Path(__file__).parent / "ru" / AUTOMATION / DOMAIN})
"""The folders of the other languages, which have the same files."""
SHIPPED = Path(__file__).parent / "shipped.json"
"""The digests of all versions of each file that were ever released."""
BACKUP_SUFFIX = ".before"
_LOOKS, _LOOK_S = 50, 0.1
_VERSION = re.compile(r"^\s*\w+ (\d+\.\d+\.\d+)$", re.MULTILINE)


class Outcome(StrEnum):
    """What became of one file."""

    INSTALLED = auto()
    UPDATED = auto()
    REPLACED = auto()
    CURRENT = auto()
    EDITED = auto()
    DELETED = auto()
    FAILED = auto()


WRITTEN = (Outcome.INSTALLED, Outcome.UPDATED, Outcome.REPLACED)


class Written(TypedDict):
    """What was written last, by file: the digest of its content."""

    written: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of every file, and which edited files have something new waiting for them."""

    outcomes: Mapping[str, Outcome]
    written: Mapping[str, str] = field(default_factory=dict)
    news: Mapping[str, str] = field(default_factory=dict)

    def as_response(self) -> dict[str, list[str]]:
        """Return the files by what became of them, for an action's answer."""
        return {
            outcome.value: [name for name, what in sorted(self.outcomes.items()) if what is outcome]
            for outcome in Outcome
        }


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file, the same whichever way its lines end."""
    return sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def bundled_in(language: str) -> Path:
    """Return the folder of a language, or the English one."""
    return TRANSLATED.get(language.partition("-")[0], BUNDLED)


def digests_of(name: str) -> set[str]:
    """Return the digests of a file as it is now, in each language."""
    paths = [folder / name for folder in (BUNDLED, *TRANSLATED.values())]
    return {digest(path.read_bytes()) for path in paths if path.exists()}


def install(
    bundled: Path, shipped: Mapping[str, list[str]], target: Path, *, before: Mapping[str, str], replace: set[str]
) -> Report:
    """Bring the files of a folder up to date without touching what the owner made; blocks on the disk.

    `before` has the digests of what was written earlier, `replace` the files to write whatever is there.
    """
    outcomes: dict[str, Outcome] = {}
    written = dict(before)
    news: dict[str, str] = {}
    for source in sorted(bundled.glob("*.yaml")):
        name, content = source.name, source.read_bytes()
        current = digests_of(name)
        # What is there in another language is ours as well.
        known = {*shipped.get(name, ()), *current, before.get(name)}
        try:
            outcomes[name] = _install_one(target / name, content, known, ours=name in before, replace=name in replace)
        except OSError as err:
            _LOGGER.warning("The blueprint %s could not be installed: %s", name, err)
            outcomes[name] = Outcome.FAILED
        if outcomes[name] in {*WRITTEN, Outcome.CURRENT}:
            written[name] = digest(content)
        elif outcomes[name] is Outcome.EDITED and before.get(name) not in {*current, digest(content)}:
            news[name] = version(content)
    return Report(outcomes=outcomes, written=written, news=news)


def _install_one(path: Path, content: bytes, known: set[str | None], *, ours: bool, replace: bool) -> Outcome:
    found = path.read_bytes() if path.exists() else None
    outcome = _judge(found, content, known, ours=ours, replace=replace)
    if outcome is Outcome.EDITED and path.is_symlink():
        return outcome
    if outcome is Outcome.REPLACED and found is not None:
        path.with_name(f"{path.name}{BACKUP_SUFFIX}-{digest(found)[:8]}").write_bytes(found)
    if outcome in WRITTEN:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(content)
        fresh.replace(path)  # all or nothing, also when the power fails
    return outcome


def _judge(found: bytes | None, content: bytes, known: set[str | None], *, ours: bool, replace: bool) -> Outcome:
    if found is None:
        return Outcome.DELETED if ours and not replace else Outcome.INSTALLED
    if digest(found) == digest(content):
        return Outcome.CURRENT
    if digest(found) in known:
        return Outcome.UPDATED
    return Outcome.REPLACED if replace else Outcome.EDITED


def version(content: bytes) -> str:
    """Return the version that a blueprint says it has."""
    found = _VERSION.search(content.decode())
    return found[1] if found else "?"


async def async_install(hass: HomeAssistant, *, replace: set[str] | None = None, overwrite: bool = False) -> Report:
    """Install and update all blueprints; `overwrite` also writes what the owner edited or deleted."""
    blueprints = async_get_blueprints(hass)
    await _async_await_folder(hass, blueprints)
    store = _store(hass)
    before = (await store.async_load() or Written(written={}))["written"]
    report = await hass.async_add_executor_job(_install_bundled, hass, before, replace or set(), overwrite)
    await store.async_save(Written(written=dict(report.written)))
    if changed := [name for name, outcome in report.outcomes.items() if outcome in WRITTEN]:
        await blueprints.async_reset_cache()
        if any(automations_with_blueprint(hass, f"{DOMAIN}/{name}") for name in changed):
            await hass.services.async_call(AUTOMATION, SERVICE_RELOAD)
    _async_show(hass, report)
    return report


async def _async_await_folder(hass: HomeAssistant, blueprints: DomainBlueprints) -> None:
    """Have Home Assistant put its own blueprints in place, which it does only where there is no folder yet."""
    # Its automations do so themselves as they are set up: two who make a folder at once are an error in the log.
    loaded = AUTOMATION in hass.config.components
    if loaded and await hass.async_add_executor_job(_appears, blueprints.blueprint_folder):
        return
    with suppress(FileExistsError):
        await blueprints.async_populate()


def _appears(folder: Path) -> bool:
    for _ in range(_LOOKS):
        if folder.exists():
            return True
        time.sleep(_LOOK_S)
    return False


def _install_bundled(hass: HomeAssistant, before: Mapping[str, str], replace: set[str], overwrite: bool) -> Report:  # noqa: FBT001
    shipped: dict[str, list[str]] = json.loads(SHIPPED.read_text())
    bundled = bundled_in(hass.config.language)
    every = {path.name for path in bundled.glob("*.yaml")} if overwrite else set()
    target = Path(hass.config.path("blueprints", AUTOMATION, DOMAIN))
    return install(bundled, shipped, target, before=before, replace=replace | every)


async def async_install_quietly(hass: HomeAssistant) -> None:
    """Install the blueprints when the integration is set up, which goes on whatever comes of it."""
    try:
        await async_install(hass)
    except Exception:  # no blueprint is worth a house without its devices
        _LOGGER.warning("The blueprints could not be installed", exc_info=True)


@callback
def async_follow_language(hass: HomeAssistant) -> None:
    """Write the blueprints in the language of the house whenever that changes."""
    language = hass.config.language

    @callback
    def changed(data: Mapping[str, Any]) -> bool:
        nonlocal language
        before, language = language, data.get("language", language)
        return bundled_in(before) != bundled_in(language)

    async def write(_event: Event[Any]) -> None:
        await async_install_quietly(hass)

    hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, write, event_filter=changed)


async def async_keep(hass: HomeAssistant, name: str) -> None:
    """Remember that the owner keeps an edited file, and say no more until there is something new again."""
    store = _store(hass)
    before = (await store.async_load() or Written(written={}))["written"]
    content = await hass.async_add_executor_job((bundled_in(hass.config.language) / name).read_bytes)
    await store.async_save(Written(written={**before, name: digest(content)}))


async def async_forget(hass: HomeAssistant) -> None:
    """Forget what was written; the files stay, because automations are made of them."""
    await _store(hass).async_remove()


def _store(hass: HomeAssistant) -> Store[Written]:
    return Store(hass, 1, f"{DOMAIN}.blueprints", atomic_writes=True)


def _async_show(hass: HomeAssistant, report: Report) -> None:
    for name, outcome in report.outcomes.items():
        issue = f"blueprint_edited/{name}"
        if outcome is Outcome.FAILED:
            # Nothing has become better: what was shown is still so.
            continue
        if name not in report.news:
            ir.async_delete_issue(hass, DOMAIN, issue)
            continue
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue,
            data={"file": name},
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key="blueprint_edited",
            translation_placeholders={"name": name, "version": report.news[name]},
        )
