// Play button, time, seek bar and cursor: what the mixer and the waveform player share.

import { button, clock, el, hasModifier, icon, set } from "./dom.js";

const STEP_S = 1;
const STRIDE_S = 5;
const OWN_SPACE = "button, summary, a, input, select, textarea"; // elements that use Space

/** Button that plays and pauses, with the time beside it, and the position in a recording. */
export class Transport {
  /**
   * @param {{name: string, duration: number, onToggle: () => void, onSeek: (s: number) => void,
   *          position: () => number}} options name of what plays; duration in seconds
   */
  constructor({ name, duration, onToggle, onSeek, position }) {
    this.name = name;
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
    const label = `${playing ? "Pause" : "Play"} ${this.name}`;
    set(this.play, { "aria-busy": String(busy), "aria-label": label, title: label });
    this.play.replaceChildren(icon(playing ? "pause" : "play"));
  }

  /** Show a position [s]: as a time, on the seek bar, and by the cursor on a map of a width. */
  setPosition(position, width) {
    const text = clock(position);
    if (this.now.textContent !== text) this.now.textContent = text;
    const value = String(Math.floor(position));
    if (this.seekBar.getAttribute("aria-valuenow") !== value) {
      const words = `${text} of ${clock(this.duration)}`;
      set(this.seekBar, { "aria-valuenow": value, "aria-valuetext": words });
    }
    const x = Math.min(position / this.duration, 1) * width;
    this.cursor.style.transform = `translateX(${x}px)`;
  }

  /**
   * Turn an element into a slider over time, for clicks, drags and the keys of `listenForKeys`.
   * @param {HTMLElement} element as wide as the whole track
   */
  makeSeekBar(element) {
    const seek = (event) => {
      const box = element.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width || 0;
      this.onSeek(clamp(share, 1) * this.duration);
    };
    this.seekBar = set(element, {
      role: "slider",
      tabindex: "0",
      "aria-label": `Position in ${this.name}`,
      "aria-valuemin": "0",
      "aria-valuemax": String(Math.floor(this.duration)),
      onpointerdown: (event) => {
        if (event.button !== 0) return;
        element.setPointerCapture(event.pointerId);
        seek(event);
      },
      onpointermove: (event) => {
        if (element.hasPointerCapture(event.pointerId)) seek(event);
      },
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
    if (hasModifier(event)) return null;
    const step = event.shiftKey ? STRIDE_S : STEP_S;
    const moves = {
      ArrowRight: step,
      ArrowUp: step,
      ArrowLeft: -step,
      ArrowDown: -step,
      PageUp: STRIDE_S,
      PageDown: -STRIDE_S,
      Home: -Infinity,
      End: Infinity,
    };
    const move = moves[event.key];
    return move === undefined ? null : clamp(this.position() + move, this.duration);
  }
}

function clamp(value, largest) {
  return Math.min(Math.max(value, 0), largest);
}

function isSpace(event) {
  return event.key === " " && !hasModifier(event);
}
