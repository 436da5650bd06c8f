// The strategies: registries and facts in, configurations of Home Assistant's own cards out.
// No state is read here, or Home Assistant would draw the dashboard again with every value; cards show states.

import { build } from "./model.js";
import { overview, section as sectionOf, view as viewOf } from "./views.js";

/** @typedef {import("./model.js").Hass} Hass */
/** @typedef {import("./model.js").House} House */
/** @typedef {import("./model.js").Facts} Facts */

const FRESH_MS = 2000;

/** @typedef {{facts: Facts, localize: (key: string) => string}} Answer */

/** @type {WeakMap<object, {at: number, language: string, answer: Promise<Answer>}>} */
const asked = new WeakMap();

/**
 * Ask for the facts and the texts, once for all views of a dashboard.
 * @param {Hass} hass
 */
const ask = (hass) => {
  const last = asked.get(hass.connection);
  if (last && last.language === hass.language && Date.now() - last.at < FRESH_MS) return last.answer;
  const answer = Promise.all([
    hass.callWS({ type: "smartair/dashboard" }),
    // What is returned knows the texts; the function of `hass` is the one from before they were loaded.
    hass.loadBackendTranslation("selector", "smartair"),
  ]).then(([facts, localize]) => ({ facts, localize }));
  asked.set(hass.connection, { at: Date.now(), language: hass.language, answer });
  answer.catch(() => asked.delete(hass.connection));
  return answer;
};

/**
 * @param {Hass} hass
 * @param {{hours?: number, inside?: boolean}} config
 * @returns {Promise<House>}
 */
const look = async (hass, config) => {
  const { facts, localize } = await ask(hass);
  /** @param {string} key */
  const text = (key) => localize(`component.smartair.selector.dashboard.options.${key}`) || key;
  return { ...build(hass, facts), text, hours: config.hours ?? 24, inside: config.inside ?? false };
};

/** @param {string} _type @param {any} config @param {Hass} hass */
export const dashboard = async (_type, config, hass) => {
  const house = await look(hass, config);
  return { title: "SmartAir", views: overview(house, config) };
};

/** @param {string} type @param {any} config @param {Hass} hass */
export const view = async (type, config, hass) => {
  const house = await look(hass, config);
  return viewOf(type.replace("smartair-", ""), house, config);
};

/** @param {string} type @param {any} config @param {Hass} hass */
export const section = async (type, config, hass) => {
  const house = await look(hass, config);
  return sectionOf(type.replace("smartair-", ""), house, config);
};
