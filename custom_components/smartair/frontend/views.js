// The views, each only where there is something to show, and the sections they are made of.

import { AIR, HOST, VIBRATION, WATER } from "./model.js";
import {
  bandGauge, bar, filtered, go, graph, heading, limitGauges, press, tile, trend, whenIs, whenNot,
} from "./cards.js";

/** @typedef {import("./model.js").House} House */
/** @typedef {import("./model.js").Room} Room */
/** @typedef {import("./model.js").Thing} Thing */
/** @typedef {import("./model.js").Zone} Zone */

const MOST_CARDS = 60;
const WORDS = [["fresh", "green"], ["fair", "orange"], ["bad", "red"]];
const GAUGED = /** @type {const} */ (["co2", "pm25"]);
const ENTITY_NAME = { type: "entity" };
const DEVICE_NAME = { type: "device" };

/** @type {Record<string, {icon: string, there: (house: House) => boolean}>} */
const VIEWS = {
  air: { icon: "mdi:air-filter", there: (house) => house.rooms.length > 0 },
  water: { icon: "mdi:water-sync", there: (house) => house.zones.length > 0 || house.nodes.length > 0 },
  machines: { icon: "mdi:engine-outline", there: (house) => house.machines.length > 0 },
  hosts: { icon: "mdi:server", there: (house) => house.hosts.length > 0 },
  devices: { icon: "mdi:chip", there: (house) => house.admin },
  alerts: { icon: "mdi:alert", there: (house) => house.hubs.length > 0 },
};

/** @param {House} house @param {string} name */
export const isThere = (house, name) => VIEWS[name].there(house);

/** @param {string} name @param {object} config */
const strategy = (name, config) => ({ ...config, type: `custom:smartair-${name}` });

/** @param {Room} room */
const pathOf = (room) => `air-${room.id ?? "elsewhere"}`;

/**
 * Return the views of the dashboard; what has no room of its own in the air view has a view of its own behind it.
 * @param {House} house @param {any} config
 */
export const overview = (house, config) => {
  const rest = { inside: true, ...(config.hours === undefined ? {} : { hours: config.hours }) };
  const names = Object.keys(VIEWS).filter((name) => isThere(house, name));
  const views = (names.length > 0 ? names : ["air"]).map((name) => ({
    title: house.text(name),
    path: name,
    icon: VIEWS[name].icon,
    ...(name === "alerts" ? { subview: true } : {}),
    strategy: strategy(name, rest),
  }));
  const pages = house.rooms.flatMap((room) => pagesOf(house, room).map((_, page) => ({
    title: room.name ?? house.text("elsewhere"),
    path: page === 0 ? pathOf(room) : `${pathOf(room)}-${page + 1}`,
    subview: true,
    strategy: strategy("air", { ...rest, area: room.id ?? "", page }),
  })));
  return [...views, ...pages];
};

/** @param {string} name @param {House} house @param {any} config */
export const view = (name, house, config) => {
  const sections = name === "air" && config.area !== undefined
    ? roomPage(house, config.area, config.page ?? 0)
    : SECTIONS[name](house);
  const found = sections.length > 0 ? sections : [nothing(house)];
  return {
    type: "sections",
    max_columns: 4,
    dense_section_placement: true,
    badges: badges(house),
    sections: found,
  };
};

/** @param {string} name @param {House} house @param {any} config */
export const section = (name, house, config) => {
  if (name === "water") {
    const zones = house.zones.filter((zone) => config.zone === undefined || config.zone === zone.name);
    return merged(zones.map((zone) => zoneSection(house, zone)), house);
  }
  const chosen = house.rooms.filter((room) => config.area === undefined || config.area === room.id);
  return merged(chosen.map((room) => roomSection(house, room)), house);
};

/** @param {any[]} sections @param {House} house */
const merged = (sections, house) => {
  const cards = sections.flatMap((one) => one.cards).slice(0, MOST_CARDS);
  return cards.length > 0 ? { type: "grid", cards } : nothing(house);
};

/** @param {House} house */
const nothing = (house) => ({
  type: "grid",
  cards: [{ type: "markdown", content: house.text("nothing"), grid_options: { columns: 12 } }],
});

// --- badges -------------------------------------------------------------------------------------

const BADGES = [
  ["critical", "mdi:alert-octagon", "red"],
  ["warning", "mdi:alert", "orange"],
  ["info", "mdi:information", "blue"],
  ["offline", "mdi:lan-disconnect", "orange"],
];

