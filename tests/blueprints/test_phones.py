"""Each phone is told whatever becomes of the others."""

from homeassistant.core import ServiceCall, callback
from homeassistant.helpers import entity_registry as er
import pytest

from .conftest import House
from .test_air_quality_alert import CO2, begin


@pytest.fixture(autouse=True)
def _no_errors_in_the_log() -> None:
    """Let Home Assistant log that an action does not exist; that is what is tried here."""


async def phones(house: House, *names: str) -> list[str]:
    return [await house.phone(name) for name in names]


@pytest.mark.parametrize("odd", ["📱", "42", "Ann's Phone", "Телефон", "a_b", "None"])
async def test_a_phone_with_an_odd_name_is_told(house: House, odd: str) -> None:
    chosen = await phones(house, odd, "Bob's Phone")
    await begin(house, 1500, bad_for=0, phones=chosen)
    assert [len(house.pushes(name)) for name in (odd, "Bob's Phone")] == [1, 1]


@pytest.mark.parametrize("gone", [0, 1, 2])
async def test_a_phone_without_its_action_costs_only_itself(house: House, gone: int) -> None:
    names = ["First", "Second", "Third"]
    chosen = await phones(house, *names)
    house.hass.services.async_remove("notify", f"mobile_app_{names[gone].lower()}")
    await begin(house, 1500, bad_for=0, phones=chosen)
    assert [len(house.pushes(name)) for name in names] == [int(index != gone) for index in range(3)]
    assert house.state("input_text.memory").startswith("bad ")


async def test_a_phone_without_its_action_is_told_through_its_entity_from_then_on(house: House) -> None:
    sent: list[str] = []

    @callback
    def send(call: ServiceCall) -> None:
        sent.extend([*call.data["entity_id"], call.data["title"]])

    house.hass.services.async_register("notify", "send_message", send)
    chosen = await phones(house, "First", "Second")
    house.hass.services.async_remove("notify", "mobile_app_first")
    await begin(house, 1500, bad_for=0, remind=10, phones=chosen)
    await house.wait(minutes=11)
    assert sent == ["notify.first", "The air is bad"]
    assert len(house.pushes("Second")) == 2


async def test_a_phone_whose_entity_is_disabled_is_told(house: House) -> None:
    chosen = await phones(house, "First")
    er.async_get(house.hass).async_update_entity("notify.first", disabled_by=er.RegistryEntryDisabler.USER)
    await house.remove("notify.first")
    await begin(house, 1500, bad_for=0, phones=chosen)
    assert len(house.pushes("First")) == 1


async def test_twelve_phones_are_told_though_every_third_is_gone(house: House) -> None:
    names = [f"Phone {number}" for number in range(12)]
    chosen = await phones(house, *names)
    for number in (0, 3, 6):
        house.hass.services.async_remove("notify", f"mobile_app_phone_{number}")
    await begin(house, 1500, bad_for=0, phones=chosen)
    assert [len(house.pushes(name)) for name in names] == [0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1]
    assert house.state(CO2) == "1500"
