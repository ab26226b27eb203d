// Light or dark: as the page around the player is, and when it changes, so does the player.

/**
 * Keep `data-theme` of an element in step with the page.
 * @param {HTMLElement} root
 * @param {() => void} onChange called after a change, to paint canvases anew
 * @returns {() => void} ends the watch
 */
export function followTheme(root, onChange) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  // Streamlit says its background in a custom property. No event tells of a change of an
  // inherited property, but a transition that starts because of it does.
  const probe = document.createElement("span");
  probe.className = "theme-probe";
  probe.setAttribute("aria-hidden", "true");
  root.append(probe);
  const update = () => {
    const dark = pageIsDark(probe) ?? system.matches;
    const theme = dark ? "dark" : "light";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    onChange();
  };
  probe.addEventListener("transitionend", update);
  system.addEventListener("change", update);
  update();
  return () => system.removeEventListener("change", update);
}

function pageIsDark(probe) {
  const [red, green, blue, alpha = 1] =
    getComputedStyle(probe).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
  if (blue === undefined || alpha === 0) return null;
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

/** The palette as the style sheet has it for the present theme. */
export function palette(root) {
  const style = getComputedStyle(root);
  const color = (name) => style.getPropertyValue(`--lemons-${name}`).trim();
  return {
    raised: color("raised"),
    ink: color("ink"),
    muted: color("muted"),
    line: color("line"),
    positive: color("positive"),
    positiveInk: color("positive-ink"),
    negative: color("negative"),
    negativeInk: color("negative-ink"),
  };
}
