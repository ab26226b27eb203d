// The grid of the mixer: names, solo and mute, and a button over every cell of the canvas.
//
// It is an ARIA grid. The Tab key stops at it once; inside, the arrow keys
// move from button to button (roving tabindex), Enter switches, and letters solo (s), mute (m)
// and loop (l) what the cell belongs to.

import { button, el, hasModifier, icon, press, set } from "./dom.js";

const SWITCHES = 94; // px that three buttons and their margins take
const LETTER = 7.2; // px a letter of a column's name takes, roughly

export class MixGrid {
  /**
   * @param {import("./state.js").MixState} state
   * @param {import("./words.js").Words} words
   * @param {{onToggle: Function, onFlip: Function, onLoop: Function}} handlers
   */
  constructor(state, words, handlers) {
    this.state = state;
    this.words = words;
    this.handlers = handlers;
    this.loopColumn = null;
    this.chosen = 0; // the column that the tools below the map act on where it is narrow
    const { rows, columns } = state;
    this.seconds = columns.map(({ start, end }) => (end - start) / words.sampleRate);

    this.cells = rows.map((_, r) => columns.map((_, c) => this.makeCell(r, c)));
    this.rowTools = rows.map((_, r) => (rows.length > 1 ? this.makeSwitches("row", r) : []));
    this.columnTools = columns.map((_, c) =>
      columns.length > 1 ? [...this.makeSwitches("column", c), this.makeLoop(c)] : [],
    );
    this.columnNames = words.columnNames.map((name, c) =>
      button(name, { class: "column-name", onclick: () => this.choose(c) }),
    );
    this.tools = el("div", { class: "column-tools", role: "group" });
    this.element = this.makeGrid();
    this.rove(this.cells[0][0]);
    this.label();
    this.update();
  }

  // -- building ---------------------------------------------------------------------------------

  makeGrid() {
    const { rows, columns } = this.state;
    const line = (head, cells) => {
      const lane = el("div", { class: "cells", role: "none" }, ...cells);
      return el("div", { role: "row", class: "line" }, head, lane);
    };
    const inColumn = (column, role, name, ...children) =>
      el("div", { class: name, role, style: `flex-grow: ${this.seconds[column]}` }, ...children);
    const switches = (tools) => el("span", { class: "switches" }, ...tools);
    const stem = el("span", { class: "hidden" }, "stem");
    const corner = el("div", { class: "corner", role: "columnheader" }, stem);
    const heads = this.columnNames.map((name, c) =>
      inColumn(c, "columnheader", "column-head", name, switches(this.columnTools[c])),
    );
    const lines = rows.map(({ name }, r) => {
      const title = el("span", { class: "name", title: name }, name);
      const head = { class: "row-head", role: "rowheader" };
      return line(
        el("div", head, title, switches(this.rowTools[r])),
        this.cells[r].map((cell, c) => inColumn(c, "gridcell", "cell", cell)),
      );
    });
    const properties = {
      role: "grid",
      class: "grid",
      "aria-rowcount": String(rows.length + 1),
      "aria-colcount": String(columns.length + 1),
      onkeydown: (event) => this.onKey(event),
      onfocusin: (event) => this.rove(event.target),
    };
    return el("div", properties, line(corner, heads), ...lines);
  }

  makeCell(row, column) {
    return button("", { onclick: () => this.handlers.onToggle(row, column) });
  }

  /** Name the cells anew, after a change of the weights. */
  label() {
    const { rows, columns } = this.state;
    const size = `${rows.length} by ${columns.length} components`;
    set(this.element, { "aria-label": `What-if mixer, ${size}. ${this.words.summary()}` });
    this.cells.forEach((line, r) =>
      line.forEach((cell, c) => {
        const label = this.words.label(r, c);
        set(cell, { "aria-label": label, title: label });
      }),
    );
  }

  makeSwitches(axis, index) {
    const name = this.words.names(axis)[index];
    const flip = (what) => () => this.handlers.onFlip(what, axis, index);
    return [
      makeSwitch("S", "solo", `Only ${name}`, `Solo ${name}`, flip("solo")),
      makeSwitch("M", "mute", `Without ${name}`, `Mute ${name}`, flip("mute")),
    ];
  }

  makeLoop(column) {
    const name = this.words.columnNames[column];
    const loop = () => this.handlers.onLoop(column);
    return makeSwitch(icon("loop"), "loop", `Repeat ${name}`, `Loop ${name}`, loop);
  }

  // -- layout -----------------------------------------------------------------------------------

