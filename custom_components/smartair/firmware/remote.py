"""Catalogues on the internet: fetched over HTTPS only, from public addresses only, and never more than expected."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
import logging
import socket
import time
from typing import Any

import aiohttp
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from yarl import URL

from ..pysmartair import firmware

_LOGGER = logging.getLogger(__name__)

REFRESH_AFTER = 6 * 3600
MAX_CATALOGUES = 16
# Where there is no IPv4, a gateway reaches it through these.
_NAT64 = IPv6Network("64:ff9b::/96")
_TIMEOUT = aiohttp.ClientTimeout(total=300, sock_connect=15, sock_read=30)


class RemoteError(Exception):
    """A file that was not fetched; `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


def judge_url(text: str) -> URL:
    """Return an address that may be asked, or raise RemoteError."""
    if not text.isprintable():
        # Half of a pair among it, which no address can have and no file can hold.
        raise RemoteError("bad_url")
    try:
        url = URL(text.strip())
    except ValueError as err:
        raise RemoteError("bad_url") from err
    if url.scheme != "https":
        raise RemoteError("not_https")
    if not url.host or url.user is not None or url.password is not None:
        raise RemoteError("bad_url")
    return url


def _public(address: str) -> bool:
    """Tell whether an address is one of the public internet, also where IPv6 wraps an older one."""
    one = ip_address(address.partition("%")[0])
    inner = _inner(one) if isinstance(one, IPv6Address) else one
    if inner is not None:
        return inner.is_global and not inner.is_multicast
    # Site-local addresses are past, and still private where they are in use.
    past = one.is_reserved or (isinstance(one, IPv6Address) and one.is_site_local)
    return one.is_global and not one.is_multicast and not past


def _inner(one: IPv6Address) -> IPv4Address | None:
    """Return the older address that one of IPv6 wraps."""
    return one.ipv4_mapped or one.sixtofour or (IPv4Address(int(one) % 2**32) if one in _NAT64 else None)


async def _resolve(hass: HomeAssistant, url: URL) -> str:
    """Return the address to connect to; every address of the name must be a public one."""
    try:
        found = await hass.loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as err:
        raise RemoteError("not_found") from err
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(_public(address) for address in addresses):
        raise RemoteError("private_address")
    return addresses[0]


async def async_get(hass: HomeAssistant, url: URL, limit: int) -> bytes:
    """Return a file of at most `limit` bytes, or raise RemoteError.

    The address that was judged is the one that is connected to: a name that resolves differently a moment later
    leads nowhere else. The certificate is still checked against the name.
    """
    address = await _resolve(hass, url)
    session = async_get_clientsession(hass)
    host = url.host or ""
    authority = host if url.is_default_port() else f"{host}:{url.port}"
    try:
        async with session.get(
            url.with_host(address),
            headers={"Host": authority},
            server_hostname=host,
            allow_redirects=False,
            timeout=_TIMEOUT,
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise RemoteError("redirect" if answer.status in range(300, 400) else f"http_{answer.status}")
            return await _body(answer, limit)
    except (aiohttp.ClientError, TimeoutError) as err:
        raise RemoteError("not_reachable") from err


async def _body(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the body; what turns out to be too large is not read to its end, whatever length was announced."""
    data = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        data += chunk
        if len(data) > limit:
            raise RemoteError("too_large")
    return bytes(data)


async def async_read_catalogue(hass: HomeAssistant, address: str) -> tuple[firmware.Image, ...]:
    """Return the images of a remote catalogue, or raise RemoteError."""
    payload = await async_get(hass, judge_url(address), firmware.MAX_CATALOGUE)
    try:
        return firmware.read_catalogue(payload).images
    except firmware.CatalogueError as err:
        raise RemoteError(err.reason) from err


class RemoteCatalogues:
    """The catalogues of a hub; what was read last stays while one cannot be reached."""

    def __init__(self, hass: HomeAssistant, changed: Callable[[], None]) -> None:
        """Begin with none."""
        self._hass = hass
        self._changed = changed
        self._images: dict[str, tuple[firmware.Image, ...]] = {}
        self._fetched: dict[str, float] = {}
        self.errors: dict[str, str] = {}
        self._turn = asyncio.Lock()

    @property
    def images(self) -> tuple[firmware.Image, ...]:
        """What the catalogues offer."""
        return tuple(image for images in self._images.values() for image in images)

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Take over what was known before a restart."""
        for address, entries in stored.items():
            read = (firmware.read_image(entry) for entry in entries)
            self._images[address] = tuple(image for image in read if isinstance(image, firmware.Image))

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            address: [firmware.write_image(image) for image in images] for address, images in self._images.items()
        }

    async def async_refresh(self, addresses: Iterable[str]) -> None:
        """Read those catalogues again that are old, and forget those that are no longer wanted."""
        wanted = list(addresses)[:MAX_CATALOGUES]
        async with self._turn:
            before = self._images
            self._images = {address: images for address, images in before.items() if address in wanted}
            for known in (self._fetched, self.errors):
                # Whoever comes back is read at once.
                for address in known.keys() - set(wanted):
                    del known[address]
            for address in wanted:
                if time.time() - self._fetched.get(address, 0) >= REFRESH_AFTER:
                    await self._async_read(address)
            if self._images != before:
                self._changed()

    async def _async_read(self, address: str) -> None:
        self._fetched[address] = time.time()
        try:
            self._images[address] = await async_read_catalogue(self._hass, address)
            self.errors.pop(address, None)
        except RemoteError as err:
            if self.errors.get(address) != err.reason:
                _LOGGER.warning("The firmware catalogue %s was not read: %s", address, err.reason)
            self.errors[address] = err.reason

    async def async_fetch(self, image: firmware.Image) -> bytes:
        """Return the bytes of an image that one of the catalogues offers, or raise RemoteError."""
        for address, images in self._images.items():
            if image in images:
                home = judge_url(address)
                try:
                    url = judge_url(str(home.join(URL(image.url))))
                except ValueError as err:
                    raise RemoteError("bad_url") from err
                if (url.host, url.port) != (home.host, home.port):
                    raise RemoteError("elsewhere")
                data = await async_get(self._hass, url, image.size)
                flaw = await self._hass.async_add_executor_job(firmware.check, image, data)
                if flaw is not None:
                    raise RemoteError(flaw.value)
                return data
        raise RemoteError("gone")
