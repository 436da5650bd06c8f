"""Every text says where: the room and the device, as their owner calls them by now."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.smartair.alerts.announce import place_of_alert
from custom_components.smartair.const import DOMAIN, EVENT_ALERT
from custom_components.smartair.devices.place import place_of_device, place_of_entity
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pysmartair import Code

from .conftest import CO2_INFO, Say
from .pump_node import Node

AWKWARD = ['Quoted "office"', "{area} %s 100 %", "🌱 Grow", "Кабинет", "O'Brien's", "a\\b"]


async def _add(hub: SmartAirHub, say: Say, uid: str, name: str, area: str | None) -> None:
    await say(uid, "info", {**CO2_INFO, "name": name, "area": area}, retain=True)
    await say(uid, "status", "online", retain=True)
    await hub.async_approve([uid])
    await hub.hass.async_block_till_done()


async def test_two_equal_devices_in_two_rooms_are_told_apart(house: SmartAirHub, say: Say) -> None:
    await _add(house, say, "a", "CO₂ meter", "Office")
    await _add(house, say, "b", "CO₂ meter", "Bedroom")
    await _add(house, say, "c", "CO₂ meter", "Bedroom")
    await _add(house, say, "d", "CO₂ meter", None)
    events = async_capture_events(house.hass, EVENT_ALERT)
    for uid in "abcd":
        house.alerts.async_raise(Code.CO2_HIGH, uid=uid)
    assert [event.data["name"] for event in events] == [
        "Office · CO₂ meter",
        "Bedroom · CO₂ meter",
        "Bedroom · CO₂ meter 2",
        "CO₂ meter",
    ]


async def test_a_place_follows_what_its_owner_renames(house: SmartAirHub, say: Say) -> None:
    """The area, the device, and the device that had the name before."""
    await _add(house, say, "a", "CO₂ meter", "Office")
    await _add(house, say, "b", "CO₂ meter", "Office")
    device, other = house.devices["a"], house.devices["b"]
    assert (device.place, other.place) == ("Office · CO₂ meter", "Office · CO₂ meter 2")
    areas, devices = ar.async_get(house.hass), dr.async_get(house.hass)
    assert device.device_id is not None
    devices.async_update_device(device.device_id, name_by_user="Desk")
    assert (device.place, other.place) == ("Office · Desk", "Office · CO₂ meter")
    office = areas.async_get_area_by_name("Office")
    assert office is not None
    areas.async_update(office.id, name="Study")
    assert (device.place, other.place) == ("Study · Desk", "Study · CO₂ meter")
    devices.async_update_device(device.device_id, area_id=None)
    assert device.place == "Desk"


async def test_a_pump_is_found_by_its_room_and_its_node(node: Node, house: SmartAirHub) -> None:
    """In a repair, an alert and a refusal alike."""
    device = house.devices[node.uid]
    assert device.device_id is not None
    office = ar.async_get(house.hass).async_create("Office")
    dr.async_get(house.hass).async_update_device(device.device_id, area_id=office.id)
    pump = next(iter(house.pumps.values()))
    where = f"Office · {device.name} · "
    assert pump.place.startswith(where)
    house.alerts.async_raise(Code.NO_FLOW, uid=pump.uid, channel=pump.channel, cause="measured")
    (alert,) = house.alerts.active()
    assert place_of_alert(house, alert) == pump.place
    (issue,) = (one for key, one in ir.async_get(house.hass).issues.items() if key[0] == DOMAIN)
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["device"] == pump.place


async def test_an_alert_that_has_no_thing_is_at_the_hub(hass: HomeAssistant, house: SmartAirHub) -> None:
    """Or where the words say that it is: a zone that is deleted, a switch that is gone."""
    house.alerts.async_raise(Code.MQTT_DOWN)
    house.alerts.async_raise(Code.LEAK, zone="gone")
    house.alerts.async_raise(Code.STOP_NOT_SENT, channel="switch.gone")
    house.alerts.async_raise(Code.DEVICE_OFFLINE, uid="gone_001")
    assert [place_of_alert(house, alert) for alert in house.alerts.active()] == [
        "SmartAir",
        "gone",
        "switch.gone",
        "gone_001",
    ]


@pytest.mark.parametrize("area", AWKWARD)
async def test_any_sign_may_be_in_a_name(house: SmartAirHub, say: Say, area: str) -> None:
    """It is shown as it is written, in an error too, where Home Assistant fills in names."""
    await _add(house, say, "a", 'CO₂ "meter" {1} 🌡️', area)
    where = f'{area} · CO₂ "meter" {{1}} 🌡️'
    with pytest.raises(HomeAssistantError) as refused:
        await house.devices["a"].async_command("dance")
    assert where in str(refused.value)


async def test_things_of_others_have_a_place_too(hass: HomeAssistant) -> None:
    """A switch that a zone uses: by its own room, or by that of its device."""
    other = MockConfigEntry(domain="test")
    other.add_to_hass(hass)
    devices, entities, areas = dr.async_get(hass), er.async_get(hass), ar.async_get(hass)
    cellar, tent = areas.async_create("Cellar"), areas.async_create("Tent")
    plug = devices.async_get_or_create(config_entry_id=other.entry_id, identifiers={("test", "1")}, name="Plug")
    switch = entities.async_get_or_create("switch", "test", "1", device_id=plug.id, original_name="Relay")
    hass.states.async_set(switch.entity_id, "on", {"friendly_name": "Plug Relay"})
    assert place_of_entity(hass, switch.entity_id) == "Plug Relay"
    devices.async_update_device(plug.id, area_id=cellar.id)
    assert place_of_entity(hass, switch.entity_id) == "Cellar · Plug Relay"
    assert place_of_device(hass, plug.id) == "Cellar · Plug"
    entities.async_update_entity(switch.entity_id, area_id=tent.id)
    assert place_of_entity(hass, switch.entity_id) == "Tent · Plug Relay"
    loose = entities.async_get_or_create("switch", "test", "2")
    assert place_of_entity(hass, loose.entity_id) == loose.entity_id
    assert place_of_entity(hass, "switch.unheard_of") == "switch.unheard_of"
    assert place_of_device(hass, None) is None
    assert place_of_device(hass, "unheard of") is None
