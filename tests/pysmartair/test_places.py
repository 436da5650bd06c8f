"""Where a thing is, as a text: its area once, and a number behind names that are equal."""

import pytest

from custom_components.smartair.pysmartair import Thing, place_text, places


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("Office", "CO₂ meter"), "Office · CO₂ meter"),
        ((None, "CO₂ meter"), "CO₂ meter"),
        (("", "CO₂ meter"), "CO₂ meter"),
        (("  ", " CO₂ meter "), "CO₂ meter"),
        (("Office", "Office CO₂ meter"), "Office CO₂ meter"),
        (("office", "CO₂ meter OFFICE"), "CO₂ meter OFFICE"),
        (("Office", "Office"), "Office"),
        (("Bad", "Badger lamp"), "Bad · Badger lamp"),
        (("Cellar (old)", "Pump {1} 100 %"), "Cellar (old) · Pump {1} 100 %"),
        (("Cellar (old)", "Pump in cellar (OLD)"), "Pump in cellar (OLD)"),
        (('"Lab"', 'The "Lab" meter'), 'The "Lab" meter'),
        (("🌱 Greenhouse", "🌱"), "🌱 Greenhouse · 🌱"),
        (("Greenhouse", "Rack A pumps", "Drain pump"), "Greenhouse · Rack A pumps · Drain pump"),
        (("Greenhouse", "Rack A", "Rack A drain"), "Greenhouse · Rack A drain"),
        ((), ""),
    ],
)
def test_a_place_names_the_area_once(parts: tuple[str | None, ...], text: str) -> None:
    """What a later part says already is not said before it; any sign may be in a name."""
    assert place_text(*parts) == text


def test_equal_names_in_two_rooms_need_no_number() -> None:
    """The room tells them apart."""
    meters = [Thing("1", "CO₂ meter", "Office"), Thing("2", "CO₂ meter", "Bedroom")]
    assert places(meters) == {"1": "Office · CO₂ meter", "2": "Bedroom · CO₂ meter"}


def test_equal_names_in_one_room_get_a_number_that_nobody_else_has() -> None:
    """The first keeps its name, and one that is called "2" by its owner keeps that."""
    meters = [
        Thing("1", "CO₂ meter", "Office"),
        Thing("2", "CO₂ meter 2", "Office"),
        Thing("3", "co₂ meter", "Office"),
        Thing("4", "CO₂ meter", "Office"),
        Thing("5", "CO₂ meter"),
        Thing("6", "CO₂ meter"),
    ]
    assert places(meters) == {
        "1": "Office · CO₂ meter",
        "2": "Office · CO₂ meter 2",
        "3": "Office · co₂ meter 3",
        "4": "Office · CO₂ meter 4",
        "5": "CO₂ meter",
        "6": "CO₂ meter 2",
    }


def test_the_parts_of_equal_devices_carry_the_number_of_their_device() -> None:
    """A pump is found by its node; two pumps of one node and one name are numbered themselves."""
    things = [
        Thing("a", "Pumps", "Greenhouse"),
        Thing("b", "Pumps", "Greenhouse"),
        Thing("a1", "Drain pump", "Greenhouse", "a"),
        Thing("b1", "Drain pump", "Greenhouse", "b"),
        Thing("b2", "Drain pump", "Greenhouse", "b"),
        Thing("b3", "Drain pump", "Cellar", "b"),
        Thing("lost", "Drain pump", "Cellar", "gone"),
    ]
    assert places(things) == {
        "a": "Greenhouse · Pumps",
        "b": "Greenhouse · Pumps 2",
        "a1": "Greenhouse · Pumps · Drain pump",
        "b1": "Greenhouse · Pumps 2 · Drain pump",
        "b2": "Greenhouse · Pumps 2 · Drain pump 2",
        "b3": "Cellar · Pumps 2 · Drain pump",
        "lost": "Cellar · Drain pump",
    }
