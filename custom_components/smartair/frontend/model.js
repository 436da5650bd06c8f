// What there is: rooms with their devices, zones, machines, hosts, and what is to be said of all of them.
// Pure: registries and facts in, a model out. Entities are told apart by what they are, never by their ids.

/**
 * @typedef {{entity_id: string, platform: string, translation_key?: string, device_id?: string, area_id?: string,
 *   entity_category?: string, hidden?: boolean}} Entity
 * @typedef {{id: string, name: string | null, name_by_user: string | null, area_id: string | null,
 *   parent_device_id?: string | null}} Device
 * @typedef {{area_id: string, name: string, icon: string | null, floor_id: string | null}} Area
 * @typedef {{entities: Record<string, Entity>, devices: Record<string, Device>, areas: Record<string, Area>,
 *   floors: Record<string, {floor_id: string}>, user?: {is_admin: boolean}, connection: object, language: string,
 *   callWS: (message: object) => Promise<any>,
 *   loadBackendTranslation: (category: string, integration: string) => Promise<(key: string) => string>}} Hass
 * @typedef {{high: number | null, low: number | null, hysteresis: number, night_high?: number,
 *   night_begin?: string, night_end?: string}} Bounds
 * @typedef {{low: number | null, high: number | null}} Band
 * @typedef {{name: string, device_id: string, pumps: Record<string, string>, sensors: Record<string, string>,
 *   level: {low: number, empty: number, target: number, high: number}, ph: Band, ec: Band}} ZoneFacts
 * @typedef {{hidden: string[], zones: ZoneFacts[], limits: Record<string, Bounds>, first: string[]}} Facts
 */

/**
 * A device with its entities by "domain.translation_key".
 * @typedef {{id: string, name: string, area: string | null, has: Map<string, string>, children: Thing[]}} Thing
 * @typedef {{id: string | null, name: string | null, icon: string | null, word: string | null,
 *   things: Thing[]}} Room
 * @typedef {ZoneFacts & {thing: Thing | undefined, pumpThings: Record<string, Thing>}} Zone
 * @typedef {{rooms: Room[], zones: Zone[], nodes: Thing[], machines: Thing[], hosts: Thing[], things: Thing[],
 *   hubs: Thing[], limits: Record<string, Bounds>, first: Set<string>, admin: boolean}} Model
 * @typedef {Model & {text: (key: string) => string, hours: number, inside: boolean}} House
 */

// In the order in which a room shows them.
export const AIR = [
  "co2", "pm25", "pm10", "pm1", "pm4", "voc", "voc_index", "nox_index",
  "temperature", "humidity", "pressure", "lux",
];
export const WATER = ["water_level", "ph", "ec", "water_temperature", "flow_rate"];
export const VIBRATION = ["vibration_rms", "vibration_peak", "vibration_crest", "vibration_frequency"];
export const HOST = [
  "cpu_percent", "memory_percent", "disk_percent", "cpu_temperature", "load_1m", "net_rx", "net_tx",
];

/** @param {Thing} thing @param {string[]} keys */
export const measures = (thing, keys) => keys.some((key) => thing.has.has(`sensor.${key}`));

/**
 * Return our devices with their entities, pumps below their node.
 * @param {Hass} hass @param {Set<string>} hidden
 * @returns {Map<string, Thing>}
 */
const gather = (hass, hidden) => {
  /** @type {Map<string, Thing>} */
  const things = new Map();
  /** @param {string} id @returns {Thing | undefined} */
  const find = (id) => {
    const known = things.get(id);
    const device = hass.devices[id];
    if (known || !device) return known;
    const parent = device.parent_device_id ? hass.devices[device.parent_device_id] : undefined;
    const name = device.name_by_user || device.name || "";
    const thing = { id, name, area: device.area_id ?? parent?.area_id ?? null, has: new Map(), children: [] };
    things.set(id, thing);
    return thing;
  };
  for (const entity of Object.values(hass.entities)) {
    if (entity.platform !== "smartair" || entity.hidden || hidden.has(entity.entity_id)) continue;
    if (!entity.device_id || !entity.translation_key) continue;
    const thing = find(entity.device_id);
    if (!thing) continue;
    const domain = entity.entity_id.slice(0, entity.entity_id.indexOf("."));
    thing.has.set(`${domain}.${entity.translation_key}`, entity.entity_id);
    // Whoever moves only the measurement to another room means the device.
    if (entity.area_id && !thing.area) thing.area = entity.area_id;
  }
  for (const thing of things.values()) {
    const parent = hass.devices[thing.id].parent_device_id;
    if (parent) things.get(parent)?.children.push(thing);
  }
  return things;
};

