"""Who may do what: an action asks for the same rights as an entity does, and a stop for hardly any."""

from typing import Any

from homeassistant.auth.models import User
from homeassistant.auth.permissions import PermissionLookup, PolicyPermissions
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import MqttMockHAClient, WebSocketGenerator

from custom_components.smartair.alerts.log import AlertLog
from custom_components.smartair.const import DOMAIN
from custom_components.smartair.hub import SmartAirHub
from custom_components.smartair.pysmartair import Code

from .conftest import Say, Wait
from .pump_node import Node
from .zone_rack import Rack, add_zone, settings

FILL = "pump_fill"
DRAIN = "pump_drain"
_TELLS = {"get_alerts", "get_water_usage", "acknowledge_alert", "send_command", "calibrate"}


async def act(hass: HomeAssistant, user: User | None, action: str, **data: Any) -> Any:
    """Call an action as a user, or as an automation."""
    context = Context(user_id=user.id if user else None)
    return await hass.services.async_call(
        DOMAIN, action, data, blocking=True, context=context, return_response=action in _TELLS
    )


def switch(house: SmartAirHub, channel: str) -> str:
    """Return the switch of a pump."""
    entity_id = house.pumps["rack_a", channel].entity_id
    assert entity_id is not None
    return entity_id


def device(house: SmartAirHub, uid: str = "rack_a") -> str:
    """Return the device of a node."""
    device_id = house.devices[uid].device_id
    assert device_id is not None
    return device_id


async def somebody(hass: HomeAssistant, entities: Any) -> User:
    """Return a user who has these rights and no others."""
    user: User = MockUser().add_to_hass(hass)
    user.permissions = PolicyPermissions(
        {"entities": entities}, PermissionLookup(er.async_get(hass), dr.async_get(hass))
    )
    return user


@pytest.fixture
def alerts(house: SmartAirHub) -> AlertLog:
    return house.alerts


# --- control ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["run_pump", "stop_pump", "reset_safety_lock"])
@pytest.mark.parametrize("target", ["pump", "all", "node"])
async def test_who_may_only_look_neither_runs_nor_stops_nor_resets_a_pump(
    hass: HomeAssistant, house: SmartAirHub, node: Node, hass_read_only_user: User, action: str, target: str
) -> None:
    child = house.pumps["rack_a", FILL].device_id
    named = {
        "pump": {ATTR_ENTITY_ID: switch(house, FILL)},
        "all": {ATTR_ENTITY_ID: "all"},
        "node": {ATTR_DEVICE_ID: child},
    }
    with pytest.raises(Unauthorized):
        await act(hass, hass_read_only_user, action, **named[target])
    assert node.sent == []


@pytest.mark.parametrize("command", ["run_pump", "stop_pump", "reset_safety_lock"])
async def test_who_may_only_look_sends_no_command(
    hass: HomeAssistant, house: SmartAirHub, node: Node, hass_read_only_user: User, command: str
) -> None:
    for channel in (FILL, "none"):
        with pytest.raises(Unauthorized):
            await act(
                hass,
                hass_read_only_user,
                "send_command",
                device_id=device(house),
                command=command,
                params={"channel": channel},
            )
    assert node.sent == []


async def test_who_may_only_look_neither_restarts_nor_calibrates(
    hass: HomeAssistant, house: SmartAirHub, co2: str, broker: MqttMockHAClient, hass_read_only_user: User
) -> None:
    broker.async_publish.reset_mock()
    with pytest.raises(Unauthorized):
        await act(hass, hass_read_only_user, "send_command", device_id=device(house, co2), command="restart")
    with pytest.raises(Unauthorized):
        await act(hass, hass_read_only_user, "calibrate", device_id=device(house, co2), metric="co2", reference=420)
    assert broker.async_publish.call_count == 0