/**
 * Return the badges of the hubs; Home Assistant shows one only while there is something to count.
 * @param {House} house
 */
const badges = (house) => house.hubs.flatMap((hub) => {
  const entity = /** @type {string} */ (hub.has.get("sensor.active_alerts"));
  return BADGES.map(([attribute, icon, color]) => ({
    type: "entity",
    entity,
    name: house.text(`count_${attribute}`),
    icon,
    color,
    show_name: true,
    state_content: [attribute],
    visibility: [{ condition: "numeric_state", entity, attribute, above: 0 }],
    ...(house.inside ? { tap_action: go("alerts") } : {}),
  }));
});

/** @param {House} house */
const alerts = (house) => [
  {
    type: "grid",
    column_span: 2,
    cards: [
      heading(house.text("alerts"), { icon: "mdi:alert" }),
      { type: "custom:smartair-alerts", grid_options: { columns: "full" } },
    ],
  },
];

// --- air ----------------------------------------------------------------------------------------

/** @param {House} house */
const air = (house) => {
  const sections = house.rooms.map((room) => roomSection(house, room));
  const count = sections.reduce((sum, one) => sum + one.cards.length, 0);
  return count <= MOST_CARDS ? sections : crowded(house);
};

/**
 * Return what has too many rooms for one view: the worst and the newest first, and a way to each room.
 * @param {House} house
 */
const crowded = (house) => {
  const first = house.rooms.flatMap((room) => room.things.map((thing) => ({ room, thing })))
    .filter(({ thing }) => house.first.has(thing.id));
  const tiles = first.map(({ room, thing }) => {
    const key = AIR.find((one) => thing.has.has(`sensor.${one}`));
    return tile(/** @type {string} */ (thing.has.get(`sensor.${key}`)), {
      name: room.name === null ? [DEVICE_NAME, ENTITY_NAME] : [{ type: "area" }, ENTITY_NAME],
      features: [{ type: "trend-graph", hours_to_show: house.hours }],
    });
  });
  const ways = house.rooms.slice(0, MOST_CARDS - tiles.length - 2).map((room) => way(house, room));
  return [
    { type: "grid", cards: [heading(house.text("first"), { icon: "mdi:sort-descending" }), ...tiles] },
    { type: "grid", cards: [heading(house.text("show_all"), { icon: "mdi:floor-plan" }), ...ways] },
  ];
};

/** @param {House} house @param {Room} room */
const way = (house, room) => {
  const size = { grid_options: { columns: 12 } };
  const tap = house.inside ? { tap_action: go(pathOf(room)) } : {};
  return room.id === null
    ? { type: "button", name: house.text("elsewhere"), icon: "mdi:help-circle-outline", show_state: false, ...tap }
    : { type: "area", area: room.id, display_type: "compact", sensor_classes: ["carbon_dioxide", "pm25", "temperature"], ...tap, ...size };
};

/**
 * Return the tiles of a room: everything it measures, CO₂ and PM2.5 first.
 * @param {House} house @param {Room} room
 */
const roomTiles = (house, room) => AIR.flatMap((key) => {
  const having = room.things.filter((thing) => thing.has.has(`sensor.${key}`));
  const name = having.length > 1 ? [DEVICE_NAME, ENTITY_NAME] : ENTITY_NAME;
  return having.flatMap((thing) => {
    const entity = /** @type {string} */ (thing.has.get(`sensor.${key}`));
    const gauged = GAUGED.find((one) => one === key);
    const gauges = gauged
      ? limitGauges(entity, gauged, house.limits[entity], { name, grid_options: { columns: 6, rows: 3 } })
      : [];
    const size = gauges.length > 0 ? { grid_options: { columns: 6, rows: 3 } } : {};
    return [...gauges, trend(entity, house.hours, { name, ...size })];
  });
});

/** @param {House} house @param {Room} room */
const roomHeading = (house, room) => heading(room.name ?? house.text("elsewhere"), {
  icon: room.icon ?? (room.id === null ? "mdi:help-circle-outline" : "mdi:texture-box"),
  ...(house.inside ? { tap_action: go(pathOf(room)) } : {}),
  badges: [
    // Home Assistant has no colours for words; one badge for each, of which one is seen.
    ...(room.word ? WORDS.map(([word, color]) => ({
      type: "entity",
      entity: room.word,
      show_icon: true,
      color,
      visibility: [whenIs(/** @type {string} */ (room.word), word)],
    })) : []),
    ...["temperature", "humidity"].flatMap((key) => {
      const thing = room.things.find((one) => one.has.has(`sensor.${key}`));
      return thing ? [{ type: "entity", entity: thing.has.get(`sensor.${key}`), show_icon: true }] : [];
    }),
  ],
});

