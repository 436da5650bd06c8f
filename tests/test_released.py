"""Switches that are released, and stops that cannot be sent: nothing is lost, and people are told."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.smartair.pumps.refusals import PumpRefusedError
from custom_components.smartair.pysmartair import Code
from custom_components.smartair.pysmartair.guard.model import Tripped
from custom_components.smartair.pysmartair.safety import Cause, Reason, Refused, Role
from custom_components.smartair.zones.zone import Zone

from .conftest import Wait
from .foreign_rack import ZONE, ForeignRack, breathe
from .pump_node import Node
from .test_carrying_out import connect
from .zone_rack import add_zone


@pytest.fixture
def rack(hass: HomeAssistant, hub: MockConfigEntry, wait: Wait) -> ForeignRack:
    """Three switches and a tank."""
    return ForeignRack(hass, wait)


@pytest.fixture
async def zone(hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack) -> Zone:
    """A zone of them."""
    rack.level = 50.0
    rack.report()
    zone = await add_zone(hass, hub, ZONE)
    await rack.second(2)
    return zone


def owed(hub: MockConfigEntry) -> set[str | None]:
    return {alert.channel for alert in hub.runtime_data.alerts.active() if alert.code is Code.STOP_NOT_SENT}


async def delete(hass: HomeAssistant, hub: MockConfigEntry, zone: Zone, rack: ForeignRack) -> None:
    hass.config_entries.async_remove_subentry(hub, zone.zone_id)
    await rack.second(2)
    assert zone.zone_id not in hub.runtime_data.zones


@pytest.mark.parametrize("restart", [False, True])
async def test_a_switch_that_was_away_when_its_zone_was_deleted_is_stopped_when_it_is_back(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack, zone: Zone, *, restart: bool
) -> None:
    await zone.pumps[Role.FILL].async_run(seconds=300)
    await rack.second(3)
    rack.leave("fill")
    await rack.second(3)
    await delete(hass, hub, zone, rack)
    assert rack.contact["fill"]
    assert owed(hub) == {"switch.fill"}
    if restart:
        assert await hass.config_entries.async_reload(hub.entry_id)
        await rack.second(3)
    rack.come_back("fill")
    await rack.second(3)
    assert not rack.contact["fill"], "back, and nobody guards it"
    assert owed(hub) == set()
    told = len(rack.calls)
    rack.contact["fill"] = True
    rack.show("fill")
    await rack.second(15)
    assert rack.contact["fill"], "what its owner does with it after that is none of ours"
    assert len(rack.calls) == told


async def test_circulation_that_was_away_and_off_when_its_zone_was_deleted_runs_when_it_is_back(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack, zone: Zone
) -> None:
    await zone.pumps[Role.RECIRCULATION].async_stop()
    await rack.second(3)
    rack.leave("recirc")
    await rack.second(3)
    await delete(hass, hub, zone, rack)
    rack.come_back("recirc")
    await rack.second(3)
    assert rack.contact["recirc"]
    assert hub.runtime_data.alerts.active() == []


async def test_a_switch_that_is_off_is_owed_nothing(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack, zone: Zone
) -> None:
    await delete(hass, hub, zone, rack)
    await rack.second(15)
    told = len(rack.calls)
    rack.contact["drain"] = True
    rack.show("drain")
    await rack.second(15)
    assert rack.contact["drain"]
    assert len(rack.calls) == told
    assert owed(hub) == set()


async def test_a_switch_that_a_zone_uses_again_is_owed_nothing_more(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack, zone: Zone
) -> None:
    await zone.pumps[Role.FILL].async_run(seconds=300)
    await rack.second(3)
    rack.leave("fill")
    await delete(hass, hub, zone, rack)
    assert owed(hub) == {"switch.fill"}
    await add_zone(hass, hub, ZONE, "Another")
    await rack.second(1)
    assert owed(hub) == set()


# --- stops that cannot be sent ------------------------------------------------------------------------


async def test_a_stop_that_could_not_be_sent_is_an_alert_until_it_went_out(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, node: Node, wait: Wait
) -> None:
    fill = hub.runtime_data.pumps["rack_a", "pump_fill"]
    await fill.async_run(seconds=55)
    await node.report()
    connect(hass, up=False)
    await wait(0)
    with pytest.raises(HomeAssistantError):
        await fill.async_stop()
    assert owed(hub) == {"pump_fill"}
    await wait(12)
    assert owed(hub) == {"pump_fill"}
    assert node.on["pump_fill"]
    connect(hass, up=True)
    await wait(0)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not node.on["pump_fill"], "it is sent as soon as it can be"
    await node.report()
    assert owed(hub) == set()


async def test_a_stop_of_a_pump_that_rested_is_owed_too(
    hass: HomeAssistant, broker: MqttMockHAClient, hub: MockConfigEntry, node: Node, wait: Wait
) -> None:
    fill = hub.runtime_data.pumps["rack_a", "pump_fill"]
    connect(hass, up=False)
    await wait(0)
    with pytest.raises(HomeAssistantError):
        await fill.async_stop()
    node.on["pump_fill"] = True
    await wait(12)
    connect(hass, up=True)
    await wait(0)
    await node.report()
    await node.report()
    assert not node.on["pump_fill"]
    assert owed(hub) == set()


async def test_a_stop_that_a_switch_could_not_take_is_told_and_sent_again(
    hub: MockConfigEntry, rack: ForeignRack, zone: Zone
) -> None:
    fill = zone.pumps[Role.FILL]
    await fill.async_run(seconds=300)
    await rack.second(3)
    rack.leave("fill")
    with pytest.raises(HomeAssistantError):
        await fill.async_stop()
    assert owed(hub) == {"switch.fill"}
    await rack.second(20)
    rack.come_back("fill")
    await rack.second(2)
    assert not rack.contact["fill"]
    assert owed(hub) == set()


# --- whose coil opens the contact ---------------------------------------------------------------------


async def test_a_switch_whose_coil_opens_the_contact_runs_its_pump_while_it_is_off(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack
) -> None:
    rack.level = 50.0
    rack.report()
    rack.contact["recirc"] = False
    rack.show("recirc")
    zone = await add_zone(hass, hub, ZONE | {"pumps": ZONE["pumps"] | {"pumps_inverted": ["recirculation"]}})
    await rack.second(2)
    circulation = zone.pumps[Role.RECIRCULATION]
    assert circulation.is_on
    await circulation.async_stop()
    await breathe()
    assert rack.contact["recirc"], "the coil holds the contact open"
    assert circulation.is_on is False
    await rack.second(905)
    assert not rack.contact["recirc"], "S5: it runs again"
    data = ZONE | {"pumps": ZONE["pumps"] | {"pumps_inverted": []}}
    hass.config_entries.async_update_subentry(hub, hub.subentries[zone.zone_id], data=data)
    await breathe()
    assert circulation.is_on is False
    await rack.second(2)


# --- one tank -----------------------------------------------------------------------------------------


async def test_two_zones_of_one_tank_share_their_interlocks(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack
) -> None:
    rack.level = 50.0
    rack.report()
    fills = await add_zone(hass, hub, _of("fill"), "Fills")
    drains = await add_zone(hass, hub, _of("drain"), "Drains")
    await rack.second(2)
    await fills.pumps[Role.FILL].async_run(seconds=60)
    await breathe()
    with pytest.raises(PumpRefusedError) as error:
        await drains.pumps[Role.DRAIN].async_run(seconds=60)
    assert error.value.verdict.reason is Reason.INTERLOCK
    assert not rack.contact["drain"]


async def test_two_zones_of_one_tank_do_not_change_its_water_at_once(
    hass: HomeAssistant, hub: MockConfigEntry, rack: ForeignRack, zone: Zone
) -> None:
    for name in ("fill_b", "drain_b"):
        rack.contact[name] = False
        rack.show(name)
    pumps = {"fill": "switch.fill_b", "drain": "switch.drain_b"}
    other = await add_zone(hass, hub, ZONE | {"pumps": pumps}, "Other")
    await rack.second(2)
    await zone.async_start_change()
    await rack.second(2)
    with pytest.raises(HomeAssistantError) as error:
        await other.async_start_change()
    assert error.value.translation_key == "change_refused_other_zone"


def _of(role: str) -> dict[str, Any]:
    return ZONE | {"pumps": {role: f"switch.{role}"}}


# --- one failure is one ---------------------------------------------------------------------------------


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    "break_it",
    [
        lambda zone, patch: patch.setattr(zone.pumps[Role.FILL], "async_tick", broken),
        lambda zone, _: zone.pumps[Role.DRAIN].async_listen(broken),
        lambda zone, _: zone.alerts.async_listen(broken),
        lambda zone, _: zone.async_listen(broken),
        lambda zone, _: zone.async_listen_happenings(broken),
        lambda zone, _: zone.pumps[Role.DRAIN].async_listen_runs(broken),
    ],
    ids=["tick", "listener", "alerts", "zone", "happenings", "runs"],
)
async def test_an_exception_in_one_keeps_no_other_from_its_second(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    rack: ForeignRack,
    zone: Zone,
    break_it: Callable[[Zone, pytest.MonkeyPatch], object],
) -> None:
    break_it(zone, monkeypatch)
    await zone.async_start_change()
    await rack.second(5)
    assert rack.contact["drain"]
    zone.pumps[Role.DRAIN].async_take(Tripped(Refused(Reason.OVERCURRENT, Cause.MEASURED), locked=True))
    await rack.second(3)
    assert rack.contact == {"recirc": True, "fill": False, "drain": False}
    said = [record for record in caplog.records if "everything else goes on" in record.getMessage()]
    assert len(said) == len({record.getMessage() for record in said}) > 0
    caplog.clear()


async def test_a_zone_that_breaks_keeps_no_other_zone_from_its_second(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    hass: HomeAssistant,
    hub: MockConfigEntry,
    rack: ForeignRack,
    zone: Zone,
) -> None:
    other = await add_zone(hass, hub, _of("recirculation") | {"pumps": {"recirculation": "switch.other"}}, "Other")
    seen = other.memory.clock
    monkeypatch.setattr(zone, "async_pass_time", broken)
    await rack.second(3, silent=True)
    assert other.memory.clock != seen
    caplog.clear()
