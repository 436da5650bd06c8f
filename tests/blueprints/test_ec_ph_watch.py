"""The watch over EC and pH: outside its range it is told, dosing stops, and inside it is taken back."""

from typing import Any

from homeassistant.const import UnitOfConductivity
from homeassistant.util.unit_conversion import ConductivityConverter
import pytest

from .conftest import House

PH, EC, DOSER = "sensor.ph", "sensor.ec", "switch.doser"
OFF = ("switch.turn_off", DOSER)
OUT, FAR = "The nutrient solution is out of its range", "The nutrient solution is far out of its range"


async def begin(
    house: House, ph: object = 6.0, ec: object = 1.8, at: str = "2026-09-22 12:00", **inputs: Any
) -> None:
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    await house.at(at)
    await house.put(PH, ph, friendly_name="Tank pH")
    await house.put(EC, ec, friendly_name="Tank EC", unit_of_measurement=inputs.pop("unit", "mS/cm"))
    if house.state(DOSER) is None:
        await house.put(DOSER, "off")
    phone = await house.phone("Ann's Phone")
    helper = await house.memory(inputs.pop("memory", None))
    await house.boot(
        "ec_ph_watch", **{"ph": [PH], "ec": [EC], "memory": helper, "phones": [phone], "dosing": [DOSER], **inputs}
    )


def told(house: House) -> list[str]:
    return [
        "clear" if push["message"] == "clear_notification" else f"{push['title']}: {push['message']}"
        for push in house.pushes()
    ]


@pytest.mark.parametrize(
    ("ph", "ec", "message"),
    [
        (5.4, 1.8, "Tank pH 5.4, too low."),
        (6.6, 1.8, "Tank pH 6.6, too high."),
        (6.0, 1.1, "Tank EC 1.1 mS/cm, too low."),
        (6.0, 2.5, "Tank EC 2.5 mS/cm, too high."),
        (5.4, 2.5, "Tank pH 5.4, too low; Tank EC 2.5 mS/cm, too high."),
    ],
)
async def test_outside_its_range_it_is_told_and_inside_taken_back(
    house: House, ph: float, ec: float, message: str
) -> None:
    await begin(house)
    await house.put(PH, ph)
    await house.put(EC, ec)
    await house.wait(minutes=14)
    assert told(house) == []
    await house.wait(minutes=2)
    assert told(house) == [f"{OUT}: {message}"]
    await house.put(PH, 6.0)
    await house.put(EC, 1.8)
    await house.wait(minutes=17)
    assert told(house)[-1] == "clear"


@pytest.mark.parametrize("edge", [5.5, 6.5, 5.55, 6.45])
async def test_the_edges_are_inside_but_not_yet_good_again(house: House, edge: float) -> None:
    await begin(house, edge, bad_for=0, good_for=0)
    assert told(house) == []
    await house.put(PH, 5.0)
    told(house)
    await house.put(PH, edge)
    await house.wait(minutes=5)
    assert "clear" not in told(house)


async def test_fifty_flaps_at_the_edge_are_one_message(house: House) -> None:
    await begin(house, bad_for=0, remind=0)
    for _ in range(25):
        await house.put(PH, 6.51)
        await house.put(PH, 6.49)
    await house.wait(minutes=20)
    assert len(told(house)) == 1


@pytest.mark.parametrize("unit", [*UnitOfConductivity, "\u00b5S/cm"])  # the sign that Home Assistant does not write
async def test_ec_is_judged_in_its_own_unit(house: House, unit: str) -> None:
    known = unit if unit in set(UnitOfConductivity) else UnitOfConductivity.MICROSIEMENS_PER_CM
    value = ConductivityConverter.convert(2.5, UnitOfConductivity.MILLISIEMENS_PER_CM, known)
    await begin(house, ec=value, unit=unit, bad_for=0)
    assert told(house) == [f"{OUT}: Tank EC 2.5 mS/cm, too high."]


@pytest.mark.parametrize("unit", [None, "ppm", "bananas"])
async def test_a_unit_that_is_not_known_is_not_read_and_told(house: House, unit: str | None) -> None:
    await begin(house, ec=1.8, unit=unit)
    [message] = told(house)
    assert message.startswith("The nutrient solution cannot be read: Tank EC cannot be read")
    await house.put(DOSER, "on")
    await house.wait(minutes=6)
    assert house.calls() == [OFF]
    assert told(house) == []
    await house.put(EC, 1.8, unit_of_measurement="mS/cm")
    assert told(house) == ["clear"]


@pytest.mark.parametrize("with_smartair", [True, False])
async def test_dosing_stops_when_the_probe_restarts_again_and_again(house: House, with_smartair: bool) -> None:
    if with_smartair:
        await house.remembers()
    await begin(house)
    await house.put(DOSER, "on")
    for turn in range(18):
        await house.put(PH, ["unavailable", "unknown"][turn % 2])
        await house.wait(seconds=20, step=20)
    assert OFF in house.calls()


async def test_what_is_critical_no_more_waits_for_the_morning(house: House) -> None:
    await begin(house, 4.0, at="2026-09-22 22:30")
    await house.wait(minutes=3)
    assert told(house) == [f"{FAR}: Tank pH 4.0, too low."]
    await house.put(PH, 5.3)
    await house.wait(minutes=8 * 60 + 25)
    assert told(house) == []
    await house.wait(minutes=6)
    assert told(house) == [f"{OUT}: Tank pH 5.3, too low."]