/** @param {House} house @param {Room} room */
const roomSection = (house, room) => ({
  type: "grid",
  cards: [roomHeading(house, room), ...roomTiles(house, room)],
});

/** @param {House} house @param {Room} room */
const pagesOf = (house, room) => {
  const size = MOST_CARDS - 10;
  const count = Math.max(1, Math.ceil(roomTiles(house, room).length / size));
  return Array.from({ length: count }, (_, page) => page * size);
};

/** @param {House} house @param {string} area @param {number} page */
const roomPage = (house, area, page) => {
  const room = house.rooms.find((one) => (one.id ?? "") === area);
  if (!room) return [];
  const size = MOST_CARDS - 10;
  const tiles = roomTiles(house, room).slice(page * size, (page + 1) * size);
  const more = (page + 1) * size < roomTiles(house, room).length
    ? [{ type: "button", name: house.text("show_more"), icon: "mdi:page-next", tap_action: go(`${pathOf(room)}-${page + 2}`) }]
    : [];
  const controls = page === 0 && room.things.length <= 4
    ? room.things.map((thing) => ({ type: "grid", cards: [heading(thing.name), ...settingsOf(thing)] }))
    : [];
  return [{ type: "grid", cards: [...tiles, ...more] }, ...controls.filter((one) => one.cards.length > 1)];
};

/** @param {Thing} thing */
const settingsOf = (thing) => [
  ...["sensor.air", "binary_sensor.alert", "number.co2_threshold", "switch.night_mode"].flatMap((key) => {
    const entity = thing.has.get(key);
    return entity ? [tile(entity, { name: ENTITY_NAME, grid_options: { columns: 12 } })] : [];
  }),
  ...["sensor.air_changes", "sensor.co2_limit_in"].flatMap((key) => {
    const entity = thing.has.get(key);
    return entity ? [tile(entity, { name: ENTITY_NAME })] : [];
  }),
  ...["button.live"].flatMap((key) => {
    const entity = thing.has.get(key);
    return entity
      ? [tile(entity, { name: ENTITY_NAME, hide_state: true, tap_action: press(entity), grid_options: { columns: 12 } })]
      : [];
  }),
];

// --- water --------------------------------------------------------------------------------------

/** @param {House} house */
const water = (house) => {
  const used = new Set(house.zones.flatMap((zone) => Object.values(zone.pumpThings).map((thing) => thing.id)));
  const shown = new Set(house.zones.flatMap((zone) => Object.values(zone.sensors)));
  const nodes = house.nodes.map((node) => nodeSection(house, node, used, shown)).filter((one) => one.cards.length > 1);
  return [...house.zones.map((zone) => zoneSection(house, zone)), ...nodes];
};

const ROLES = ["recirculation", "drain", "fill"];
const CHANGING = ["water_change_drain", "water_change_fill", "water_change_stabilize"];

/** @param {House} house @param {Zone} zone */
const zoneSection = (house, zone) => {
  const own = (/** @type {string} */ key) => zone.thing?.has.get(key);
  const state = own("sensor.zone_state");
  const cards = [
    heading(zone.name, { icon: "mdi:water-sync" }),
    ...(state ? [tile(state, { name: house.text("now"), grid_options: { columns: 12 }, color: "blue" })] : []),
    ...troubles(house, zone),
    ...level(house, zone),
    ...ROLES.flatMap((role) => pumpCards(house, role, zone)),
    ...["sensor.zone_next_change", "sensor.zone_solution_age"].flatMap((key) => {
      const entity = own(key);
      return entity ? [tile(entity, { name: ENTITY_NAME })] : [];
    }),
    ...(state ? zoneButtons(house, zone, state) : []),
    ...bands(house, zone),
    ...week(house, zone),
  ];
  return { type: "grid", cards };
};

/** @param {House} house @param {Zone} zone */
const troubles = (house, zone) => {
  const failed = zone.thing?.has.get("binary_sensor.zone_change_failed");
  const failure = zone.thing?.has.get("sensor.zone_failure");
  return failed && failure
    ? [tile(failure, {
      name: house.text("change_failed"),
      icon: "mdi:alert",
      color: "red",
      grid_options: { columns: 12 },
      visibility: [whenIs(failed, "on")],
    })]
    : [];
};

