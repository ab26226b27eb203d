// The map in words: for screen readers, and as a table.

import { bounds, el, signed } from "./dom.js";
import { strongest } from "./state.js";

/** Names the components of a grid. */
export class Words {
  /**
   * @param {import("./state.js").MixState} state
   * @param {number} sampleRate
   */
  constructor(state, sampleRate) {
    this.state = state;
    this.sampleRate = sampleRate;
    const { rows, columns } = state.grid;
    this.rowNames = rows.map(({ name }) => name);
    const name = ({ start, end }) => bounds(start / sampleRate, end / sampleRate);
    this.columnNames = columns.map(name);
  }

  /** "vocals, 6–12 s", or one of the two where there is only one column or row. */
  name(row, column) {
    const { rows, columns } = this.state.grid;
    if (columns.length === 1) return this.rowNames[row];
    if (rows.length === 1) return this.columnNames[column];
    return `${this.rowNames[row]}, ${this.columnNames[column]}`;
  }

  /** The label of a cell's button: its name, its weight and what that means. */
  label(row, column) {
    const weight = this.state.weights[this.state.index(row, column)];
    const meaning =
      weight > 0 ? "speaks for the track" : weight < 0 ? "speaks against the track" : "neutral";
    return `${this.name(row, column)}: weight ${signed(weight)}, ${meaning}`;
  }

  /** Whether a cell is heard, and why not. */
  status(row, column) {
    const { state } = this;
    if (state.sounds(row, column)) return "on";
    return state.on[state.index(row, column)] ? "off (solo or mute)" : "off";
  }

  /** A sentence on the strongest components. */
  summary() {
    const rows = this.rowNames.length;
    const { weights } = this.state;
    const named = (i) => `${this.name(i % rows, Math.floor(i / rows))} (${signed(weights[i])})`;
    const list = (sign) => strongest(weights, sign).slice(0, 3).map(named).join("; ");
    const [pro, contra] = [list(1), list(-1)];
    return [
      pro ? `Speaks most for the track: ${pro}.` : "Nothing speaks for the track.",
      contra ? `Speaks most against it: ${contra}.` : "Nothing speaks against it.",
    ].join(" ");
  }

  /** The whole map as a table: weight and state of every component. */
  table() {
    const head = el("tr", {}, el("td", {}));
    for (const name of this.columnNames) head.append(el("th", { scope: "col" }, name));
    const body = this.rowNames.map((name, r) => {
      const line = el("tr", {}, el("th", { scope: "row" }, name));
      this.columnNames.forEach((_, c) => {
        const weight = signed(this.state.weights[this.state.index(r, c)]);
        line.append(el("td", {}, `${weight}, ${this.status(r, c)}`));
      });
      return line;
    });
    return el(
      "table",
      {},
      el("caption", {}, "Weight of every component, and whether it is heard"),
      el("thead", {}, head),
      el("tbody", {}, ...body),
    );
  }
}