/**
 * Return the areas in the house's order: floor by floor, then those on none.
 * @param {Hass} hass
 */
const inOrder = (hass) => {
  const floors = Object.keys(hass.floors);
  const areas = Object.values(hass.areas);
  const place = (/** @type {Area} */ area) => (area.floor_id ? floors.indexOf(area.floor_id) : floors.length);
  return areas.map((area, index) => ({ area, index })).sort(
    (one, other) => place(one.area) - place(other.area) || one.index - other.index,
  ).map(({ area }) => area);
};

/**
 * @param {Hass} hass @param {Thing[]} things @param {Map<string, string>} words
 * @returns {Room[]}
 */
const rooms = (hass, things, words) => {
  /** @type {Map<string | null, Thing[]>} */
  const byArea = new Map();
  for (const thing of things) {
    const area = thing.area && hass.areas[thing.area] ? thing.area : null;
    byArea.set(area, [...(byArea.get(area) ?? []), thing]);
  }
  const found = inOrder(hass).filter((area) => byArea.has(area.area_id)).map((area) => ({
    id: area.area_id,
    name: area.name,
    icon: area.icon,
    word: words.get(area.area_id) ?? null,
    things: byArea.get(area.area_id) ?? [],
  }));
  const rest = byArea.get(null);
  return rest ? [...found, { id: null, name: null, icon: null, word: null, things: rest }] : found;
};

/**
 * Return the sensors of the air of rooms, by area.
 * @param {Hass} hass @param {Set<string>} hidden
 */
const roomWords = (hass, hidden) => new Map(
  Object.values(hass.entities)
    .filter((one) => one.platform === "smartair" && one.translation_key === "room_air" && one.area_id)
    .filter((one) => !hidden.has(one.entity_id))
    .map((one) => [/** @type {string} */ (one.area_id), one.entity_id]),
);

/**
 * @param {Hass} hass @param {Facts} facts
 * @returns {Model}
 */
export const build = (hass, facts) => {
  const hidden = new Set(facts.hidden);
  const byId = gather(hass, hidden);
  const things = [...byId.values()];
  const hosts = things.filter((thing) => measures(thing, HOST));
  const machines = things.filter((thing) => measures(thing, VIBRATION));
  const nodes = things.filter(
    (thing) => measures(thing, WATER) || thing.children.some((child) => child.has.has("switch.pump")),
  );
  const apart = new Set([...hosts, ...machines, ...nodes]);
  const air = things.filter((thing) => !apart.has(thing) && measures(thing, AIR));
  /** @param {string} entityId */
  const owner = (entityId) => byId.get(hass.entities[entityId]?.device_id ?? "");
  const zones = facts.zones.map((zone) => ({
    ...zone,
    thing: byId.get(zone.device_id),
    pumpThings: Object.fromEntries(
      Object.entries(zone.pumps).flatMap(([role, entityId]) => {
        const thing = owner(entityId);
        return thing ? [[role, thing]] : [];
      }),
    ),
  }));
  return {
    rooms: rooms(hass, air, roomWords(hass, hidden)),
    zones,
    nodes,
    machines,
    hosts,
    things: things.filter((thing) => thing.has.has("binary_sensor.online")),
    hubs: things.filter((thing) => thing.has.has("sensor.active_alerts")),
    limits: facts.limits,
    first: new Set(facts.first),
    admin: hass.user?.is_admin ?? false,
  };
};