/** @param {House} house @param {Zone} zone */
const level = (house, zone) => {
  const entity = zone.sensors.level;
  return entity ? [bar(entity, { name: house.text("level"), grid_options: { columns: 12 } })] : [];
};

/** @param {House} house @param {string} role @param {Zone} zone */
const pumpCards = (house, role, zone) => {
  const entity = zone.pumps[role];
  return entity ? pump(house, entity, house.text(`pump_${role}`), zone.pumpThings[role]) : [];
};

/**
 * Return the cards of a pump: what it does, and why it is locked beside the way out of it.
 * @param {House} house @param {string} entity @param {string | object} name @param {Thing | undefined} thing
 */
const pump = (house, entity, name, thing) => {
  const own = (/** @type {string} */ key) => thing?.has.get(key);
  const state = own("sensor.pump_state");
  const lock = own("binary_sensor.safety_lock");
  const reason = own("sensor.pump_lock_reason");
  const reset = own("button.reset_safety_lock");
  const flow = own("sensor.pump_channel_flow");
  return [
    tile(entity, {
      name,
      color: "cyan",
      grid_options: { columns: 12 },
      features: [{ type: "toggle" }],
      features_position: "inline",
    }),
    // At rest there is nothing to say beside the switch.
    ...(state ? [
      tile(state, { name: ENTITY_NAME, visibility: [whenNot(state, ["off", "runs_although_off"])] }),
      tile(state, { name: ENTITY_NAME, icon: "mdi:alert", color: "red", visibility: [whenIs(state, "runs_although_off")] }),
    ] : []),
    ...(state && flow ? [tile(flow, { name: ENTITY_NAME, visibility: [whenNot(state, "off")] })] : []),
    ...(lock && reason ? [tile(reason, {
      name: ENTITY_NAME,
      icon: "mdi:lock-alert",
      color: "red",
      visibility: [whenIs(lock, "on")],
    })] : []),
    ...(lock && reset ? [tile(reset, {
      name: house.text("reset"),
      icon: "mdi:lock-reset",
      color: "orange",
      hide_state: true,
      tap_action: press(reset),
      visibility: [whenIs(lock, "on")],
    })] : []),
  ];
};

/** @param {House} house @param {Zone} zone @param {string} state */
const zoneButtons = (house, zone, state) => {
  const shown = /** @type {[string, string, string, any][]} */ ([
    ["button.zone_start", "mdi:play", "start", whenIs(state, "normal_recirc")],
    ["button.zone_abort", "mdi:stop", "abort", whenIs(state, [...CHANGING, "failed"])],
    ["button.zone_resume", "mdi:play-pause", "resume", whenIs(state, "failed")],
  ]);
  return shown.flatMap(([key, icon, text, condition]) => {
    const entity = zone.thing?.has.get(key);
    if (!entity) return [];
    // A change drains a tank: one touch is not enough for that.
    const sure = text === "start"
      ? { perform_action: "smartair.start_water_change", confirmation: { text: house.text("start_confirm") } }
      : {};
    return [tile(entity, {
      name: house.text(text),
      icon,
      hide_state: true,
      grid_options: { columns: text === "start" ? 12 : 6 },
      tap_action: { ...press(entity), ...sure },
      visibility: [condition, whenNot(entity, "unavailable")],
    })];
  });
};

/** @param {House} house @param {Zone} zone */
const bands = (house, zone) => {
  const { ph, ec, temperature } = zone.sensors;
  const size = { grid_options: { columns: 6 } };
  const graphs = [ph, ec].filter((one) => one !== undefined);
  return [
    ...(ph ? [bandGauge(ph, 4, 9, zone.ph, { name: "pH", ...size })] : []),
    ...(ec ? [bandGauge(ec, 0, 4, zone.ec, { name: "EC", ...size })] : []),
    ...(temperature ? [trend(temperature, house.hours, { name: house.text("water_temperature"), grid_options: { columns: 12 } })] : []),
    ...graphs.map((one) => graph([one], house.hours)),
  ];
};

/** @param {House} house @param {Zone} zone */
const week = (house, zone) => {
  const total = zone.thing?.has.get("sensor.zone_water_total");
  return total
    ? [{
      type: "statistics-graph",
      title: house.text("litres_of_week"),
      entities: [{ entity: total, name: zone.name }],
      chart_type: "bar",
      period: "day",
      days_to_show: 7,
      stat_types: ["change"],
      hide_legend: true,
      grid_options: { columns: 12 },
    }]
    : [];
};