async def test_own_sensors_are_not_asked_for_the_age_of_a_steady_value(house: House) -> None:
    own = await house.ours("sensor", "tank_ph", 6.0)
    await house.put(DOSER, "on")
    await house.boot("ec_ph_watch", ph=[own], memory=await house.memory(), dosing=[DOSER], max_age=10)
    await house.wait(minutes=30)
    assert house.calls() == []


async def test_a_valve_that_is_opening_is_closed(house: House) -> None:
    house.hass.services.async_register("valve", "close_valve", lambda _: None)
    await house.put("valve.acid", "opening")
    await begin(house, dosing=["valve.acid"])
    await house.put(PH, 5.0)
    assert ("valve.close_valve", "valve.acid") in house.calls("valve.")


async def test_far_outside_it_is_critical_at_any_hour(house: House) -> None:
    await begin(house, at="2026-09-22 23:30")
    await house.put(PH, 5.4)
    await house.wait(minutes=20)
    assert told(house) == []
    await house.put(PH, 4.4)
    assert told(house) == [f"{FAR}: Tank pH 4.4, too low."]


async def test_swapped_ends_are_put_in_order(house: House) -> None:
    await begin(house, bad_for=0, ph_low=6.5, ph_high=5.5)
    assert told(house) == []
    await house.put(PH, 6.6)
    assert len(told(house)) == 1


async def test_dosing_stops_at_once_and_again_until_it_has_stopped(house: House) -> None:
    await begin(house)
    await house.put(DOSER, "on")
    assert house.calls() == []
    house.deaf = True
    await house.put(PH, 5.4)
    assert OFF in house.calls()
    await house.wait(minutes=1)
    assert house.calls() == [OFF]
    house.deaf = False
    await house.wait(minutes=3)
    assert house.calls() == [OFF]
    await house.put(DOSER, "on")
    assert house.calls() == [OFF]


@pytest.mark.parametrize("bad", ["unavailable", "unknown", "error", ""])
async def test_dosing_stops_when_a_value_is_not_known_and_nothing_is_told_of_it(house: House, bad: str) -> None:
    await begin(house)
    await house.put(DOSER, "on")
    await house.put(PH, bad)
    await house.wait(minutes=4)
    assert house.calls() == []
    await house.wait(minutes=2)
    assert house.calls() == [OFF]
    assert told(house) == []


async def test_after_a_restart_dosing_outside_the_range_is_stopped(house: House) -> None:
    await house.put(DOSER, "on")
    await begin(house, 5.0)
    assert house.calls() == [OFF]


async def test_a_stale_value_raises_nothing_and_stops_dosing(house: House) -> None:
    await begin(house, max_age=10)
    await house.put(DOSER, "on")
    await house.wait(minutes=12)
    assert (house.calls(), told(house)) == ([OFF], [])


async def test_snooze_acknowledge_and_reminders_work_as_in_the_air_quality_alert(house: House) -> None:
    await begin(house, 5.0, bad_for=0, remind=30)
    [push] = house.pushes()
    snooze, acknowledge, _ = [button["action"] for button in push["data"]["actions"]]
    await house.wait(minutes=31)
    assert len(told(house)) == 1
    await house.press(snooze)
    await house.wait(minutes=59)
    assert told(house) == []
    await house.wait(minutes=2)
    assert len(told(house)) == 1
    await house.press(acknowledge)
    await house.wait(minutes=600, step=600)
    assert told(house) == ["clear"]


async def test_what_was_told_survives_a_restart(house: House) -> None:
    await begin(house, 5.0, memory="bad 1790000000 99999999998 1 0 1")
    assert [push["data"]["alert_once"] for push in house.pushes()] == [True]
    await house.wait(minutes=60)
    assert told(house) == []


async def test_two_triggers_at_once_are_one_message(house: House) -> None:
    await begin(house, bad_for=0)
    for entity, value in ((PH, "5.0"), (EC, "3.0")):
        house.hass.states.async_set(entity, value, house.hass.states.get(entity).attributes)
    await house.settle()
    assert len([push for push in house.pushes() if not push["data"]["alert_once"]]) == 1


async def test_a_missing_memory_is_told_and_dosing_stops_all_the_same(house: House) -> None:
    await begin(house)
    await house.remove("input_text.memory")
    assert len(told(house)) == 1
    await house.put(DOSER, "on")
    await house.put(PH, 5.0)
    await house.wait(minutes=30)
    assert house.calls() == [OFF]
    assert told(house) == []


async def test_inputs_of_the_wrong_type_fall_back_to_the_defaults(house: House) -> None:
    names = ("ph_low", "ph_high", "ec_low", "ec_high", "band", "far", "bad_for", "good_for", "remind", "max_age")
    await begin(house, 5.0, **dict.fromkeys(names, "x"))
    await house.wait(minutes=16)
    assert told(house) == [f"{OUT}: Tank pH 5.0, too low."]


async def test_what_was_decided_is_decided_anew_when_its_turn_has_come(house: House) -> None:
    await begin(house, 6.0, bad_for=0, good_for=0)
    house.line.clear()  # the push server takes its time
    await house.put(PH, 5.0)
    assert len(told(house)) == 1
    await house.put(PH, 6.0)
    await house.put(PH, 5.0)
    house.line.set()
    await house.settle()
    assert told(house) == []
