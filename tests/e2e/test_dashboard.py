"""The dashboard as people see it: there without a reload, right in every view, and its buttons do what they say."""

from typing import TYPE_CHECKING, Any

from playwright.async_api import Page, expect
import pytest
import pytest_asyncio

from lab.browser import PATIENCE, find_browser, log_in, open_page
from lab.client import eventually
from lab.hass import CONFIGURED, DOMAIN
from lab.simulator.water import Fault
from lab.zone import add_zone

from .conftest import House, furnished
from .test_browser import ARTIFACTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(find_browser() is None, reason="there is no browser on this machine"),
]

type Json = dict[str, Any]

VIEWS = {
    "air": ("Kitchen", "Kitchen"),
    "water": ("Rack A", "Rack A"),
    "hosts": ("Lab computer", "Lab computer"),
    "devices": ("To do", "Что сделать"),
    "alerts": ("No active alerts", "Активных оповещений нет"),
    "air-kitchen": ("VOC index", "VOC index"),
}
"""Each view with what is seen in it in English and in Russian; names of rooms and entities stay what they are."""
MOST_CARDS = 60
LOCK = "pump_001-pump_recirc:safety_lock"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with furnished(CONFIGURED) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with open_page(width=1280, height=1400) as one:
        yield one


async def open_view(house: House, page: Page, name: str) -> None:
    await page.goto(f"{house.hass.url}/smart-air/{name}")


async def drawn(page: Page, word: str) -> None:
    """Wait until a view is there, and see that no card of it is broken."""
    await expect(page.locator("hui-sections-view").get_by_text(word).first).to_be_visible(timeout=PATIENCE)
    await page.wait_for_load_state("networkidle")
    broken = page.locator("hui-error-card, hui-error-badge, hui-error-heading-badge, hui-warning")
    assert await broken.count() == 0, await broken.all_text_contents()


async def shoot(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTIFACTS / f"dashboard-{name}.png")


async def test_the_first_hub_puts_a_dashboard_into_the_sidebar_of_an_open_page(house: House, page: Page) -> None:
    await house.add(
        house.household.identity("co2", "Bedroom"),
        house.household.identity("multi", "Kitchen"),
        house.household.identity("pump", "Greenhouse"),
        house.household.host(),
    )
    await house.card("devices/#")
    await log_in(page, house.hass)
    await expect(page.locator("ha-sidebar")).to_be_attached(timeout=PATIENCE)
    assert await page.locator('ha-sidebar [href="/smart-air"]').count() == 0
    await house.add_hub()
    for uid in house.identities:
        await house.approve(uid)

    link = page.locator('ha-sidebar [href="/smart-air"]')
    await expect(link).to_be_visible(timeout=PATIENCE)
    # A tab that showed a dashboard before has asked for its modules already, and asks again when it is reloaded.
    await page.reload()
    await link.click()

    await drawn(page, "Bedroom")


async def test_a_device_that_is_approved_appears_on_a_dashboard_that_is_open(house: House, page: Page) -> None:
    guest = house.household.identity("co2", "Office")
    await house.add(guest)
    await house.approve(guest.uid)

    await drawn(page, "Office")


async def test_no_card_of_any_view_is_broken(house: House, page: Page) -> None:
    await house.until_live("pump_001-ph", "pump_001-water_level", "multi_001-co2")
    await add_zone(house.client, "pump_001", "Rack A", limits={"tank_volume": 40}, cycle={"stabilize_minutes": 1})

    for name, (word, _) in VIEWS.items():
        await open_view(house, page, name)
        await drawn(page, word)
        await shoot(page, f"{name}-en-light-1280")


async def test_a_phone_in_the_dark_shows_it_in_russian(house: House, page: Page) -> None:
    await page.set_viewport_size({"width": 375, "height": 812})
    await page.emulate_media(color_scheme="dark")
    await page.evaluate("""localStorage.setItem("selectedLanguage", '"ru"')""")
    for name in ("air", "water", "alerts"):
        await open_view(house, page, name)
        await drawn(page, VIEWS[name][1])
        assert await page.evaluate("document.documentElement.scrollWidth") <= 375
        await shoot(page, f"{name}-ru-dark-375")
    await page.evaluate("""localStorage.setItem("selectedLanguage", '"en"')""")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 1280, "height": 1400})


async def test_a_locked_pump_is_seen_with_its_reason_and_reset_where_it_is_seen(house: House, page: Page) -> None:
    await open_view(house, page, "water")
    await drawn(page, "Rack A")
    reset = page.locator("hui-tile-card").filter(has_text="Reset safety lock")
    await expect(reset).to_have_count(0)

    await house.do(lambda: house.device("pump_001").sensors.rack.break_(Fault.BLOCKED, "pump_recirc"))
    await house.until(LOCK, lambda value: value == "on", within=40)

    await expect(reset).to_be_visible(timeout=PATIENCE)
    await shoot(page, "locked-pump")