/**
 * Return what of a pump node no zone shows.
 * @param {House} house @param {Thing} node @param {Set<string>} used @param {Set<string>} shown
 */
const nodeSection = (house, node, used, shown) => {
  const pumps = node.children.filter((child) => child.has.has("switch.pump"));
  const free = pumps.filter((child) => !used.has(child.id));
  // Of a node whose pumps are all in zones, the flow is shown with them.
  const keys = pumps.length > 0 && free.length === 0 ? WATER.filter((key) => key !== "flow_rate") : WATER;
  return {
    type: "grid",
    cards: [
      heading(node.name, { icon: "mdi:pump" }),
      ...keys.flatMap((key) => {
        const entity = node.has.get(`sensor.${key}`);
        return entity && !shown.has(entity) ? [trend(entity, house.hours, { name: ENTITY_NAME })] : [];
      }),
      ...free.flatMap((child) => pump(house, /** @type {string} */ (child.has.get("switch.pump")), DEVICE_NAME, child)),
    ],
  };
};

// --- machines, hosts ----------------------------------------------------------------------------

/** @param {House} house @param {Thing[]} things @param {string[]} keys @param {string} icon */
const plain = (house, things, keys, icon) => {
  let left = MOST_CARDS;
  const sections = [];
  for (const thing of things) {
    const tiles = keys.flatMap((key) => {
      const entity = thing.has.get(`sensor.${key}`);
      return entity ? [trend(entity, house.hours, { name: ENTITY_NAME })] : [];
    });
    left -= tiles.length + 1;
    if (left < 0) break;
    sections.push({ type: "grid", cards: [heading(thing.name, { icon }), ...tiles] });
  }
  return sections;
};

// --- devices ------------------------------------------------------------------------------------

const PLACE_NAME = [{ type: "area" }, DEVICE_NAME];
const WEAK = 20;

/**
 * Return the list of batteries below the limit that holds for each.
 * @param {House} house
 */
const weak = (house) => {
  const entities = house.things.flatMap((thing) => {
    const entity = thing.has.get("sensor.battery");
    return entity === undefined ? [] : [{
      entity,
      name: PLACE_NAME,
      conditions: [{ condition: "numeric_state", below: house.limits[entity]?.low ?? WEAK }],
    }];
  });
  return entities.length > 0 ? [filtered(entities, [], { title: house.text("weak_batteries") })] : [];
};

/** @param {House} house */
const devices = (house) => {
  const all = (/** @type {string} */ key) => house.things.flatMap((thing) => thing.has.get(key) ?? []);
  const named = (/** @type {string[]} */ entities) => entities.map((entity) => ({ entity, name: PLACE_NAME }));
  const list = (/** @type {string} */ key, /** @type {string} */ title, /** @type {object} */ condition) => {
    const entities = all(key);
    return entities.length > 0
      ? [filtered(named(entities), [condition], { title: house.text(title) })]
      : [];
  };
  const add = { action: "navigate", navigation_path: "/config/integrations/dashboard" };
  return [
    {
      type: "grid",
      cards: [
        heading(house.text("to_do"), { icon: "mdi:clipboard-check-outline" }),
        { type: "discovered-devices", tap_action: add },
        { type: "repairs" },
        { type: "updates" },
      ],
    },
    {
      type: "grid",
      cards: [
        heading(house.text("attention"), { icon: "mdi:chip" }),
        ...house.hubs.map((hub) => tile(/** @type {string} */ (hub.has.get("sensor.active_alerts")), {
          name: ENTITY_NAME,
          grid_options: { columns: 12 },
          ...(house.inside ? { tap_action: go("alerts") } : {}),
        })),
        ...list("binary_sensor.online", "offline", { condition: "state", state: "off" }),
        ...weak(house),
        ...list("binary_sensor.settings_pending", "settings_pending", { condition: "state", state: "on" }),
        ...list("update.firmware", "updates", { condition: "state", state: "on" }),
      ],
    },
  ];
};

/** @type {Record<string, (house: House) => any[]>} */
const SECTIONS = {
  air,
  water,
  machines: (house) => plain(house, house.machines, VIBRATION, "mdi:vibrate"),
  hosts: (house) => plain(house, house.hosts, HOST, "mdi:server"),
  devices,
  alerts,
};