async def test_a_refusal_is_told_as_home_assistant_tells_its_own(
    hass: HomeAssistant,
    house: SmartAirHub,
    node: Node,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = await hass_ws_client(hass, hass_read_only_access_token)
    target = {ATTR_ENTITY_ID: switch(house, FILL)}
    ours = {"type": "call_service", "domain": DOMAIN, "service": "run_pump", "target": target}
    theirs = {"type": "call_service", "domain": "switch", "service": "turn_on", "target": target}
    await client.send_json_auto_id(ours)
    answer = await client.receive_json()
    await client.send_json_auto_id(theirs)
    assert answer["error"] == (await client.receive_json())["error"]
    assert node.sent == []
    # Home Assistant writes down who was refused.
    caplog.clear()


async def test_who_may_control_one_pump_runs_that_one_and_no_other(
    hass: HomeAssistant, house: SmartAirHub, node: Node
) -> None:
    gardener = await somebody(hass, {"entity_ids": {switch(house, FILL): {"control": True}}})
    await act(hass, gardener, "run_pump", entity_id=switch(house, FILL), seconds=5)
    assert [order["channel"] for order in node.orders("run_pump")] == [FILL]
    with pytest.raises(Unauthorized):
        await act(hass, gardener, "run_pump", entity_id=[switch(house, FILL), switch(house, DRAIN)])
    assert len(node.orders("run_pump")) == 1


async def test_all_pumps_are_all_that_one_may_control(hass: HomeAssistant, house: SmartAirHub, node: Node) -> None:
    gardener = await somebody(hass, {"entity_ids": {switch(house, FILL): {"control": True}}})
    await act(hass, gardener, "run_pump", entity_id="all", seconds=5)
    assert [order["channel"] for order in node.orders("run_pump")] == [FILL]


async def test_a_command_to_a_device_needs_the_right_to_control_all_of_it(
    hass: HomeAssistant, house: SmartAirHub, co2: str
) -> None:
    one = await somebody(hass, {"entity_ids": {"button.bedroom_bedroom_air_restart": True}})
    with pytest.raises(Unauthorized):
        await act(hass, one, "send_command", device_id=device(house, co2), command="identify")
    other = await somebody(hass, {"device_ids": {"another": True}})
    with pytest.raises(Unauthorized):
        await act(hass, other, "send_command", device_id=device(house, co2), command="identify")


@pytest.mark.parametrize(
    "policy", [{"all": True}, {"device_ids": True}, {"domains": {"button": True, "number": {"control": True}}}]
)
async def test_whoever_may_control_a_device_sends_it_a_command(
    hass: HomeAssistant, house: SmartAirHub, node: Node, policy: Any
) -> None:
    somebody_else = await somebody(hass, policy)
    node.say("info", {"protocol": 1, "device_type": "pump", "commands": ["live"], "config": {}})
    await hass.async_block_till_done()
    await act(hass, somebody_else, "send_command", device_id=device(house), command="live")
    assert len(node.orders("live")) == 1


async def test_a_device_that_only_measures_is_controlled_by_whoever_may_control_what_it_shows(
    hass: HomeAssistant, house: SmartAirHub, say: Say, broker: MqttMockHAClient
) -> None:
    await say("script_1", "telemetry", {"co2": 700})
    await house.async_approve(["script_1"])
    await hass.async_block_till_done()
    looker = await somebody(hass, {"domains": {"sensor": {"read": True}, "binary_sensor": {"read": True}}})
    with pytest.raises(Unauthorized):
        await act(hass, looker, "send_command", device_id=device(house, "script_1"), command="identify")


async def test_a_stop_is_free_for_whoever_may_control_anything(
    hass: HomeAssistant, house: SmartAirHub, node: Node, co2: str
) -> None:
    child = await somebody(hass, {"entity_ids": {"button.bedroom_bedroom_air_restart": {"control": True}}})
    await act(hass, child, "stop_pump", entity_id=switch(house, FILL))
    await act(hass, child, "send_command", device_id=device(house), command="stop_pump", params={"channel": DRAIN})
    assert [order["channel"] for order in node.orders("stop_pump")] == [FILL, DRAIN]
    with pytest.raises(Unauthorized):
        await act(hass, child, "run_pump", entity_id=switch(house, FILL))


async def test_an_automation_has_no_user_and_an_administrator_all_rights(
    hass: HomeAssistant, house: SmartAirHub, node: Node, hass_admin_user: User
) -> None:
    for who in (None, hass_admin_user):
        await act(hass, who, "run_pump", entity_id=switch(house, FILL), seconds=5)
        node.end(FILL)
        await hass.async_block_till_done()
    assert len(node.orders("run_pump")) == 2


async def test_a_user_who_was_deleted_may_nothing(hass: HomeAssistant, house: SmartAirHub, node: Node) -> None:
    with pytest.raises(UnknownUser):
        await hass.services.async_call(
            DOMAIN, "stop_pump", {ATTR_ENTITY_ID: "all"}, blocking=True, context=Context(user_id="gone")
        )


async def test_who_may_only_look_acknowledges_nothing(
    hass: HomeAssistant, house: SmartAirHub, co2: str, alerts: AlertLog, hass_read_only_user: User
) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid=co2, values={"value": 1600})
    (alert,) = alerts.active()
    for which in ({"alert_id": [alert.id]}, {"device_id": device(house, co2)}):
        with pytest.raises(Unauthorized):
            await act(hass, hass_read_only_user, "acknowledge_alert", **which)
    assert not alerts.active()[0].acknowledged_at
    owner = await somebody(hass, {"device_ids": {device(house, co2): True}})
    assert await act(hass, owner, "acknowledge_alert", alert_id=[alert.id]) == {"acknowledged": [alert.id]}


