// The what-if mixer: components switched on and off, their mix, and the model's relevance of it.

import { Deck } from "./deck.js";
import { button, el } from "./dom.js";
import { Gauges } from "./gauge.js";
import { MixGrid } from "./grid.js";
import { Lead } from "./lead.js";
import { loadArrays, loadHeads } from "./load.js";
import { Loop } from "./loop.js";
import { MapCanvas } from "./map.js";
import { Pairs } from "./pairs.js";
import { Presets } from "./presets.js";
import { Reports } from "./reports.js";
import { MixState, decodeMask, encodeMask } from "./state.js";
import { ExactTables } from "./tables.js";
import { followTheme } from "./theme.js";
import { Tour } from "./tour.js";
import { Transport } from "./transport.js";
import { Words } from "./words.js";

const MIN_COLUMN_PX = 24; // the narrowest cell that a finger can touch
const MAX_MAP_PX = 6000; // browsers may refuse a larger canvas
const SAME_RELEVANCE = 1e-3;
const HELP =
  "Space plays; arrows move between components, Enter switches one; s, m and l: solo, mute, loop.";

export class Mixer {
  /**
   * @param {HTMLElement} root an empty element to fill
   * @param {object} data see MixerData in data.py
   * @param {{onAction?: (id: string, mask: string) => void, onMask?: (mask: string) => void,
   *          onSwitch?: (mask: string) => void}} host
   */
  constructor(root, data, host = {}) {
    this.root = root;
    this.data = data;
    this.host = host;
    this.state = new MixState(data);
    this.words = new Words(this.state, data.sample_rate);
    this.map = new MapCanvas(this.state, root, data.full);
    this.deck = new Deck(data, {
      onState: (playing, busy) => {
        this.transport.setPlaying(playing, busy);
        this.lead.setPlaying(playing, busy);
      },
      onPosition: (position) => {
        this.showPosition(position);
        this.skipGap(position);
      },
      onError: (error) => this.complain(error), onEnd: host.onEnd,
    });
    this.duration = this.deck.duration;
    this.abort = new AbortController();
    this.build();
    this.endTheme = followTheme(root, () => this.map.paint());
    this.resizing = new ResizeObserver(() => this.layout());
    this.resizing.observe(this.viewport);
    this.explain();
    if (data.mask) this.lead.set({ mask: data.mask, label: "Play this mix" });
    this.setMask(data.mask);
    this.ready = this.load();
  }

  // -- building ---------------------------------------------------------------------------------

  build() {
    this.lead = new Lead({
      onPlay: (mask) => this.playMix(mask),
      onPause: () => this.deck.pause(),
      heard: () => this.mask(),
    });
    this.transport = new Transport({
      name: "the mix",
      duration: this.duration,
      onToggle: () => this.deck.toggle(this.ready),
      onSeek: (position) => this.deck.seek(position),
      position: () => this.deck.position(),
    });
    const seconds = (samples) => samples / this.data.sample_rate;
    this.loop = new Loop({
      columns: this.state.columns.map(({ start, end }, c) => ({
        name: this.words.columnNames[c], start: seconds(start), end: seconds(end),
      })),
      duration: this.duration,
      onChange: (loop, words) => this.setLoop(loop, words),
    });
    this.grid = new MixGrid(this.state, this.words, {
      onToggle: (row, column) => this.toggle(row, column),
      onFlip: (what, axis, index) => this.flip(what, axis, index),
      onLoop: (column) => this.loop.setColumn(column),
    });
    this.ruler = el("div", { class: "ruler" }, this.loop.mark);
    this.transport.makeSeekBar(this.ruler);
    this.pairs = new Pairs(this.state, (mask) => this.playCells(mask));
    this.sheet = el(
      "div",
      { class: "sheet" },
      el("div", { class: "line" }, el("div", { class: "corner" }), this.ruler),
      this.map.element,
      this.grid.element,
      this.pairs.arcs,
      this.transport.cursor,
    );
    this.viewport = el("div", { class: "viewport" }, this.sheet);
    this.gauges = new Gauges(this.data, (name) => this.choose(name));
    this.message = el("p", { class: "message", role: "alert", hidden: "" });
    this.reports = new Reports({
      relevance: () => this.gauges.large.value.textContent,
      report: () => this.report(),
    });
    this.tour = new Tour(this);
    this.presets = new Presets((mask) => this.setCells(mask));
    const bar = this.transport.bar(this.loop.button);
    bar.prepend(this.lead.element);
    this.root.append(
      bar,
      this.gauges.large.element,
      this.viewport,
      this.grid.tools,
      el("div", { class: "below" }, this.presets.element, this.tour.start),
      this.pairs.element,
      this.gauges.small.element,
      this.message,
      this.foot(),
      this.reports.element,
      this.tour.element,
    );
    this.root.classList.add("lemons", "mixer");
    this.root.classList.toggle("single", this.state.rows.length === 1);
    this.transport.listenForKeys(this.root, (element) => element.closest(".cell") !== null);
  }

