// The what-if mixer: components switched on and off, their mix, and the model's relevance of it.

import { Deck } from "./deck.js";
import { button, el, icon, press } from "./dom.js";
import { Gauge } from "./gauge.js";
import { MixGrid } from "./grid.js";
import { loadArrays, loadHeads } from "./load.js";
import { MapCanvas } from "./map.js";
import { MixState, decodeMask, encodeMask } from "./state.js";
import { ExactTables } from "./tables.js";
import { followTheme } from "./theme.js";
import { Transport } from "./transport.js";
import { Words } from "./words.js";

const MIN_COLUMN_PX = 24; // the narrowest cell that a finger can touch
const MAX_MAP_PX = 6000; // browsers may refuse a larger canvas
const SAME_RELEVANCE = 1e-3;
const ANNOUNCE_MS = 400;
const REPORT_MS = 800;
const HELP =
  "Space plays; arrows move between components, Enter switches one; s, m and l: solo, mute, loop.";

export class Mixer {
  /**
   * @param {HTMLElement} root an empty element to fill
   * @param {object} data see MixerData in data.py
   * @param {{onAction?: (id: string, mask: string) => void, onMask?: (mask: string) => void}} host
   */
  constructor(root, data, host = {}) {
    this.root = root;
    this.data = data;
    this.host = host;
    this.state = new MixState(data);
    this.words = new Words(this.state, data.sample_rate);
    this.presets = this.state.presets();
    this.map = new MapCanvas(this.state, root);
    this.deck = new Deck(data, {
      onState: (playing, busy) => this.transport.setPlaying(playing, busy),
      onPosition: (position) => this.showPosition(position),
      onError: (error) => this.complain(error),
    });
    this.duration = this.deck.duration;
    this.abort = new AbortController();
    this.build();
    this.endTheme = followTheme(root, () => this.map.paint());
    this.resizing = new ResizeObserver(() => this.layout());
    this.resizing.observe(this.viewport);
    this.setMask(data.mask);
    this.ready = this.load();
  }

  // -- building ---------------------------------------------------------------------------------

  build() {
    this.transport = new Transport({
      duration: this.duration,
      onToggle: () => this.deck.toggle(this.ready),
      onSeek: (position) => this.deck.seek(position),
      position: () => this.deck.position(),
    });
    this.loopName = el("span", {});
    const loop = { class: "loop-all", onclick: () => this.toggleLoop() };
    this.loopButton = button(this.loopName, loop, icon("loop"));
    this.presetButtons = this.presets.map(({ label, mask, title }) =>
      button(label, { title, disabled: mask ? null : "", onclick: () => this.setCells(mask) }),
    );
    this.grid = new MixGrid(this.state, this.words, {
      onToggle: (row, column) => this.toggle(row, column),
      onFlip: (what, axis, index) => this.flip(what, axis, index),
      onLoop: (column) => this.setLoop(this.grid.loopColumn === column ? null : column),
    });
    this.loopMark = el("div", { class: "loop-mark", hidden: "" });
    this.ruler = el("div", { class: "ruler" }, this.loopMark);
    this.transport.makeSeekBar(this.ruler);
    this.sheet = el(
      "div",
      { class: "sheet" },
      el("div", { class: "line" }, el("div", { class: "corner" }), this.ruler),
      this.map.element,
      this.grid.element,
      this.transport.cursor,
    );
    this.viewport = el("div", { class: "viewport" }, this.sheet);
    this.gauge = new Gauge(this.data.relevance);
    this.message = el("p", { class: "message", role: "alert", hidden: "" });
    this.live = el("p", { class: "hidden", role: "status" });
    const presets = { class: "presets", role: "group", "aria-label": "Presets" };
    this.root.append(
      this.transport.bar(this.loopButton, el("div", presets, ...this.presetButtons)),
      this.viewport,
      this.grid.tools,
      this.gauge.element,
      this.message,
      this.foot(),
      this.live,
    );
    this.root.classList.add("lemons", "mixer");
    this.root.classList.toggle("single", this.state.rows.length === 1);
    this.transport.listenForKeys(this.root, (element) => element.closest(".cell") !== null);
    this.showLoop();
  }

  foot() {
    this.table = el("div", { class: "table" });
    this.details = el(
      "details",
      { ontoggle: () => this.refreshTable() },
      el("summary", {}, "The map as a table"),
      el("p", {}, this.words.summary()),
      this.table,
    );
    const mark = (name) => el("i", { class: name });
    const words = ["− against", mark("scale"), "for +", mark("hatched"), "off"];
    const legend = el("span", { class: "legend", "aria-hidden": "true" }, ...words);
    const actions = (this.data.actions ?? []).map(({ id, label }) =>
      button(label, { onclick: () => this.host.onAction?.(id, this.mask()) }),
    );
    const buttons = el("div", { class: "actions" }, ...actions);
    const help = el("p", { class: "help" }, HELP);
    return el("div", { class: "foot" }, legend, buttons, this.details, help);
  }

  // -- loading ----------------------------------------------------------------------------------

  async load() {
    const { signal } = this.abort;
    const [, stems] = await Promise.all([this.loadTables(signal), this.deck.load(signal)]);
    this.map.setSamples(stems);
    this.layout();
  }

