"""Images for devices, which cannot log in: each order has an address of its own that nobody can guess."""

import asyncio
from collections import Counter
from http import HTTPStatus
from io import BufferedReader
import logging
import os
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

from ..const import DOMAIN
from ..pysmartair import updating
from .folder import async_get_folder

_LOGGER = logging.getLogger(__name__)

PATH = f"/api/{DOMAIN}/firmware"
LIFETIME = updating.DEFERRED_FOR + 1800
"""Seconds that an address lives: as long as a device may defer, and half an hour for a slow download."""

_CHUNK = 64 * 1024
_PIECE = 16 * 1024
STANDS_STILL = 30
"""Seconds in which a reader must have taken a piece; a device on a bad network takes one in two."""
MAX_READERS = 4
"""Readers of one address at once: a device has one, and a second while its first connection dies."""
_NO_BYTES = re.compile(r"-0+")

_READERS: HassKey[Counter[str]] = HassKey(f"{DOMAIN}_firmware_readers")

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
        if until <= time.time():
            return web.Response(status=HTTPStatus.NOT_FOUND)
        readers = hass.data.setdefault(_READERS, Counter())
        if readers[token] >= MAX_READERS:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": str(STANDS_STILL)})
        readers[token] += 1
        file: BufferedReader | None = None
        try:
            file = await async_get_folder(hass).async_open(sha256)
            return web.Response(status=HTTPStatus.NOT_FOUND) if file is None else await self._serve(request, file)
        finally:
            readers[token] -= 1
            if not readers[token]:
                del readers[token]
            if file is not None:
                # Nothing is waited for: who is cancelled must still let go of the file.
                hass.async_add_executor_job(file.close)

    async def _serve(self, request: web.Request, file: BufferedReader) -> web.StreamResponse:
        size = os.fstat(file.fileno()).st_size
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
        try:
            async with asyncio.timeout(STANDS_STILL):
                await response.prepare(request)
            if request.method != METH_HEAD:
                await _send(request, response, file, part)
            async with asyncio.timeout(STANDS_STILL):
                await response.write_eof()
        except (TimeoutError, ConnectionError) as err:
            # Whoever stands still or leaves comes back for the rest, or does not.
            _LOGGER.debug("A reader of an image has not read it to its end: %r", err)
            if request.transport is not None:
                request.transport.abort()
        return response


async def _send(request: web.Request, response: web.StreamResponse, file: BufferedReader, part: range) -> None:
    """Send a part of a file in pieces; raise TimeoutError where the reader stands still."""
    hass = request.app[KEY_HASS]
    for at in range(part.start, part.stop, _CHUNK):
        chunk = await hass.async_add_executor_job(_read, file, at, min(_CHUNK, part.stop - at))
        for begin in range(0, len(chunk), _PIECE):
            async with asyncio.timeout(STANDS_STILL):
                await response.write(chunk[begin : begin + _PIECE])


def _read(file: BufferedReader, at: int, size: int) -> bytes:
    return os.pread(file.fileno(), size, at)


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
