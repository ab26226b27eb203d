// The map in words: for screen readers, and as a table.

import { bounds, el, signed } from "./dom.js";

/** Names the components of a grid. */
export class Words {
  /**
   * @param {import("./state.js").MixState} state
   * @param {number} sampleRate
   */
  constructor(state, sampleRate) {
    this.state = state;
    this.sampleRate = sampleRate;
    this.rowNames = state.rows.map(({ name }) => name);
    this.columnNames = state.columns.map(({ start, end }) =>
      bounds(start / sampleRate, end / sampleRate),
    );
  }

  /** @param {"row"|"column"} axis */
  names(axis) {
    return axis === "row" ? this.rowNames : this.columnNames;
  }

  /** "vocals, 6–12 s", or one of the two where there is only one column or row. */
  name(row, column) {
    if (this.columnNames.length === 1) return this.rowNames[row];
    if (this.rowNames.length === 1) return this.columnNames[column];
    return `${this.rowNames[row]}, ${this.columnNames[column]}`;
  }

  /** The label of a cell's button: its name, its weight and what that means. */
  label(row, column) {
    const weight = this.state.weight(row, column);
    const counts = weight !== 0 && Math.abs(weight) >= this.state.least;
    const side = weight > 0 ? "speaks for the track" : "speaks against the track";
    const meaning = counts ? side : "neutral";
    return `${this.name(row, column)}: weight ${signed(weight)}, ${meaning}`;
  }

  /** Whether a cell is heard, and why not. */
  status(row, column) {
    if (this.state.sounds(row, column)) return "on";
    return this.state.isOn(row, column) ? "off (solo or mute)" : "off";
  }

  /** A sentence on the strongest components. */
  summary() {
    const { state } = this;
    const { weights } = state;
    const named = (i) => `${this.name(...state.place(i))} (${signed(weights[i])})`;
    const list = (sign) => state.strongest(sign).slice(0, 3).map(named).join("; ");
    const [pro, contra] = [list(1), list(-1)];
    return [
      pro ? `Speaks most for the track: ${pro}.` : "Nothing speaks for the track.",
      contra ? `Speaks most against it: ${contra}.` : "Nothing speaks against it.",
    ].join(" ");
  }

  /** The whole map as a table: weight and state of every component. */
  table() {
    const heads = this.columnNames.map((name) => el("th", { scope: "col" }, name));
    const cell = (r, c) => el("td", {}, `${signed(this.state.weight(r, c))}, ${this.status(r, c)}`);
    const body = this.rowNames.map((name, r) => {
      const cells = this.columnNames.map((_, c) => cell(r, c));
      return el("tr", {}, el("th", { scope: "row" }, name), ...cells);
    });
    const caption = el("caption", {}, "Weight of every component, and whether it is heard");
    const head = el("thead", {}, el("tr", {}, el("td", {}), ...heads));
    return el("table", {}, caption, head, el("tbody", {}, ...body));
  }
}