  async loadTables(signal) {
    if (!this.data.tables) return;
    try {
      const { heads, listener } = this.data;
      const [arrays, known] = await Promise.all([
        loadArrays(this.data.tables, "The what-if tables", signal),
        heads ? loadHeads(heads, "The listeners' heads", signal) : [],
      ]);
      const tables = new ExactTables(arrays, known, listener || undefined);
      const everything = new Uint8Array(this.data.stems.length * this.data.segments.length).fill(1);
      if (Math.abs(tables.relevance(everything) - this.data.relevance) > SAME_RELEVANCE) {
        throw new Error("The what-if tables belong to another explanation: explain the track anew");
      }
      this.tables = tables;
      this.changed({ quietly: true });
    } catch (error) {
      this.complain(error);
    }
  }

  complain(error) {
    const known = [...this.message.children].some((line) => line.textContent === error.message);
    if (error.name === "AbortError" || known) return;
    this.message.append(el("span", {}, error.message));
    this.message.hidden = false;
  }

  // -- position and loop ------------------------------------------------------------------------

  showPosition(position = this.deck.position()) {
    this.transport.setPosition(position, this.map.width ?? 0);
  }

  toggleLoop() {
    const looping = this.loopAll || this.grid.loopColumn !== null;
    this.loopAll = !looping;
    this.setLoop(null);
  }

  /** Loop a column; null loops the whole track or nothing. */
  setLoop(column) {
    if (column !== null) this.loopAll = false;
    this.grid.loopColumn = column;
    this.grid.update();
    this.showLoop();
  }

  showLoop() {
    const column = this.state.columns[this.grid.loopColumn];
    const rate = this.data.sample_rate;
    const whole = this.loopAll ? [0, this.duration] : null;
    const loop = column ? [column.start / rate, column.end / rate] : whole;
    const name = column ? this.words.columnNames[this.grid.loopColumn] : "loop";
    this.loopName.textContent = name;
    press(this.loopButton, loop !== null);
    this.loopButton.setAttribute("aria-label", column ? `Loop ${name}` : "Loop the track");
    this.loopMark.hidden = !column;
    if (column) {
      this.loopMark.style.left = `${(loop[0] / this.duration) * 100}%`;
      this.loopMark.style.width = `${((loop[1] - loop[0]) / this.duration) * 100}%`;
    }
    this.deck.setLoop(loop);
  }

  // -- switching --------------------------------------------------------------------------------

  toggle(row, column) {
    this.state.toggle(row, column);
    const { words } = this;
    this.changed({ about: () => `${words.name(row, column)} ${words.status(row, column)}.` });
  }

  flip(what, axis, index) {
    this.state.flip(what, axis, index);
    const name = this.words.names(axis)[index];
    const done = this.state[what][axis].has(index) ? "on" : "off";
    this.changed({ about: () => `${what} ${name} ${done}.` });
  }

  setCells(mask) {
    this.state.set(mask);
    this.changed({ about: () => "" });
  }

  /** The mask that is heard, as text for links. */
  mask() {
    return encodeMask(this.state.heard());
  }

  /** Set the mask of a link; one that does not fit is ignored. */
  setMask(text) {
    const mask = text ? decodeMask(text, this.data.weights.length) : null;
    if (mask) this.state.set(mask);
    this.changed({ quietly: true });
  }

  /** Update everything after a change of the switches, the gauge first. */
  changed({ about = () => "", quietly = false } = {}) {
    const cells = this.state.cells();
    this.gauge.set(this.relevance(cells));
    this.deck.setMask(cells);
    this.grid.update();
    this.showPreset();
    this.map.schedule();
    this.refreshTable();
    if (!quietly) this.tell(about);
  }

  relevance(cells) {
    if (this.tables) return this.tables.relevance(cells);
    return cells.every(Boolean) ? this.data.relevance : null;
  }

  /** What is heard, to every listener of the trunk: [{name, relevance}]; empty without tables. */
  relevances(cells = this.state.cells()) {
    const values = this.tables?.relevances(cells) ?? [];
    return values.map((relevance, i) => ({ name: this.tables.heads[i].name, relevance }));
  }

  showPreset() {
    const heard = String(this.state.heard());
    this.presetButtons.forEach((element, i) => {
      const { mask } = this.presets[i];
      press(element, mask !== null && String(mask) === heard);
    });
  }

  /** Report a change to screen readers and to Python, once no other follows. */
  tell(about) {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const relevance = this.gauge.value.textContent;
      this.live.textContent = `${about()} Relevance ${relevance}.`.trim();
    }, ANNOUNCE_MS);
    if (!this.data.follow) return;
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => this.host.onMask?.(this.mask()), REPORT_MS);
  }

  // -- layout -----------------------------------------------------------------------------------

  layout() {
    const available = this.viewport.clientWidth;
    if (available === 0) return; // not on the page yet
    const head = this.sheet.querySelector(".corner").getBoundingClientRect().width;
    const shortest = Math.min(...this.grid.seconds) / this.duration;
    const needed = Math.min(MIN_COLUMN_PX / shortest, MAX_MAP_PX);
    const width = Math.max(available - head, needed);
    this.sheet.style.width = `${head + width}px`;
    this.viewport.classList.toggle("scrolls", head + width > available);
    this.grid.layout(width);
    this.map.layout(width, this.grid.cells[0][0].getBoundingClientRect().height);
    this.showPosition();
  }

  refreshTable() {
    if (this.details?.open) this.table.replaceChildren(this.words.table());
  }

  destroy() {
    this.abort.abort();
    this.deck.pause();
    this.resizing.disconnect();
    this.endTheme();
    this.map.cancel();
    clearTimeout(this.telling);
    clearTimeout(this.reporting);
    this.root.replaceChildren();
  }
}