async def test_a_tap_on_the_badge_lists_the_alert_and_acknowledges_it(house: House, page: Page) -> None:
    await page.locator("hui-badge").filter(has_text="Critical").click()
    row = page.locator("smartair-alerts .row").filter(has_text="No flow")
    await expect(row).to_be_visible(timeout=PATIENCE)

    await row.get_by_role("button", name="Acknowledge").click()

    await expect(row.get_by_role("button", name="Acknowledged")).to_be_disabled(timeout=PATIENCE)
    answer = await house.client.action_response(DOMAIN, "get_alerts", active=True)
    assert all(one["acknowledged_at"] for one in answer["alerts"] if one["code"] == "biz_no_flow")


async def test_the_reset_beside_the_lock_resets_it(house: House, page: Page) -> None:
    await house.do(house.device("pump_001").sensors.rack.repair)
    await open_view(house, page, "water")
    reset = page.locator("hui-tile-card").filter(has_text="Reset safety lock")
    await expect(reset).to_be_visible(timeout=PATIENCE)

    async def unlocked() -> bool:
        # It is refused until the node has measured that the pump is well again.
        if await reset.count():
            await reset.click()
        return await house.value(LOCK) == "off"

    await eventually(unlocked, within=40, what="the lock reset")
    await expect(reset).to_have_count(0)


# --- a made-up house in the modules ------------------------------------------------------------------


def made_up(devices: int, *, admin: bool = True) -> Json:
    """Return the registries of a house with so many CO₂ meters in ten rooms, as a browser has them."""
    areas = {f"room_{n}": {"area_id": f"room_{n}", "name": f"Room {n}", "floor_id": None} for n in range(10)}
    found: Json = {"entities": {}, "devices": {}, "areas": areas, "floors": {}, "user": {"is_admin": admin}}
    for n in range(devices):
        # Every eleventh has no room.
        area = f"room_{n % 10}" if n % 11 else None
        found["devices"][f"d{n}"] = {"id": f"d{n}", "name": f"CO₂ meter {n}", "area_id": area}
        shown = ("sensor.co2", "sensor.temperature", "sensor.humidity", "binary_sensor.online")
        for domain, key in (one.split(".") for one in shown):
            entity_id = f"{domain}.d{n}_{key}"
            known = {"entity_id": entity_id, "platform": "smartair", "translation_key": key, "device_id": f"d{n}"}
            found["entities"][entity_id] = known
    return found


_GENERATE = """async ([url, hass, first]) => {
    const { dashboard, view } = await import(url.replace("smartair.js", "strategy.js"));
    const limit = { high: 1000, low: null, hysteresis: 100 };
    const meters = Object.keys(hass.entities).filter((id) => id.endsWith("co2"));
    const limits = Object.fromEntries(meters.map((id) => [id, limit]));
    hass.connection = {};
    hass.callWS = async () => ({ hidden: [], zones: [], limits, first });
    hass.loadBackendTranslation = async () => (key) => key.split(".").at(-1);
    const began = performance.now();
    const { views } = await dashboard("smartair", {}, hass);
    const found = [];
    for (const one of views) {
        const { type, ...config } = one.strategy;
        const { sections } = await view(type.replace("custom:", ""), config, hass);
        found.push([one.path, sections.flatMap((section) => section.cards)]);
    }
    return { views: Object.fromEntries(found), ms: performance.now() - began };
}"""


async def generate(house: House, page: Page, hass: Json) -> Json:
    (resource,) = await house.client.call("lovelace/resources")
    made: Json = await page.evaluate(_GENERATE, [resource["url"], hass, [*hass["devices"]][:24]])
    views: Json = made["views"]
    return views


@pytest.mark.parametrize("devices", [0, 1, 40, 700])
async def test_no_view_has_more_cards_than_can_be_drawn_at_once(house: House, page: Page, devices: int) -> None:
    views = await generate(house, page, made_up(devices))
    assert {name: len(cards) for name, cards in views.items() if not 1 <= len(cards) <= MOST_CARDS} == {}


async def test_every_device_of_a_large_house_is_in_some_room(house: House, page: Page) -> None:
    views = await generate(house, page, made_up(700))
    shown = {card.get("entity") for name, cards in views.items() if name.startswith("air-") for card in cards}
    assert {f"sensor.d{n}_{key}" for n in range(700) for key in ("co2", "temperature", "humidity")} <= shown


async def test_the_devices_are_an_administrators_view(house: House, page: Page) -> None:
    assert "devices" in await generate(house, page, made_up(1))
    assert "devices" not in await generate(house, page, made_up(1, admin=False))


async def test_the_log_holds_no_error(house: House) -> None:
    assert house.hass.errors(("biz_no_flow", "still_there")) == []
