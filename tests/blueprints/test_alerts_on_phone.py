"""The blueprint that brings SmartAir's alerts to phones: it sends what it is told to send, and nothing else."""

from typing import Any

from homeassistant.core import Context, ServiceCall, ServiceResponse, SupportsResponse, callback
import pytest

from custom_components.smartair.notices.receivers import receivers
from custom_components.smartair.pysmartair.alerts.notices import Receiver

from .conftest import OWNER, House

PHONE = "Ann's Phone"
FAN = "fan.bathroom"
NOTICE: dict[str, Any] = {
    "action": "told",
    "alert_id": "01ALERT",
    "tag": "smartair-01ALERT",
    "title": "Office · CO₂ meter: CO₂ high",
    "message": "1,394 ppm, the limit is 1,000 ppm. Open a window.",
    "severity": "warning",
    "critical": False,
    "silent": False,
    "url": "/config/devices/device/42",
    "ventilate": True,
    "buttons": [
        {"action": "SMARTAIR_ALERT_ACKNOWLEDGE_01ALERT", "title": "Acknowledge"},
        {"action": "URI", "title": "Open", "uri": "/config/devices/device/42"},
    ],
    "alert": {"code": "co2_high"},
}


@pytest.fixture
def active(house: House) -> list[str]:
    """The ids of the alerts that are active."""
    ids = ["01ALERT"]

    @callback
    def answer(_call: ServiceCall) -> ServiceResponse:
        return {"alerts": [{"id": one} for one in ids]}

    house.hass.services.async_register("smartair", "get_alerts", answer, supports_response=SupportsResponse.ONLY)
    return ids


async def tell(house: House, **changes: Any) -> None:
    """Tell whoever wants to be told."""
    everybody = receivers(house.hass)
    for receiver in everybody.all:
        everybody.async_tell(receiver, NOTICE | changes)
    await house.settle()


async def begin(house: House, **inputs: Any) -> None:
    phone = await house.phone(PHONE)
    await house.use("alerts_on_phone", **({"phones": [phone]} | inputs))


async def test_a_message_comes_as_it_is_with_its_buttons(house: House) -> None:
    await begin(house)
    await tell(house)
    [push] = house.pushes(PHONE)
    data = push["data"]
    assert (push["title"], push["message"]) == (NOTICE["title"], NOTICE["message"])
    assert (data["tag"], data["url"], data["clickAction"]) == (NOTICE["tag"], NOTICE["url"], NOTICE["url"])
    assert data["actions"] == NOTICE["buttons"]
    assert data["push"] == {"interruption-level": "time-sensitive"}
    assert house.on_screen() == {NOTICE["tag"]: NOTICE["title"]}


async def test_what_is_critical_breaks_through_and_an_update_makes_no_sound(house: House) -> None:
    await begin(house)
    await tell(house, critical=True)
    assert house.pushes(PHONE)[0]["data"]["push"]["interruption-level"] == "critical"
    await tell(house, action="updated", silent=True)
    assert house.pushes(PHONE)[0]["data"]["alert_once"] is True


@pytest.mark.parametrize("action", ["resolved", "cleared"])
async def test_what_is_over_or_known_is_taken_back(house: House, action: str) -> None:
    await begin(house)
    await tell(house)
    house.pushes(PHONE)
    await tell(house, action=action, silent=True)
    [push] = house.pushes(PHONE)
    assert (push["message"], push["data"]["tag"]) == ("clear_notification", NOTICE["tag"])
    assert house.on_screen() == {}


async def test_its_wishes_are_those_of_its_owner(house: House) -> None:
    await begin(house, severity="critical", quiet_start="23:00:00", quiet_end="06:30:00")
    [receiver] = receivers(house.hass).all
    assert receiver.key == "critical/23:00:00/06:30:00"


async def test_without_any_choice_it_is_told_warnings_outside_the_night(house: House) -> None:
    await house.use("alerts_on_phone")
    assert receivers(house.hass).all == (Receiver(),)
    await tell(house)
    assert house.on_screen() == {NOTICE["tag"]: NOTICE["title"]}


async def test_the_page_that_opens_can_be_chosen(house: House) -> None:
    await begin(house, dashboard="/smartair/air")
    await tell(house)
    [push] = house.pushes(PHONE)
    assert push["data"]["clickAction"] == push["data"]["actions"][-1]["uri"] == "/smartair/air"


async def ventilated(house: House, action: str, context: Context = OWNER) -> bool:
    house.hass.bus.async_fire("mobile_app_notification_action", {"action": action}, context=context)
    await house.settle()
    return ("homeassistant.turn_on", FAN) in house.calls("homeassistant.") or house.state(FAN) == "on"


async def test_the_ventilation_is_started_from_the_message_about_bad_air(house: House, active: list[str]) -> None:
    await house.put(FAN, "off")
    await begin(house, ventilation=[FAN])
    await tell(house)
    button = house.pushes(PHONE)[0]["data"]["actions"][0]
    assert button["title"] == "Start ventilation"
    assert await ventilated(house, button["action"])


async def test_only_the_phone_of_a_user_starts_it_and_only_for_an_active_alert_of_this_automation(
    house: House, active: list[str]
) -> None:
    await house.put(FAN, "off")
    await begin(house, ventilation=[FAN])
    await tell(house)
    action = house.pushes(PHONE)[0]["data"]["actions"][0]["action"]
    assert not await ventilated(house, action, Context())
    assert not await ventilated(house, f"{action}x")
    assert not await ventilated(house, action.replace("01ALERT", "01OTHER"))
    active.clear()
    assert not await ventilated(house, action)


@pytest.mark.parametrize(
    "changes", [{"ventilate": False}, {"alert_id": None, "alert": None}], ids=["no air", "for all"]
)
async def test_what_is_not_about_air_has_no_button_for_the_ventilation(house: House, changes: dict[str, Any]) -> None:
    await begin(house, ventilation=[FAN])
    await tell(house, **changes)
    assert [one["title"] for one in house.pushes(PHONE)[0]["data"]["actions"]] == ["Acknowledge", "Open"]


async def test_a_burst_of_messages_reaches_the_phone_whole(house: House) -> None:
    await begin(house)
    everybody = receivers(house.hass)
    for number in range(60):
        everybody.async_tell(Receiver(), NOTICE | {"tag": f"smartair-{number}"})
    for _ in range(60):
        await house.settle()
    assert [push["data"]["tag"] for push in house.pushes(PHONE)] == [f"smartair-{number}" for number in range(60)]
