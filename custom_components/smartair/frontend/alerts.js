// The card of active alerts: what, where, since when, and a button to acknowledge each.

/** @typedef {{id: string, name: string, event: string, severity: string, raised_at: number,
 *   acknowledged_at: number | null, values: Record<string, any>}} Alert */

const COLORS = /** @type {Record<string, string>} */ ({
  critical: "var(--error-color)", warning: "var(--warning-color)", info: "var(--info-color)",
});
const ICONS = /** @type {Record<string, string>} */ ({
  critical: "mdi:alert-octagon", warning: "mdi:alert", info: "mdi:information",
});
const STYLE = `
  .row { display: flex; align-items: center; gap: 12px; padding: 12px 16px; flex-wrap: wrap; }
  .row + .row { border-top: 1px solid var(--divider-color); }
  .text { flex: 1 1 160px; min-width: 0; overflow-wrap: anywhere; }
  .name { font-weight: var(--ha-font-weight-medium, 500); }
  .more { color: var(--secondary-text-color); font-size: var(--ha-font-size-s, 12px); }
  button { font: inherit; color: var(--primary-color); background: none; cursor: pointer;
    border: 1px solid var(--divider-color); border-radius: 18px; min-height: 36px; padding: 0 16px; }
  button:disabled { color: var(--disabled-text-color); cursor: default; }
`;

/** @type {WeakMap<object, string[]>} */
const counters = new WeakMap();
/** @type {WeakMap<HTMLElement, string>} */
const drawn = new WeakMap();

/** @param {any} hass @returns {string[]} The sensors that count the alerts of the hubs. */
const countersOf = (hass) => {
  let found = counters.get(hass.entities);
  if (!found) {
    found = Object.values(hass.entities)
      .filter((one) => one.platform === "smartair" && one.translation_key === "active_alerts")
      .map((one) => one.entity_id);
    counters.set(hass.entities, found);
  }
  return found;
};

/** @param {string} tag @param {string} [name] @param {string} [text] */
const make = (tag, name, text) => {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
};

/**
 * Draw the alerts into an element, again when their number or kinds have changed.
 * @param {HTMLElement} element @param {any} hass
 */
export const draw = async (element, hass) => {
  const state = countersOf(hass).map((id) => hass.states[id]?.last_updated).join() + hass.language;
  if (drawn.get(element) === state) return;
  drawn.set(element, state);
  await show(element, hass);
};

/** @param {HTMLElement} element @param {any} hass */
const show = async (element, hass) => {
  const [answer, localize] = await Promise.all([
    hass.callWS({
      type: "call_service", domain: "smartair", service: "get_alerts",
      service_data: { active: true }, return_response: true,
    }),
    hass.loadBackendTranslation("selector", "smartair"),
  ]);
  const alerts = /** @type {Alert[]} */ (answer.response.alerts);
  /** @param {string} selector @param {string} option */
  const word = (selector, option) => localize(`component.smartair.selector.${selector}.options.${option}`) || option;
  const card = make("ha-card");
  card.append(...(alerts.length > 0
    ? alerts.map((alert) => row(element, hass, word, alert))
    : [make("div", "row", word("dashboard", "no_alerts"))]));
  element.replaceChildren(make("style", undefined, STYLE), card);
};

/** @typedef {(selector: string, option: string) => string} Word */

/** @param {any} hass @param {Word} word @param {Alert} alert */
const more = (hass, word, alert) => {
  const { value, limit } = alert.values;
  const number = new Intl.NumberFormat(hass.locale.language, { maximumFractionDigits: 2 });
  const at = new Date(alert.raised_at * 1000).toLocaleString(hass.locale.language, {
    dateStyle: "short", timeStyle: "short",
  });
  const measured = typeof value === "number" ? [number.format(value)] : [];
  const bound = typeof limit === "number" ? [`${word("dashboard", "limit")} ${number.format(limit)}`] : [];
  return [...measured, ...bound, at].join(" · ");
};

/** @param {HTMLElement} element @param {any} hass @param {Word} word @param {Alert} alert */
const row = (element, hass, word, alert) => {
  const found = make("div", "row");
  const icon = make("ha-icon");
  icon.setAttribute("icon", ICONS[alert.severity]);
  icon.style.color = COLORS[alert.severity];
  const text = make("div", "text");
  text.append(
    make("div", "name", `${alert.name}: ${word("alert_event", alert.event)}`),
    make("div", "more", more(hass, word, alert)),
  );
  const button = /** @type {HTMLButtonElement} */ (make("button", undefined, word("dashboard", "acknowledge")));
  if (alert.acknowledged_at !== null) {
    button.disabled = true;
    button.textContent = word("dashboard", "acknowledged");
  }
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await hass.callService("smartair", "acknowledge_alert", { alert_id: [alert.id] });
    } finally {
      await show(element, hass);
    }
  });
  found.append(icon, text, button);
  return found;
};
