"""What automations remember survives restarts, is bounded, and goes with the automation."""

from typing import Any

from homeassistant.core import Context, HomeAssistant, State
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser, async_capture_events

from custom_components.smartair.automations.memory import MOST_AUTOMATIONS, Memories
from custom_components.smartair.const import DOMAIN

KEY = "smartair.memory"


def automation(name: str) -> dict[str, Any]:
    return {"id": f"id of {name}", "alias": name, "triggers": [], "actions": []}


@pytest.fixture
async def house(hass: HomeAssistant, broker: object) -> HomeAssistant:
    """A house with automations, and with SmartAir set up but no hub."""
    free = automation("free")
    del free["id"]
    configuration = {"automation": [automation("one"), automation("two"), free]}
    assert await async_setup_component(hass, "automation", configuration)
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    return hass


async def remember(hass: HomeAssistant, whose: str, what: Any, context: Context | None = None) -> Any:
    data = {"automation": whose, "memory": what}
    return await hass.services.async_call(
        DOMAIN, "remember", data, blocking=True, return_response=True, context=context
    )


async def recall(hass: HomeAssistant, whose: str) -> Any:
    answer = await hass.services.async_call(
        DOMAIN, "recall", {"automation": whose}, blocking=True, return_response=True
    )
    return answer["memory"]


@pytest.mark.parametrize("what", ["bad 1 2 3", {"told": 3, "rooms": ["Спальня"]}])
async def test_what_is_remembered_is_returned_recalled_and_read_by_templates(house: HomeAssistant, what: Any) -> None:
    assert await remember(house, "automation.one", what) == {"automation": "id of one", "memory": what}
    assert await recall(house, "id of one") == what
    assert await recall(house, "automation.two") == {}
    state = house.states.get(KEY)
    assert (state.state, state.attributes["automation_id of one"]) == ("1", what)


async def test_it_outlives_a_restart(house: HomeAssistant) -> None:
    await remember(house, "automation.one", "locked")
    after = Memories(house)
    await after.async_load()
    assert after.recall("id of one") == "locked"


async def test_it_outlives_a_new_name(house: HomeAssistant) -> None:
    await remember(house, "automation.one", "locked")
    er.async_get(house).async_update_entity("automation.one", new_entity_id="automation.uno")
    await house.async_block_till_done()
    assert await recall(house, "automation.uno") == "locked"


async def test_it_goes_with_its_automation(house: HomeAssistant, hass_storage: dict[str, Any]) -> None:
    await remember(house, "automation.one", "a")
    await remember(house, "automation.two", "b")
    er.async_get(house).async_remove("automation.one")
    await house.async_block_till_done()
    assert hass_storage["smartair.memory"]["data"] == {"memories": {"id of two": "b"}}
    assert house.states.get(KEY).state == "1"


async def test_an_automation_without_an_id_is_known_by_its_entity(house: HomeAssistant) -> None:
    await remember(house, "automation.free", "x")
    house.bus.async_fire("automation_reloaded")
    await house.async_block_till_done()
    assert await recall(house, "automation.free") == "x"
    house.states.async_remove("automation.free")
    house.bus.async_fire("automation_reloaded")
    await house.async_block_till_done()
    assert house.states.get(KEY).state == "0"


async def test_an_equal_memory_is_written_nowhere(house: HomeAssistant) -> None:
    await remember(house, "automation.one", "x")
    written = async_capture_events(house, "state_changed")
    await remember(house, "automation.one", "x")
    await remember(house, "automation.two", "")
    await house.async_block_till_done()
    assert written == []


@pytest.mark.parametrize("nothing", ["", {}])
async def test_nothing_forgets(house: HomeAssistant, hass_storage: dict[str, Any], nothing: Any) -> None:
    await remember(house, "automation.one", "x")
    await remember(house, "automation.one", nothing)
    assert hass_storage["smartair.memory"]["data"] == {"memories": {}}


@pytest.mark.parametrize(("what", "key"), [("ы" * 2048, "memory_too_large"), ({"x": {1, 2}}, "memory_not_plain")])
async def test_what_is_too_much_or_cannot_be_kept_is_refused(house: HomeAssistant, what: Any, key: str) -> None:
    await remember(house, "automation.one", "before")
    with pytest.raises(ServiceValidationError) as refused:
        await remember(house, "automation.one", what)
    assert refused.value.translation_key == key
    assert await recall(house, "automation.one") == "before"


@pytest.mark.parametrize("whose", ["automation.gone", "gone", "light.kitchen", "smartair.memory"])
async def test_nothing_is_kept_for_what_is_no_automation(house: HomeAssistant, whose: str) -> None:
    house.states.async_set("light.kitchen", "on")
    with pytest.raises(ServiceValidationError) as refused:
        await remember(house, whose, "x")
    assert refused.value.translation_key == "no_such_automation"


async def test_there_is_room_for_many_and_the_gone_make_room(house: HomeAssistant) -> None:
    for number in range(MOST_AUTOMATIONS):
        house.states.async_set(f"automation.yaml_{number}", "on")
        await remember(house, f"automation.yaml_{number}", "x")
    with pytest.raises(ServiceValidationError) as refused:
        await remember(house, "automation.one", "x")
    assert refused.value.translation_key == "too_many_memories"
    await remember(house, "automation.yaml_0", "y")  # who has one may go on
    house.states.async_remove("automation.yaml_1")
    await remember(house, "automation.one", "x")
    assert house.states.get(KEY).state == str(MOST_AUTOMATIONS)


@pytest.mark.parametrize("admin", [True, False])
async def test_only_automations_and_administrators_may_write(
    house: HomeAssistant, hass_admin_user: MockUser, hass_read_only_user: MockUser, *, admin: bool
) -> None:
    context = Context(user_id=(hass_admin_user if admin else hass_read_only_user).id)
    try:
        await remember(house, "automation.one", "cleared", context)
    except Unauthorized:
        assert not admin
    assert await recall(house, "automation.one") == ("cleared" if admin else {})


async def test_a_user_who_is_gone_may_write_nothing(house: HomeAssistant) -> None:
    with pytest.raises(Unauthorized):
        await remember(house, "automation.one", "x", Context(user_id="gone"))


@pytest.mark.parametrize(
    ("content", "kept"),
    [({"memories": {"a": "x", "b": 3, "c": {"d": 1}}}, {"a": "x", "c": {"d": 1}}), ({"memories": 7}, {}), ([], {})],
)
async def test_a_broken_file_costs_what_is_broken_only(
    hass: HomeAssistant, hass_storage: dict[str, Any], content: Any, kept: Any
) -> None:
    hass_storage["smartair.memory"] = {"version": 1, "minor_version": 1, "key": "smartair.memory", "data": content}
    memories = Memories(hass)
    await memories.async_load()
    assert {key: memories.recall(key) for key in "abc" if memories.recall(key)} == kept


async def test_it_is_ready_when_automations_begin(house: HomeAssistant) -> None:
    state = house.states.get(KEY)
    assert isinstance(state, State)
    assert state.state == "0"
