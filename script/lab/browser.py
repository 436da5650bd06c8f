"""Debian's Chromium without a screen, driven by Playwright."""

from contextlib import asynccontextmanager
import shutil
from typing import TYPE_CHECKING

from playwright.async_api import Page, async_playwright

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lab.hass import Hass

PATIENCE = 30_000
"""Milliseconds; the first page compiles a large program."""

# Without these, Chromium asks its maker's servers at every start, and as root it does not start at all.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """Return the path of a Chromium."""
    return shutil.which("chromium") or shutil.which("google-chrome")


@asynccontextmanager
async def open_page(*, width: int = 1280, height: int = 960) -> AsyncIterator[Page]:
    """Open an empty page in a browser of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=[*_FLAGS], headless=True)
        page = await browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(PATIENCE)
        yield page
        await browser.close()


async def log_in(page: Page, hass: Hass) -> None:
    """Log in as the owner."""
    await page.goto(hass.url)
    await page.fill("input[name=username]", hass.owner.username)
    await page.fill("input[name=password]", hass.owner.password)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("home-assistant-main", state="attached")
