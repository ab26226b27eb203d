// The map: the mixer's canvas, with the waveform, the weight and the state of every component.

import { el } from "./dom.js";
import { drawCell, fitCanvas, loudestOf, outline, slice } from "./draw.js";
import { palette } from "./theme.js";

export class MapCanvas {
  /**
   * @param {import("./state.js").MixState} state
   * @param {HTMLElement} root where the palette is to be read
   * @param {number} full weight from which on the colour is full
   */
  constructor(state, root, full) {
    this.state = state;
    this.root = root;
    this.element = el("canvas", { "aria-hidden": "true" });
    this.full = full;
    this.samples = null;
    this.waves = [];
  }

  /** @param {(Float32Array|null)[]} stems samples of each stem */
  setSamples(stems) {
    this.samples = this.state.rows.map((row) => row.stems.map((s) => stems[s]).filter(Boolean));
  }

  /** Take a new size; `lane` is the height of a row. */
  layout(width, lane) {
    this.width = width;
    this.lane = lane;
    this.waves = this.state.rows.map((_, r) =>
      this.samples?.[r].length ? outline(this.samples[r], Math.round(width)) : null,
    );
    this.paint();
  }

  /** Paint before the next frame, once however often it is asked. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => this.paint());
  }

  cancel() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
  }

  paint() {
    this.cancel();
    if (!this.width) return;
    const { state, lane, width } = this;
    const { rows, columns } = state;
    const context = fitCanvas(this.element, width, lane * rows.length);
    const colors = palette(this.root);
    const loudest = loudestOf(this.waves);
    const x = (samples) => (samples / columns.at(-1).end) * width;
    rows.forEach((_, r) =>
      columns.forEach(({ start, end }, c) => {
        const box = { x: x(start), y: r * lane, width: x(end) - x(start), height: lane };
        const wave = slice(this.waves[r], Math.round(x(start)), Math.round(x(end)));
        const [weight, on] = [state.weight(r, c), state.sounds(r, c)];
        const cell = { weight, full: this.full, on, wave, loudest };
        drawCell(context, box, cell, colors);
      }),
    );
  }
}
