// Play button, time and position: what the mixer and the waveform player have in common.

import { button, clock, el, icon } from "./dom.js";

/** Button that plays and pauses, with the time beside it. */
export class Transport {
  /** @param {{duration: number, onToggle: () => void}} options duration in seconds */
  constructor({ duration, onToggle }) {
    this.duration = duration;
    this.play = button("", { class: "play", onclick: onToggle });
    this.now = el("span", { class: "now" }, "0:00");
    this.total = el("span", {}, clock(duration));
    this.time = el("span", { class: "time" }, this.now, " / ", this.total);
    this.setPlaying(false);
  }

  setDuration(duration) {
    this.duration = duration;
    this.total.textContent = clock(duration);
  }

  /** @param {boolean} busy whether what is to be played still loads */
  setPlaying(playing, busy = false) {
    this.play.setAttribute("aria-busy", String(busy));
    this.play.replaceChildren(icon(playing ? "pause" : "play"));
    this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  setPosition(position) {
    const text = clock(position);
    if (this.now.textContent !== text) this.now.textContent = text;
  }
}

const STEP_S = 1;
const STRIDE_S = 5;
const OWN_SPACE = "button, summary, a, input, select, textarea";

/**
 * Turn an element into a slider over time: click and drag, arrows, Home and End.
 * @param {HTMLElement} element as wide as the whole track
 * @param {{duration: () => number, position: () => number, onSeek: (s: number) => void}} options
 * @returns {(position: number) => void} tells screen readers where the track is
 */
export function makeSeekBar(element, { duration, position, onSeek }) {
  element.setAttribute("role", "slider");
  element.setAttribute("tabindex", "0");
  element.setAttribute("aria-label", "Position in the track");
  element.setAttribute("aria-valuemin", "0");
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return (Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) || 0) * duration();
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    onSeek(at(event));
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) onSeek(at(event));
  });
  element.addEventListener("keydown", (event) => {
    const target = seekTarget(event, position(), duration());
    if (target === null) return;
    event.preventDefault();
    event.stopPropagation();
    onSeek(target);
  });
  return (now) => {
    const value = String(Math.floor(now));
    if (element.getAttribute("aria-valuenow") === value) return;
    element.setAttribute("aria-valuenow", value);
    element.setAttribute("aria-valuemax", String(Math.floor(duration())));
    element.setAttribute("aria-valuetext", `${clock(now)} of ${clock(duration())}`);
  };
}

/** Where a key takes the position, or null: arrows a second, with Shift or Page keys five. */
export function seekTarget(event, position, duration) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const step = event.shiftKey ? STRIDE_S : STEP_S;
  const targets = {
    ArrowRight: position + step,
    ArrowUp: position + step,
    ArrowLeft: position - step,
    ArrowDown: position - step,
    PageUp: position + STRIDE_S,
    PageDown: position - STRIDE_S,
    Home: 0,
    End: duration,
  };
  const target = targets[event.key];
  return target === undefined ? null : Math.min(Math.max(target, 0), duration);
}

/**
 * Keys that work anywhere in a player: Space plays and pauses, left and right seek.
 *
 * Whoever uses a key itself (buttons use Space, the grid uses arrows) keeps it; `isOurs` names
 * buttons on which Space is for playing all the same.
 * @param {HTMLElement} root
 * @param {{onToggle: () => void, onSeek: (s: number) => void, position: () => number,
 *          duration: () => number, isOurs?: (element: Element) => boolean}} options
 */
export function listenForKeys(root, { onToggle, onSeek, position, duration, isOurs }) {
  const isSpace = (event) => event.key === " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  const ours = (element) => isOurs?.(element) || !element.closest(OWN_SPACE);
  root.addEventListener("keydown", (event) => {
    const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
    const target = sideways ? seekTarget(event, position(), duration()) : null;
    if (target !== null) onSeek(target);
    else if (!isSpace(event) || !ours(event.target)) return;
    else if (!event.repeat) onToggle();
    event.preventDefault();
    event.stopPropagation();
  });
  root.addEventListener("keyup", (event) => {
    // Buttons act when Space is let go; by then it has played already.
    if (isSpace(event) && isOurs?.(event.target)) event.preventDefault();
  });
}
