"""Images for devices, which cannot log in: each order has an address of its own that nobody can guess."""

from collections.abc import Iterator
from http import HTTPStatus
import re
import secrets
import time

from aiohttp import web
from aiohttp.hdrs import METH_HEAD
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util.hass_dict import HassKey
from yarl import URL

from .catalogue import async_get_folder
from .const import DOMAIN
from .pysmartair import updating

PATH = f"/api/{DOMAIN}/firmware"
LIFETIME = updating.DEFERRED_FOR + 1800
"""Seconds that an address lives: as long as a device may defer, and half an hour for a slow download."""

_CHUNK = 64 * 1024
_NO_BYTES = re.compile(r"-0+")

type Grants = dict[str, tuple[str, float]]

_GRANTS: HassKey[Grants] = HassKey(f"{DOMAIN}_firmware_grants")


def new_token() -> str:
    """Return a word of 256 bits of chance."""
    return secrets.token_urlsafe(32)


@callback
def async_grant(hass: HomeAssistant, token: str, sha256: str, until: float) -> None:
    """Serve an image under a token until a time (Unix seconds)."""
    grants = hass.data.setdefault(_GRANTS, {})
    now = time.time()
    for one in [old for old, (_, end) in grants.items() if end <= now]:
        del grants[one]
    grants[token] = (sha256, until)


@callback
def async_revoke(hass: HomeAssistant, token: str) -> None:
    """Serve nothing under a token any more."""
    hass.data.get(_GRANTS, {}).pop(token, None)


@callback
def async_address(hass: HomeAssistant, token: str) -> str | None:
    """Return the address of a token, or None where devices cannot reach this Home Assistant over plain HTTP."""
    try:
        base = URL(get_url(hass, allow_external=False, allow_cloud=False))
    except NoURLAvailableError:
        return None
    # The firmware downloads over plain HTTP: the checksum came another way, and a signature is what it trusts.
    return str(base.with_path(f"{PATH}/{token}")) if base.scheme == "http" else None


class FirmwareView(HomeAssistantView):
    """Serves the image of an order, whole or in part."""

    url = f"{PATH}/{{token}}"
    name = f"api:{DOMAIN}:firmware"
    requires_auth = False

    async def head(self, request: web.Request, token: str) -> web.StreamResponse:
        """Tell of the image what a download of it would."""
        return await self.get(request, token)

    async def get(self, request: web.Request, token: str) -> web.StreamResponse:
        """Send the image; an address that is unknown, expired or used up looks like any that never was."""
        hass = request.app[KEY_HASS]
        sha256, until = hass.data.get(_GRANTS, {}).get(token, ("", 0.0))
        data = await async_get_folder(hass).async_read(sha256) if until > time.time() else None
        if data is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        size = len(data)
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
            "Content-Type": "application/octet-stream",
        }
        part = _part(request, size)
        if part is not None and not part:
            headers["Content-Range"] = f"bytes */{size}"
            return web.Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
        status = HTTPStatus.OK
        if part is None:
            part = range(size)
        else:
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        headers["Content-Length"] = str(len(part))
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        if request.method != METH_HEAD:
            for chunk in _chunks(memoryview(data)[part.start : part.stop]):
                await response.write(chunk)
        await response.write_eof()
        return response


def _part(request: web.Request, size: int) -> range | None:
    """Return the bytes that are asked for, none where there are no such, or None where the whole image is.

    A wish for another unit than bytes must be passed over, and one for several parts may be (RFC 9110, 14.2).
    """
    unit, _, wanted = request.headers.get("Range", "").partition("=")
    if request.method == METH_HEAD or unit.lower() != "bytes" or "," in wanted:
        return None
    try:
        start, stop, _ = request.http_range.indices(size)
    except ValueError:
        return range(0)
    # The last no bytes are none, which aiohttp takes for all.
    return range(0) if _NO_BYTES.fullmatch(wanted) else range(start, stop)


def _chunks(data: memoryview) -> Iterator[bytes]:
    for at in range(0, len(data), _CHUNK):
        yield bytes(data[at : at + _CHUNK])
