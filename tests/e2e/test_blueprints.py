"""Home Assistant makes an automation of every blueprint that the integration installed, and each can run."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lab.broker import Broker
from lab.client import eventually
from lab.hass import LEAN, Hass

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

HELPERS: dict[str, Any] = {
    "input_text": {name: {} for name in ("air", "offline", "solution", "rollout")},
    "input_number": {"co2": {"min": 0, "max": 5000, "initial": 1600}},
    "input_boolean": {"fan": {"initial": False}, "pump": {"initial": True}},
    "input_button": {"change": {}},
    "input_select": {"zone": {"options": ["normal", "drain"]}},
}
INPUTS: dict[str, dict[str, Any]] = {
    "ventilation": {"sensors": ["input_number.co2"], "ventilators": ["input_boolean.fan"], "min_off": 0},
    "air_quality_alert": {"sensors": ["input_number.co2"], "memory": "input_text.air", "bad_for": 0},
    "alerts_on_phone": {},
    "device_offline": {"memory": "input_text.offline"},
    "morning_digest": {"air": ["input_number.co2"], "water": ["sensor.gone"]},
    "pump_guard": {"pump": "input_boolean.pump", "level": "sensor.gone"},
    "recirculation_duty_cycle": {"pump": "input_boolean.fan"},
    "planned_water_change": {"begin": "input_button.change", "zone_state": "input_select.zone"},
    "ec_ph_watch": {"ph": ["sensor.gone"], "memory": "input_text.solution"},
    "firmware_rollout": {"updates": ["update.gone"], "memory": "input_text.rollout"},
}


def automation(name: str) -> dict[str, Any]:
    return {"id": name, "alias": name, "use_blueprint": {"path": f"smartair/{name}.yaml", "input": INPUTS[name]}}


async def test_every_blueprint_is_installed_loaded_and_run(tmp_path: Path) -> None:
    folder = tmp_path / "hass"
    async with Broker(tmp_path / "broker") as broker:
        async with Hass(folder, integrations=LEAN) as hass:
            await hass.add_mqtt(broker)
            flow = await hass.client.start_flow("smartair")
            await hass.client.continue_flow(flow["flow_id"], {"topic_root": "devices"})
            installed = {path.stem for path in (folder / "blueprints/automation/smartair").glob("*.yaml")}
            assert installed == set(INPUTS)

        automations = {"automation": [automation(name) for name in INPUTS]}
        again = Hass(folder, port=hass.port, integrations=LEAN, configuration=HELPERS | automations)
        async with again:
            await run_all(again)


async def run_all(hass: Hass) -> None:
    states = await hass.client.states()
    assert {name: states[f"automation.{name}"]["state"] for name in INPUTS} == dict.fromkeys(INPUTS, "on")

    async def acted() -> bool:
        return [await hass.client.state(f"input_boolean.{one}") for one in ("fan", "pump")] == ["on", "off"]

    # The ventilation runs against bad air, and the guard stops a pump whose level nobody knows.
    await eventually(acted, within=30, what="what was due at the start is done")
    for name in INPUTS:
        await hass.client.action("automation", "trigger", {"entity_id": f"automation.{name}"})
    assert hass.errors() == []


ALERTS = {"helper": "input_text.air", "nothing": None}


@pytest.mark.parametrize("chosen", ALERTS)
async def test_two_alerts_side_by_side_never_write_more_than_a_state_a_second(tmp_path: Path, chosen: str) -> None:
    inputs: dict[str, Any] = {"sensors": ["input_number.co2"], "bad_for": 0}
    if helper := ALERTS[chosen]:
        inputs["memory"] = helper
    both = [
        {
            "id": name,
            "alias": name,
            "use_blueprint": {"path": "smartair/air_quality_alert.yaml", "input": inputs},
        }
        for name in ("one", "two")
    ]
    folder = tmp_path / "hass"
    async with Broker(tmp_path / "broker") as broker:
        async with Hass(folder, integrations=LEAN) as hass:
            await hass.add_mqtt(broker)
            flow = await hass.client.start_flow("smartair")
            await hass.client.continue_flow(flow["flow_id"], {"topic_root": "devices"})
        quiet = HELPERS | {"input_number": {"co2": {"min": 0, "max": 5000, "initial": 600}}, "automation": both}
        async with Hass(folder, port=hass.port, integrations=LEAN, configuration=quiet) as again:

            async def stamps() -> set[str]:
                states = await again.client.states()
                return {str(states[name]["last_updated"]) for name in ("smartair.memory", "input_text.air")}

            await again.client.action("input_number", "set_value", {"entity_id": "input_number.co2"}, value=1600)
            writes: set[str] = set()
            for _ in range(40):
                writes |= await stamps()
                await asyncio.sleep(0.25)
            assert len(writes) <= 10
            told = await again.client.states()
            assert told["smartair.memory"]["state"] == ("1" if helper else "2")
            assert again.errors() == []
