// The theme of a player, light or dark, which follows the page around it.

import { el } from "./dom.js";

/**
 * Set `data-theme` of an element by the page's background, also when that changes.
 * @param {HTMLElement} root
 * @param {() => void} onChange called after a change, to paint canvases anew
 * @returns {() => void} ends the watch
 */
export function followTheme(root, onChange) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  // Streamlit gives its background as a custom property. A change of an inherited property has no
  // event of its own, but the transition that it starts has.
  const probe = el("span", { class: "theme-probe", "aria-hidden": "true" });
  root.append(probe);
  const update = () => {
    const theme = (pageIsDark(probe) ?? system.matches) ? "dark" : "light";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    onChange();
  };
  probe.addEventListener("transitionend", update);
  system.addEventListener("change", update);
  update();
  return () => system.removeEventListener("change", update);
}

const SIGNS = ["positive", "positive-ink", "negative", "negative-ink"];
const COLORS = ["raised", "ink", "muted", "line", ...SIGNS];

function pageIsDark(probe) {
  const [red, green, blue, alpha = 1] =
    getComputedStyle(probe).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
  if (blue === undefined || alpha === 0) return null;
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

/** The colours of the canvases by name, as the style sheet has them for the present theme. */
export function palette(root) {
  const style = getComputedStyle(root);
  return Object.fromEntries(
    COLORS.map((name) => [name, style.getPropertyValue(`--lemons-${name}`).trim()]),
  );
}
