"""A person at a screen: logs in, adds a device by its card, and sees its values."""

from pathlib import Path
import re
from typing import TYPE_CHECKING

from playwright.async_api import Page, expect
import pytest
import pytest_asyncio

from lab.browser import PATIENCE, find_browser, log_in, open_page
from lab.hass import CONFIGURED, DOMAIN

from .conftest import House, furnished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
    pytest.mark.skipif(find_browser() is None, reason="there is no browser on this machine"),
]

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with furnished(CONFIGURED) as one:
        await one.add(
            one.household.identity("multi", "Kitchen"),
            one.household.identity("pump", "Greenhouse", code="20262711"),
        )
        await one.add_hub()
        await one.approve("multi_001")
        await one.until_live("multi_001-co2")
        await one.card("pump_001")
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with open_page() as one:
        yield one


async def shoot(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTIFACTS / f"{name}.png")


async def test_the_owner_logs_in(house: House, page: Page) -> None:
    await log_in(page, house.hass)

    await expect(page.locator("home-assistant-main")).to_be_attached(timeout=PATIENCE)


async def test_a_card_waits_among_the_integrations(house: House, page: Page) -> None:
    await page.goto(f"{house.hass.url}/config/integrations/dashboard")

    card = page.locator("ha-config-flow-card").filter(has_text="Rack A pumps")
    await expect(card.get_by_text("SmartAir", exact=True)).to_be_visible(timeout=PATIENCE)
    await expect(card.get_by_text("Greenhouse")).to_be_visible()
    await shoot(page, "discovered")


async def test_a_wrong_code_is_explained_and_the_right_one_adds_the_device(house: House, page: Page) -> None:
    card = page.locator("ha-config-flow-card").filter(has_text="Rack A pumps")
    await card.get_by_text("Add", exact=True).click()
    field = page.get_by_role("textbox", name="Code")
    submit = page.get_by_role("button", name="Submit")
    await expect(page.get_by_text("asks for its code")).to_be_visible()
    await shoot(page, "code")

    await field.fill("11111111")
    await submit.click()
    await expect(page.get_by_text("This is not the code of the device")).to_be_visible()
    await shoot(page, "wrong-code")

    await field.fill("20262711")
    await submit.click()
    await expect(page.get_by_text("Rack A pumps is added")).to_be_visible()
    await expect(page.get_by_role("link", name="Open its page")).to_be_visible()
    await shoot(page, "added")
    assert "pump_001" in await house.client.devices(DOMAIN)


async def test_the_devices_page_shows_its_values(house: House, page: Page) -> None:
    await house.until_live("pump_001-ph", "pump_001-water_level")
    device = (await house.client.devices(DOMAIN))["pump_001"]
    await page.goto(f"{house.hass.url}/config/devices/device/{device['id']}")

    sensors = page.locator("ha-device-entities-card").filter(has_text="Water temperature")
    await expect(sensors.get_by_text("mS/cm")).to_be_visible(timeout=PATIENCE)
    await expect(sensors.get_by_text("L/min")).to_be_visible()
    measured = house.device("pump_001").last_values
    await expect(sensors.get_by_text(f"{measured['water_temperature']} °C")).to_be_visible()
    await expect(page.get_by_text("Firmware: 2.0.1")).to_be_visible()
    await shoot(page, "device")


async def test_values_on_the_screen_follow_the_device(house: House, page: Page) -> None:
    house.device("pump_001").offsets["ph"] = 3.0

    sensors = page.locator("ha-device-entities-card").filter(has_text="Water temperature")
    await expect(sensors.get_by_text(re.compile(r"8\.[89]\d"))).to_be_visible(timeout=PATIENCE)


async def test_the_log_holds_no_error(house: House) -> None:
    assert house.hass.errors() == []
