from homeassistant.helpers import entity_registry as er, device_registry as dr


async def test_plain(hass, hub, say, broker):
    await say("co2_001", "telemetry", {"co2": 920, "temperature": 25.1, "humidity": 29})
    assert not [s for s in hass.states.async_all() if "event." not in s.entity_id]
    await hub.runtime_data.async_approve(["co2_001"])
    await hass.async_block_till_done()
    await say("co2_001", "telemetry", {"co2": 930, "temperature": 25.1, "humidity": 29})
    for s in hass.states.async_all():
        print(s.entity_id, s.state, dict(s.attributes))


async def test_full(hass, co2, hub):
    print(
        "COUNTS",
        hub.runtime_data.counts,
        hub.runtime_data.recent_errors,
        hub.runtime_data.devices["co2_001"].snapshot,
    )
    for s in hass.states.async_all():
        print(s.entity_id, s.state, dict(s.attributes))
    for e in er.async_get(hass).entities.values():
        print(e.entity_id, e.unique_id, e.disabled_by)
    for e in dr.async_get(hass)._devices.values() if hasattr(dr.async_get(hass), "_devices") else []:
        print(e)
