// @ts-nocheck: every page loads this file: it registers what strategy.js does once it is asked for.

const TEXTS = {
  en: ["Air, water and devices", "air", "The air of all rooms", "water", "All zones with their pumps"],
  ru: ["Воздух, вода и устройства", "воздух", "Воздух во всех комнатах", "вода", "Все зоны с насосами"],
};
const text = (index) => TEXTS[document.documentElement.lang.startsWith("ru") ? "ru" : "en"][index];

const offer = (strategyType, type, name, description) => window.customStrategies.push({
  type,
  strategyType,
  get name() { return name === undefined ? "SmartAir" : `SmartAir: ${text(name)}`; },
  get description() { return text(description); },
  documentationURL: "https://github.com/smartair/smartair/blob/main/docs/dashboard.md",
});

const define = (kind, type, extra) => {
  const tag = `ll-strategy-${kind}-${type}`;
  // A page that stays open over an update keeps what it has.
  if (customElements.get(tag)) return false;
  class Strategy extends HTMLElement {
    static async generate(config, hass) {
      return (await import("./strategy.js"))[kind](type, config, hass);
    }
  }
  customElements.define(tag, Object.assign(Strategy, { noEditor: true, ...extra }));
  return true;
};

window.customStrategies ??= [];
if (define("dashboard", "smartair", { getCreateSuggestions: () => ({ title: "SmartAir", icon: "mdi:air-filter" }) })) {
  offer("dashboard", "smartair", undefined, 0);
  for (const kind of ["view", "section"]) {
    offer(kind, "smartair-air", 1, 2);
    offer(kind, "smartair-water", 3, 4);
    for (const name of ["air", "water"]) define(kind, `smartair-${name}`);
  }
  for (const name of ["machines", "hosts", "devices", "alerts"]) define("view", `smartair-${name}`);
  customElements.define("smartair-alerts", class extends HTMLElement {
    setConfig() {}
    set hass(hass) { import("./alerts.js").then(({ draw }) => draw(this, hass)); }
  });
}