async def test_of_several_alerts_none_is_acknowledged_where_one_may_not_be(
    hass: HomeAssistant, house: SmartAirHub, co2: str, alerts: AlertLog
) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    alerts.async_raise(Code.MQTT_DOWN)
    owner = await somebody(hass, {"device_ids": {device(house, co2): True}})
    with pytest.raises(Unauthorized):
        await act(hass, owner, "acknowledge_alert", alert_id=[alert.id for alert in alerts.active()])
    assert not any(alert.acknowledged_at for alert in alerts.active())


# --- reading ------------------------------------------------------------------------------------


async def test_alerts_are_told_of_what_one_may_read(
    hass: HomeAssistant, house: SmartAirHub, co2: str, node: Node, alerts: AlertLog, hass_read_only_user: User
) -> None:
    alerts.async_raise(Code.CO2_HIGH, uid=co2)
    alerts.async_raise(Code.DRY_RUN, uid="rack_a", channel=FILL)
    alerts.async_raise(Code.MQTT_DOWN)

    async def told(user: User | None, **data: Any) -> set[str]:
        return {alert["code"] for alert in (await act(hass, user, "get_alerts", **data))["alerts"]}

    everything = {"co2_high", "biz_dry_run", "infra_mqtt_down"}
    assert await told(None) == everything
    assert await told(hass_read_only_user) == everything
    lodger = await somebody(hass, {"device_ids": {device(house, co2): {"read": True}}})
    assert await told(lodger) == {"co2_high"}
    assert await told(lodger, device_id=device(house)) == set()
    pump = await somebody(hass, {"entity_ids": {switch(house, FILL): {"read": True}}})
    assert await told(pump) == {"biz_dry_run"}
    assert await told(await somebody(hass, {})) == set()


async def test_water_is_told_of_pumps_and_zones_that_one_may_read(
    hass: HomeAssistant,
    hub: MockConfigEntry,
    house: SmartAirHub,
    node: Node,
    wait: Wait,
    co2: str,
    device_registry: dr.DeviceRegistry,
) -> None:
    zone = await add_zone(hass, hub, settings(hass, hub))
    rack = Rack(node, wait)
    rack.level = 50
    await act(hass, None, "run_pump", entity_id=switch(house, FILL), seconds=5)
    await rack.second(3)
    node.end(FILL, litres=2.5, duration_s=3)
    await hass.async_block_till_done()

    async def told(user: User | None, **data: Any) -> tuple[int, float]:
        answer = await act(hass, user, "get_water_usage", **data)
        return len(answer["runs"]), sum(day["litres"] for day in answer["days"])

    assert await told(None) == (1, 2.5)
    for entities in (
        {"entity_ids": {switch(house, FILL): {"read": True}}},
        {"device_ids": {zone.device_id: {"read": True}}},
        {"device_ids": {device(house): {"read": True}}},
        {"all": {"read": True}},
    ):
        assert await told(await somebody(hass, entities)) == (1, 2.5)
    stranger = await somebody(hass, {"device_ids": {device(house, co2): True}})
    assert await told(stranger) == (0, 0)
    assert await told(stranger, device_id=[device(house)]) == (0, 0)
