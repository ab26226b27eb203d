// Small helpers for elements, words and numbers.

/**
 * Make an element. Properties starting with "on" are listeners, the rest are attributes;
 * null and false leave an attribute out.
 */
export function el(tag, properties = {}, ...children) {
  const element = set(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Set properties of an element, as `el` takes them. */
export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  return element;
}

/** Show whether a button is pressed; without a button nothing happens. */
export function press(element, on) {
  element?.setAttribute("aria-pressed", String(on));
}

/** Whether a key is pressed together with one that makes it the browser's own. */
export function hasModifier(event) {
  return event.ctrlKey || event.metaKey || event.altKey;
}

/** A button, which never submits a form, with an optional icon before its label. */
export function button(label, properties = {}, sign = null) {
  return el("button", { type: "button", ...properties }, sign, label);
}

/** 75.2 -> "1:15". A stretch that begins with a fade of 10 ms begins at the end of the fade. */
export function clock(seconds) {
  const whole = Math.floor(Math.max(seconds, 0) + 0.0101);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Bounds of a stretch in seconds, as short as they are exact to a tenth: "6–12 s". */
export function bounds(start, end) {
  const number = (value) => String(Math.round(value * 10) / 10);
  return `${number(start)}–${number(end)} s`;
}

/** A weight with its sign: "+0.12", "−0.03". */
export function signed(weight) {
  const digits = Math.abs(weight) < 0.0995 && weight !== 0 ? 3 : 2;
  const text = Math.abs(weight).toFixed(digits);
  return Number(text) === 0 ? text : `${weight < 0 ? "−" : "+"}${text}`;
}

const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M7 5.5h3.5v13H7zM13.5 5.5H17v13h-3.5z",
  medley: "M3 6v12l8-6zM12 6v12l8-6z",
  stop: "M6.5 6.5h11v11h-11z",
  previous: "M6 6h2.5v12H6zM19 6v12l-9-6z",
  next: "M15.5 6H18v12h-2.5zM5 6v12l9-6z",
  loop:
    "M17 4l3 3-3 3V8H9a4 4 0 0 0-4 4H3a6 6 0 0 1 6-6h8z" +
    "M7 20l-3-3 3-3v2h8a4 4 0 0 0 4-4h2a6 6 0 0 1-6 6H7z",
};

/** A drawn icon, hidden from screen readers: the button around it has a label. */
export function icon(name) {
  const make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
  const svg = set(make("svg"), { viewBox: "0 0 24 24", "aria-hidden": "true" });
  svg.append(set(make("path"), { d: ICONS[name] }));
  return svg;
}
