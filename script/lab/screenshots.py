"""Make the pictures of the README: `python -m lab.screenshots [MINUTES]`, in the environment of the demo."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from lab import dashboard, demo, scenario
from lab.browser import log_in, open_page
from lab.hass import DOMAIN
from lab.simulator.water import Fault

if TYPE_CHECKING:
    from playwright.async_api import FloatRect, Page, ViewportSize

IMAGES = Path(__file__).resolve().parents[2] / "docs/images"

# Until graphs have come to life, and a page has fetched its history.
_LIVED = 12.0
_SETTLED = 3_000
# The whole dashboard at once: what is scrolled lies under the page's header.
_TALL: ViewportSize = {"width": 1440, "height": 2000}
_MARGIN = 12
# Until a node has measured that what was broken is well again.
_REPAIRED = 8.0


async def shoot(page: Page, url: str, name: str) -> None:
    """Go to a page and take its picture when it is complete."""
    await page.goto(url)
    await page.wait_for_load_state("networkidle")
    await page.wait_for_timeout(_SETTLED)
    await page.screenshot(path=IMAGES / f"{name}.png")


async def shoot_rack(page: Page, house: demo.Demo) -> None:
    """Block the circulating pump and take a picture of the rack once it is locked; then reset it in the page."""
    rack = await scenario.find_rack(house)
    lock = "pump_recirc:safety_lock"
    await rack.do(lambda node: node.sensors.rack.break_(Fault.BLOCKED, "pump_recirc"))
    await rack.until(lock, "on", within=30)
    await page.set_viewport_size(_TALL)
    await page.goto(f"{house.hass.url}/{dashboard.PATH}/water")
    await page.wait_for_load_state("networkidle")
    section = page.locator("hui-grid-section").filter(has_text=scenario.RACK)
    await page.wait_for_timeout(_SETTLED)
    box = await section.bounding_box()
    assert box is not None  # noqa: S101 (for the type checker: the section is on the page)
    clip: FloatRect = {
        "x": box["x"] - _MARGIN,
        "y": box["y"] - _MARGIN,
        "width": box["width"] + 2 * _MARGIN,
        "height": box["height"] + 2 * _MARGIN,
    }
    await page.screenshot(path=IMAGES / "rack.png", clip=clip)
    await rack.do(lambda node: node.sensors.rack.repair())
    await asyncio.sleep(_REPAIRED)
    await section.locator("hui-tile-card").filter(has_text="Reset").first.click()
    await rack.until(lock, "off", within=30)


async def main(minutes: float) -> None:
    """Let a house live for a while and take pictures of it."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        house = await demo.start(demo.parse(["--check", "--speed", "80"]), stack)
        await demo.live(house)
        await demo.add_rack(house)
        await dashboard.install(house.hass.client)
        demo.say(f"Letting the house live for {minutes:g} minutes …")
        await asyncio.sleep(60 * minutes)
        page = await stack.enter_async_context(open_page(width=1440, height=900))
        await log_in(page, house.hass)
        url = house.hass.url
        devices = await house.hass.client.devices(DOMAIN)
        await shoot(page, f"{url}/{dashboard.PATH}", "dashboard")
        await shoot(page, f"{url}/config/devices/device/{devices['multi_001']['id']}", "device")
        await shoot(page, f"{url}/config/integrations/integration/{DOMAIN}", "discovered")
        await shoot_rack(page, house)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if sys.argv[1:] else _LIVED))
