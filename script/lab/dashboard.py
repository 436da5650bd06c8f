"""The demo's dashboard: the house at a glance, in Home Assistant's own cards."""

from typing import TYPE_CHECKING, Any

from lab.hass import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.client import Client

type Json = dict[str, Any]

PATH = "smart-house"

_SHOWN = 12 / 60
"""Hours that the graphs show: half of the demo's day, which passes in 24 minutes."""

# A common reading of CO₂ indoors: up to 800 ppm is fresh, above 1,400 people tire.
_FRESH, _STUFFY = 800, 1400


def _heading(text: str, icon: str) -> Json:
    return {"type": "heading", "heading": text, "icon": icon}


def _graph(title: str, entities: Sequence[tuple[str, str]]) -> Json:
    """Return a graph of entities, each with the name to show."""
    shown = [{"entity": entity, "name": name} for entity, name in entities]
    options = {"columns": "full", "rows": 5}
    return {
        "type": "history-graph",
        "title": title,
        "hours_to_show": _SHOWN,
        "entities": shown,
        "grid_options": options,
    }


def _tile(entity: str, name: str) -> Json:
    trend = {"type": "trend-graph", "hours_to_show": _SHOWN}
    return {"type": "tile", "entity": entity, "name": name, "features": [trend]}


def _gauge(entity: str, name: str, low: float, high: float, severity: Json, *, columns: int = 6) -> Json:
    """Return a gauge whose colours begin at the given values, in some of a section's twelve columns."""
    return {
        "type": "gauge",
        "entity": entity,
        "name": name,
        "min": low,
        "max": high,
        "needle": True,
        "severity": severity,
        "grid_options": {"columns": columns},
    }


def dashboard(sensors: dict[str, str]) -> Json:
    """Return the dashboard, from the entity ids of the sensors by device and metric."""
    rooms = {"Living room": "co2_001", "Bedroom": "co2_002", "Office": "co2_003"}
    breath = [(sensors[f"{uid}-co2"], room) for room, uid in rooms.items() if f"{uid}-co2" in sensors]
    warm = {**rooms, "Workshop": "temp_001"}.items()
    warmth = [(sensors[f"{uid}-temperature"], room) for room, uid in warm if f"{uid}-temperature" in sensors]
    levels = {"green": 0, "yellow": _FRESH, "red": _STUFFY}
    gauges = [_gauge(*one, 400, 2000, levels, columns=4) for one in breath]
    parts = [
        ("Rooms", "mdi:sofa", [_graph("CO₂", breath), *gauges, *(_tile(*one) for one in warmth)]),
        ("Kitchen", "mdi:stove", _kitchen(sensors)),
        ("Greenhouse", "mdi:sprout", _greenhouse(sensors)),
        ("Rack A", "mdi:water-sync", _rack(sensors)),
    ]
    sections = [{"type": "grid", "cards": [_heading(title, icon), *cards]} for title, icon, cards in parts if cards]
    view = {"title": "House", "type": "sections", "max_columns": 4, "sections": sections}
    return {"title": "SmartAir", "views": [view]}


def _kitchen(sensors: dict[str, str]) -> list[Json]:
    if "dust_001-pm25" not in sensors:
        return []
    dust = [(sensors["dust_001-pm25"], "PM2.5"), (sensors["dust_001-pm10"], "PM10")]
    more = (("voc", "VOC"), ("humidity", "Humidity"), ("temperature", "Temperature"), ("lux", "Light"))
    tiles = [_tile(sensors[f"multi_001-{key}"], name) for key, name in more if f"multi_001-{key}" in sensors]
    return [_graph("Dust", dust), *tiles]


def _greenhouse(sensors: dict[str, str]) -> list[Json]:
    if "pump_001-ph" not in sensors:
        return []
    tiles = (
        ("pump_001-ec", "EC"),
        ("pump_001-flow_rate", "Flow"),
        ("pump_001-water_temperature", "Water"),
        ("vib_001-vibration_rms", "Vibration"),
    )
    return [
        _gauge(sensors["pump_001-water_level"], "Water level", 0, 100, {"red": 0, "yellow": 15, "green": 30}),
        _gauge(sensors["pump_001-ph"], "pH", 4, 9, {"red": 4, "green": 5.5, "yellow": 6.5}),
        *(_tile(sensors[key], name) for key, name in tiles if key in sensors),
    ]


_PUMPS = {"pump_recirc": "Circulation", "pump_drain": "Drain", "pump_fill": "Fill"}


def _rack(entities: dict[str, str]) -> list[Json]:
    """Return the cards of the zone and of the pumps of the first rack."""
    zone = {name.partition("-")[2]: entity for name, entity in sorted(entities.items()) if name.startswith("zone/")}
    if "pump_001-pump_recirc:pump" not in entities or "state" not in zone:
        return []
    flow = [(entities[f"pump_001-{channel}:flow"], name) for channel, name in _PUMPS.items()]
    return [
        _plain(zone["state"], "Zone", 12),
        _press(zone["start"], "Change water"),
        _press(zone["abort"], "Abort"),
        _press(zone["resume"], "Resume"),
        *(card for channel, name in _PUMPS.items() for card in _pump(entities, channel, name)),
        _graph("Flow", flow),
    ]


def _pump(entities: dict[str, str], channel: str, name: str) -> list[Json]:
    own = f"pump_001-{channel}:"
    toggle = {"type": "toggle"}
    return [
        {**_plain(entities[f"{own}pump"], name, 12), "features": [toggle], "features_position": "inline"},
        _plain(entities[f"{own}safety_lock"], "Lock", 6),
        {**_press(entities[f"{own}reset_safety_lock"], "Reset"), "vertical": False, "grid_options": {"columns": 6}},
    ]


def _plain(entity: str, name: str, columns: int) -> Json:
    return {"type": "tile", "entity": entity, "name": name, "grid_options": {"columns": columns}}


def _press(entity: str, name: str) -> Json:
    """Return a button that is pressed at once, for its action can be taken back or is refused when it must be."""
    press = {"action": "perform-action", "perform_action": "button.press", "target": {"entity_id": entity}}
    return {**_plain(entity, name, 4), "vertical": True, "hide_state": True, "tap_action": press}


async def install(client: Client) -> None:
    """Put the dashboard into the sidebar, once."""
    known = await client.call("lovelace/dashboards/list")
    if any(one["url_path"] == PATH for one in known):
        return
    entities = await client.entities(DOMAIN)
    sensors = {entity["unique_id"]: entity_id for entity_id, entity in entities.items()}
    await client.call(
        "lovelace/dashboards/create",
        url_path=PATH,
        title="SmartAir",
        icon="mdi:home-heart",
        show_in_sidebar=True,
        require_admin=False,
    )
    await client.call("lovelace/config/save", url_path=PATH, config=dashboard(sensors))
