// The loop of the mixer: a column, the whole track or nothing is repeated.

import { button, el, icon, press } from "./dom.js";

export class Loop {
  /**
   * @param {{columns: {name: string, start: number, end: number}[], duration: number,
   *          onChange: (loop: number[]|null, words: string) => void}} options times in seconds;
   *   words say what is repeated now
   */
  constructor({ columns, duration, onChange }) {
    this.columns = columns;
    this.duration = duration;
    this.onChange = onChange;
    this.column = null;
    this.all = false;
    this.name = el("span", {});
    this.button = button(this.name, { class: "loop-all", onclick: () => this.toggle() }, icon("loop"));
    this.mark = el("div", { class: "loop-mark", hidden: "" });
    this.show();
  }

  /** Repeat the whole track, or stop repeating anything. */
  toggle() {
    this.all = !(this.all || this.column !== null);
    this.column = null;
    this.change();
  }

  /** Repeat a column; the one that is repeated already, or null, ends that. */
  setColumn(column) {
    this.column = column === this.column ? null : column;
    if (this.column !== null) this.all = false;
    this.change();
  }

  change() {
    const loop = this.show();
    const what = this.column === null ? "the track" : this.columns[this.column].name;
    this.onChange(loop, loop ? `Repeats ${what}.` : "Repeats nothing.");
  }

  show() {
    const column = this.columns[this.column];
    const loop = column ? [column.start, column.end] : this.all ? [0, this.duration] : null;
    this.name.textContent = column?.name ?? "loop";
    press(this.button, loop !== null);
    this.button.setAttribute("aria-label", column ? `Loop ${column.name}` : "Loop the track");
    this.mark.hidden = !column;
    if (column) {
      this.mark.style.left = `${(column.start / this.duration) * 100}%`;
      this.mark.style.width = `${((column.end - column.start) / this.duration) * 100}%`;
    }
    return loop;
  }
}