  /** Lay the columns out over a width, and return whether the tools fit beside the names. */
  layout(laneWidth) {
    const total = this.seconds.reduce((sum, value) => sum + value, 0);
    const widths = this.seconds.map((value) => (laneWidth * value) / total);
    const narrowest = Math.min(...widths);
    const room = (names) => Math.max(...names.map((name) => name.length)) * LETTER;
    const full = this.words.columnNames;
    const inline = full.length === 1 || narrowest >= room(full) + SWITCHES;
    const fits = (names) => room(names) <= narrowest;
    const starts = full.map((name) => name.split("–")[0]);
    const forms = [full, starts.map((start) => `${start} s`), starts];
    const names = inline ? forms[0] : (forms.find(fits) ?? starts);
    const every = inline || fits(names) ? 1 : 2; // too narrow even for numbers: every other one
    this.columnNames.forEach((element, c) => {
      element.textContent = c % every === 0 ? names[c] : "·";
      element.setAttribute("aria-label", this.words.columnNames[c]);
      element.title = inline ? "" : `Solo, mute or loop ${this.words.columnNames[c]}`;
      element.disabled = inline; // then it is a plain heading
    });
    if (this.inline !== inline) {
      this.inline = inline;
      this.element.classList.toggle("compact", !inline);
      this.choose(this.chosen);
    }
    return inline;
  }

  /** Choose the column of the tools below the map, which a narrow map has. */
  choose(column) {
    this.chosen = column;
    const name = this.words.columnNames[column];
    this.columnTools.forEach((tools, c) => {
      const home = this.element.querySelectorAll(".column-head .switches")[c];
      if (this.inline || c !== column) home.append(...tools);
    });
    this.columnNames.forEach((element, c) =>
      element.classList.toggle("chosen", !this.inline && c === column),
    );
    this.tools.hidden = this.inline;
    this.tools.setAttribute("aria-label", `Switches of ${name}`);
    if (!this.inline) {
      this.tools.replaceChildren(el("span", { class: "name" }, name), ...this.columnTools[column]);
    }
  }

  // -- state ------------------------------------------------------------------------------------

  /** Show what is on, soloed, muted and looped. */
  update() {
    const { state, words } = this;
    this.cells.forEach((line, r) =>
      line.forEach((cell, c) => {
        press(cell, state.isOn(r, c));
        cell.setAttribute("aria-description", words.status(r, c));
      }),
    );
    const show = (tools, axis) =>
      tools.forEach(([solo, mute, loop], index) => {
        press(solo, state.solo[axis].has(index));
        press(mute, state.mute[axis].has(index));
        press(loop, this.loopColumn === index);
      });
    show(this.rowTools, "row");
    show(this.columnTools, "column");
  }

  // -- keyboard ---------------------------------------------------------------------------------

  /** The focusable elements of the grid, line by line. */
  lines() {
    const visible = (elements) => elements.filter((element) => !element.disabled);
    const head = this.inline ? this.columnTools.flat() : this.columnNames;
    return [visible(head), ...this.cells.map((line, r) => [...this.rowTools[r], ...line])].filter(
      (line) => line.length > 0,
    );
  }

  rove(target) {
    if (!this.element.contains(target) || target.tagName !== "BUTTON") return;
    for (const element of this.element.querySelectorAll("button")) element.tabIndex = -1;
    target.tabIndex = 0;
  }

  onKey(event) {
    if (hasModifier(event)) return;
    const target = this.destination(event);
    if (target) target.focus();
    else if (!this.shortcut(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  destination(event) {
    const lines = this.lines();
    const row = lines.findIndex((line) => line.includes(event.target));
    if (row < 0) return null;
    const line = lines[row];
    const at = line.indexOf(event.target);
    const centre = (element) => {
      const { left, width } = element.getBoundingClientRect();
      return left + width / 2;
    };
    const distance = (element) => Math.abs(centre(element) - centre(event.target));
    const nearest = (elements) =>
      elements?.reduce((best, element) => (distance(element) < distance(best) ? element : best));
    const moves = {
      ArrowLeft: () => line[at - 1] ?? event.target,
      ArrowRight: () => line[at + 1] ?? event.target,
      ArrowUp: () => nearest(lines[row - 1]) ?? event.target,
      ArrowDown: () => nearest(lines[row + 1]) ?? event.target,
      Home: () => line[0],
      End: () => line.at(-1),
    };
    return moves[event.key]?.();
  }

  shortcut(event) {
    const row = this.cells.findIndex((line) => line.includes(event.target));
    if (row < 0) return false;
    const column = this.cells[row].indexOf(event.target);
    const place = this.cells.length > 1 ? ["row", row] : ["column", column];
    const acts = {
      s: () => this.handlers.onFlip("solo", ...place),
      m: () => this.handlers.onFlip("mute", ...place),
    };
    if (this.cells[0].length > 1) acts.l = () => this.handlers.onLoop(column);
    if (!Object.hasOwn(acts, event.key)) return false;
    acts[event.key]();
    return true;
  }
}

function makeSwitch(sign, what, title, label, onclick) {
  return button(sign, { class: `switch ${what}`, title, "aria-label": label, onclick });
}
