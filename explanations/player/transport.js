// Play button, time, seek bar and cursor: what the mixer and the waveform player share.

import { button, clock, el, icon } from "./dom.js";

const STEP_S = 1;
const STRIDE_S = 5;
const OWN_SPACE = "button, summary, a, input, select, textarea"; // elements that use Space

/** Button that plays and pauses, with the time beside it, and the position in a recording. */
export class Transport {
  /**
   * @param {{duration: number, onToggle: () => void, onSeek: (s: number) => void,
   *          position: () => number}} options duration in seconds
   */
  constructor({ duration, onToggle, onSeek, position }) {
    this.duration = duration;
    this.onToggle = onToggle;
    this.onSeek = onSeek;
    this.position = position;
    this.play = button("", { class: "play", onclick: onToggle });
    this.now = el("span", { class: "now" }, "0:00");
    this.time = el("span", { class: "time" }, this.now, " / ", el("span", {}, clock(duration)));
    this.cursor = el("div", { class: "cursor", "aria-hidden": "true" });
    this.setPlaying(false);
  }

  /** The bar with the play button, the time and more elements. */
  bar(...elements) {
    return el("div", { class: "bar-top" }, this.play, this.time, ...elements);
  }

  /** @param {boolean} busy whether the audio still loads */
  setPlaying(playing, busy = false) {
    this.play.setAttribute("aria-busy", String(busy));
    this.play.replaceChildren(icon(playing ? "pause" : "play"));
    this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  /** Show a position [s]: as a time, on the seek bar, and by the cursor on a map of a width. */
  setPosition(position, width) {
    const text = clock(position);
    if (this.now.textContent !== text) this.now.textContent = text;
    const value = String(Math.floor(position));
    if (this.seekBar.getAttribute("aria-valuenow") !== value) {
      this.seekBar.setAttribute("aria-valuenow", value);
      this.seekBar.setAttribute("aria-valuetext", `${text} of ${clock(this.duration)}`);
    }
    const x = Math.min(position / this.duration, 1) * width;
    this.cursor.style.transform = `translateX(${x}px)`;
  }

  /**
   * Turn an element into a slider over time, for clicks, drags and the keys of `listenForKeys`.
   * @param {HTMLElement} element as wide as the whole track
   */
  makeSeekBar(element) {
    this.seekBar = element;
    element.setAttribute("role", "slider");
    element.setAttribute("tabindex", "0");
    element.setAttribute("aria-label", "Position in the track");
    element.setAttribute("aria-valuemin", "0");
    element.setAttribute("aria-valuemax", String(Math.floor(this.duration)));
    const at = (event) => {
      const box = element.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width || 0;
      return Math.min(Math.max(share, 0), 1) * this.duration;
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      this.onSeek(at(event));
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) this.onSeek(at(event));
    });
  }

  /**
   * Listen for keys that work anywhere in a player: Space plays and pauses, left and right seek.
   * On the seek bar, up, down, Page keys, Home and End seek, too.
   *
   * Elements that use a key themselves keep it (buttons use Space, the grid uses arrows), except
   * the buttons that `isOurs` names: on those, Space plays.
   * @param {HTMLElement} root
   * @param {(element: Element) => boolean} [isOurs]
   */
  listenForKeys(root, isOurs = () => false) {
    const ours = (element) => isOurs(element) || !element.closest(OWN_SPACE);
    root.addEventListener("keydown", (event) => {
      const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
      const seeks = sideways || event.target === this.seekBar;
      const target = seeks ? this.seekTarget(event) : null;
      if (target !== null) this.onSeek(target);
      else if (!isSpace(event) || !ours(event.target)) return;
      else if (!event.repeat) this.onToggle();
      event.preventDefault();
      event.stopPropagation();
    });
    root.addEventListener("keyup", (event) => {
      // Buttons act when Space is released; the keydown has played already.
      if (isSpace(event) && isOurs(event.target)) event.preventDefault();
    });
  }

  /** Where a key takes the position, or null: arrows a second, with Shift or Page keys five. */
  seekTarget(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    const step = event.shiftKey ? STRIDE_S : STEP_S;
    const position = this.position();
    const targets = {
      ArrowRight: position + step,
      ArrowUp: position + step,
      ArrowLeft: position - step,
      ArrowDown: position - step,
      PageUp: position + STRIDE_S,
      PageDown: position - STRIDE_S,
      Home: 0,
      End: this.duration,
    };
    const target = targets[event.key];
    return target === undefined ? null : Math.min(Math.max(target, 0), this.duration);
  }
}

function isSpace(event) {
  return event.key === " " && !event.ctrlKey && !event.metaKey && !event.altKey;
}
