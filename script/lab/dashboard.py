"""The demo's dashboard: the integration's own, with graphs that fit a day of 24 minutes."""

from typing import TYPE_CHECKING

from lab.client import eventually

if TYPE_CHECKING:
    from lab.client import Client

PATH = "smart-air"

_SHOWN = 12 / 60
"""Hours that the graphs show: half of the demo's day."""


async def install(client: Client) -> None:
    """Wait until the integration has put its dashboard into the sidebar, and shorten its graphs."""

    async def there() -> bool:
        known = await client.call("lovelace/dashboards/list")
        return any(one["url_path"] == PATH for one in known)

    await eventually(there, what="the dashboard in the sidebar")
    strategy = {"type": "custom:smartair", "hours": _SHOWN}
    await client.call("lovelace/config/save", url_path=PATH, config={"strategy": strategy})
