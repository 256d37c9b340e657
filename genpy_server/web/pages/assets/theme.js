// Light, dark, or as the device says: chosen here and remembered on this device.

import { button } from "./dom.js";

const KEY = "genpy-theme";
const THEMES = ["system", "light", "dark"];

const chosen = () => {
  const kept = localStorage.getItem(KEY) ?? "";
  return THEMES.includes(kept) ? kept : "system";
};

const apply = () => {
  document.documentElement.dataset.theme = chosen();
};

apply();
addEventListener("storage", apply);

/** A button that goes on to the next theme, and says which one is on. */
export function themeButton() {
  const words = () => `Theme: ${chosen()}`;
  const made = button(
    words(),
    () => {
      localStorage.setItem(KEY, THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length]);
      apply();
      made.textContent = words();
    },
    { class: "theme" },
  );
  return made;
}
