// Light, dark, or as the device says: chosen here and remembered on this device.

import { button } from "./dom.js";
import { device } from "./storage.js";

const KEY = "genpy-theme";
export const THEMES = ["system", "light", "dark"];

const chosen = () => {
  const kept = device.get(KEY) ?? "";
  return THEMES.includes(kept) ? kept : "system";
};

/** @type {HTMLButtonElement | undefined} */
let shown;

const apply = () => {
  document.documentElement.dataset.theme = chosen();
  if (shown) shown.textContent = `Theme: ${chosen()}`;
};

apply();
addEventListener("storage", apply);

/** @param {string} name one of `THEMES` */
export function setTheme(name) {
  device.set(KEY, name);
  apply();
}

/** The button of the page that goes on to the next theme, and says which one is on. */
export function themeButton() {
  const next = () => setTheme(THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length]);
  shown = button("", next, { class: "theme" });
  apply();
  return shown;
}