  foot() {
    this.table = el("div", { class: "table" });
    this.summary = el("p", {});
    this.details = el(
      "details",
      { ontoggle: () => this.refreshTable() },
      el("summary", {}, "The map as a table"),
      this.summary,
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

  /** Show what depends on the listener: presets, pairs, the lead, the names of the cells. */
  explain() {
    const { data, state } = this;
    this.presets.set(state.presets());
    this.pairs.set(data.pairs ?? []);
    this.lead.set(data.lead);
    this.grid.label();
    this.summary.textContent = this.words.summary();
    this.gauges.take(data);
  }

  /** Take an explanation of the same track to another listener; playback continues. */
  take(data) {
    this.tour.end();
    this.data = data;
    this.state.weigh(data.weights, data.least);
    this.explain();
    this.changed({ quietly: true });
  }

  /** Let the gauge speak for another listener, at once; the page then explains for that one. */
  choose(name) {
    this.gauges.choose(name);
    this.changed();
    this.host.onAction?.(`listener:${name}`, this.mask());
  }

  // -- loading ----------------------------------------------------------------------------------

  async load() {
    const { signal } = this.abort;
    const [, stems] = await Promise.all([this.loadTables(signal), this.deck.load(signal)]);
    this.map.setSamples(stems);
    this.state.listen(stems);
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
      this.gauges.setTables(tables);
      this.tour.offer();
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

  /** Where playing reaches a stretch in which nothing is on, go on with the next that sounds. */
  skipGap(position) {
    if (!this.deck.player.playing || this.loop.column !== null) return;
    if (this.state.heard().every(Boolean)) return; // the track as it is, with its own silence
    const target = this.sounding(position);
    if (target < position && !this.loop.all) this.deck.end();
    if (target !== position) this.deck.seek(target);
  }

  /** The position itself if anything sounds there, otherwise the next that does, or the first. */
  sounding(position) {
    const { sample_rate: rate } = this.data;
    const sample = Math.round(position * rate);
    const target = this.state.sounding(sample);
    return target === sample ? position : target / rate;
  }

  setLoop(loop, words) {
    this.grid.loopColumn = this.loop.column;
    this.grid.update();
    this.deck.setLoop(loop);
    this.reports.tell(() => words);
  }

  // -- switching --------------------------------------------------------------------------------

  toggle(row, column) {
    this.state.toggle(row, column);
    const name = this.words.name(row, column);
    this.changed({ about: () => `${name} ${this.words.status(row, column)}.` });
  }

  flip(what, axis, index) {
    this.state.flip(what, axis, index);
    const name = this.words.names(axis)[index];
    const done = this.state[what][axis].has(index) ? "on" : "off";
    this.changed({ about: () => `${what} ${name} ${done}.` });
  }

  /** Set a mix, from the first part of it that sounds. */
  setCells(mask) {
    this.state.set(mask);
    this.changed();
    const at = this.deck.position();
    if (this.sounding(at) !== at) this.deck.seek(this.sounding(0));
  }

  /** Play the mix of a link from its start, and only that. */
  playMix(text) {
    return this.playCells(decodeMask(text, this.data.weights.length));
  }

  async playCells(mask) {
    if (this.loop.column !== null) this.loop.setColumn(null);
    this.setCells(mask);
    this.deck.seek(this.sounding(0));
    await this.deck.play(this.ready.then(() => this.deck.seek(this.sounding(0))));
  }

  /** The mask that is heard, as text for links. */
  mask() {
    return encodeMask(this.state.heard());
  }

  /** Set the mask of a link, everything where it has none; one that does not fit is ignored. */
  setMask(text) {
    this.tour.end();
    const count = this.data.weights.length;
    const mask = text ? decodeMask(text, count) : new Uint8Array(count).fill(1);
    if (mask) this.state.set(mask);
    this.changed({ quietly: true });
  }

  /** Update everything after a change of the switches, the gauge first. */
  changed({ about = () => "", quietly = false } = {}) {
    const cells = this.state.cells();
    this.gauges.show(cells);
    this.deck.setMask(cells);
    this.grid.update();
    this.presets.update(this.state.heard());
    this.lead.update();
    this.map.schedule();
    this.refreshTable();
    if (!quietly) this.reports.tell(about);
  }

  /** Tell the page what is heard. */
  report() {
    this.host.onSwitch?.(this.state.heard().every(Boolean) ? "" : this.mask());
    if (this.data.follow) this.host.onMask?.(this.mask());
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
    const lane = this.grid.cells[0][0].getBoundingClientRect().height;
    this.map.layout(width, lane);
    this.pairs.layout(width, lane);
    this.showPosition();
  }

  refreshTable() {
    if (this.details?.open) this.table.replaceChildren(this.words.table());
  }

  destroy() {
    this.tour.end();
    this.abort.abort();
    this.deck.pause();
    this.resizing.disconnect();
    this.endTheme();
    this.map.cancel();
    this.reports.cancel();
    this.root.replaceChildren();
  }
}
