// One function for each kind of card; all are Home Assistant's own.

/** @typedef {import("./model.js").Bounds} Bounds */
/** @typedef {import("./model.js").Band} Band */

const GOOD = "var(--success-color)";
const FAIR = "var(--warning-color)";
const BAD = "var(--error-color)";

/** Steps of the band below a limit, counted in its hysteresis, at which the air is no longer fresh. */
export const FAIR_STEPS = 2;

/** @param {string} entity */
export const press = (entity) => ({
  action: "perform-action",
  perform_action: "button.press",
  target: { entity_id: entity },
});

/** @param {string} path */
export const go = (path) => ({ action: "navigate", navigation_path: path });

/** @param {string} entity @param {string | string[]} state */
export const whenIs = (entity, state) => ({ condition: "state", entity, state });

/** @param {string} entity @param {string | string[]} state */
export const whenNot = (entity, state) => ({ condition: "state", entity, state_not: state });

/** @param {string} heading @param {object} [extra] */
export const heading = (heading, extra = {}) => ({ type: "heading", heading, ...extra });

/** @param {string} entity @param {object} [extra] */
export const tile = (entity, extra = {}) => ({ type: "tile", entity, ...extra });

/** @param {string} entity @param {number} hours @param {object} [extra] */
export const trend = (entity, hours, extra = {}) =>
  tile(entity, { features: [{ type: "trend-graph", hours_to_show: hours }], ...extra });

/** @param {string} entity @param {object} [extra] */
export const bar = (entity, extra = {}) =>
  tile(entity, { features: [{ type: "bar-gauge", min: 0, max: 100 }], ...extra });

/** @param {number} value */
const round = (value) => Math.round(value * 100) / 100;

/**
 * Return the segments of a measurement that may be too high, or too low, or both.
 * @param {number} start @param {{high: number | null, low: number | null, hysteresis: number}} bounds
 */
export const segments = (start, { high, low, hysteresis }) => {
  const found = [{ from: start, color: low === null ? GOOD : BAD }];
  if (low !== null) found.push({ from: low, color: GOOD });
  if (high !== null) {
    const fair = round(high - FAIR_STEPS * hysteresis);
    if (hysteresis > 0 && fair > (low ?? start)) found.push({ from: fair, color: FAIR });
    found.push({ from: high, color: BAD });
  }
  return found;
};

const ENDS = { co2: [400, 2000], pm25: [0, 75] };

/**
 * Return a gauge of a measurement with the limits that hold by day, and one with those of the night where they differ.
 * @param {string} entity @param {"co2" | "pm25"} metric @param {Bounds | undefined} bounds @param {object} extra
 */
export const limitGauges = (entity, metric, bounds, extra) => {
  if (!bounds) return [];
  const [min, usual] = ENDS[metric];
  const max = Math.max(usual, Math.ceil((bounds.high ?? 0) * 1.5));
  const base = { type: "gauge", entity, min, max, needle: true, ...extra };
  const day = { ...base, segments: segments(min, bounds) };
  const { night_high, night_begin, night_end } = bounds;
  if (night_high === undefined || night_high === bounds.high) return [day];
  const night = { ...base, segments: segments(min, { ...bounds, high: night_high }) };
  const hours = { condition: "time", after: night_begin, before: night_end };
  return [
    { ...day, visibility: [{ condition: "not", conditions: [hours] }] },
    { ...night, visibility: [hours] },
  ];
};

/**
 * Return a gauge of a value that has a band to be in.
 * @param {string} entity @param {number} min @param {number} max @param {Band} band @param {object} extra
 */
export const bandGauge = (entity, min, max, band, extra) => {
  const low = band.low ?? null;
  const high = band.high ?? null;
  const known = low !== null || high !== null;
  return {
    type: "gauge",
    entity,
    min,
    max: Math.max(max, Math.ceil((high ?? 0) * 1.25)),
    needle: true,
    ...(known ? { segments: segments(min, { low, high, hysteresis: 0 }) } : {}),
    ...extra,
  };
};

/** @param {string[]} entities @param {number} hours @param {object} [extra] */
export const graph = (entities, hours, extra = {}) => ({
  type: "history-graph",
  entities: entities.map((entity) => ({ entity })),
  hours_to_show: hours,
  grid_options: { columns: 12 },
  ...extra,
});

/**
 * Return a list of those entities for which the conditions hold; it is not there while they hold for none.
 * @param {(string | object)[]} entities @param {object[]} conditions @param {object} card
 */
export const filtered = (entities, conditions, card) => ({
  type: "entity-filter",
  entities,
  conditions,
  card: { type: "entities", ...card },
  show_empty: false,
  grid_options: { columns: 12 },
});
