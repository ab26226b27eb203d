// The gauge: the model's relevance of what is heard, beside that of everything and of nothing, and
// small ones for the other listeners of the trunk.

import { button, el, press, set } from "./dom.js";

const SHOWN = 24; // other listeners at most

class Gauge {
  constructor() {
    this.title = el("span", { class: "title" });
    this.fill = el("span", { class: "fill" });
    this.value = el("span", { class: "value" });
    const track = el("span", { class: "track" }, this.fill);
    this.marks = ["nothing", "everything"].map((name) => ({
      name,
      tick: el("span", { class: `tick ${name}`, title: `${name} on`, hidden: "" }),
      number: el("b", {}),
    }));
    const limits = { "aria-valuemin": "0", "aria-valuemax": "1" };
    this.bar = el("div", { class: "bar", role: "meter", ...limits }, track);
    const whole = el("span", { class: "whole" });
    for (const { name, tick, number } of this.marks) {
      this.bar.append(tick);
      whole.append(el("span", { class: "mark" }, el("i", { class: name }), `${name} `, number));
    }
    this.element = el("div", { class: "gauge" }, this.title, this.bar, this.value, whole);
  }

  /**
   * Say whose gauge it is, and mark the relevance of everything and of nothing.
   * @param {string} listener may be empty
   * @param {number|null} everything in [0, 1]
   * @param {number|null} nothing null where it is unknown
   */
  mark(listener, everything, nothing) {
    const title = `Relevance${listener && ` to ${listener}`} of what you hear`;
    this.title.textContent = title;
    set(this.bar, { "aria-label": title });
    [nothing, everything].forEach((value, i) => {
      const { tick, number } = this.marks[i];
      tick.hidden = value === null;
      tick.style.left = `${(value ?? 0) * 100}%`;
      number.textContent = value?.toFixed(2) ?? "–";
      number.parentElement.hidden = value === null;
    });
  }

  /** @param {number|null} relevance in [0, 1]; null where it is unknown */
  set(relevance) {
    const text = relevance?.toFixed(2);
    this.value.textContent = text ?? "–";
    // No transition: the gauge answers in the very frame of the click.
    this.fill.style.transform = `scaleX(${relevance ?? 0})`;
    const number = relevance?.toFixed(4) ?? "0";
    set(this.bar, { "aria-valuenow": number, "aria-valuetext": text ?? "unknown" });
    this.element.dataset.relevance = relevance ?? "";
  }
}

/** A small gauge for each other listener, which is a button that makes the listener the chosen one. */
class FellowGauges {
  /** @param {(name: string) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.list = el("div", { class: "fellows" });
    const words = el("span", { class: "fellows-title" }, "Everybody, of the same mix:");
    const group = { role: "group", "aria-label": "Relevance to every listener", hidden: "" };
    this.element = el("div", { class: "everybody", ...group }, words, this.list);
  }

  /** @param {{name: string, label: string}[]} listeners */
  build(listeners) {
    this.gauges = listeners.slice(0, SHOWN).map(({ name, label }) => {
      const fill = el("span", { class: "fill" });
      const value = el("span", { class: "value" });
      const bar = el("span", { class: "track" }, fill);
      const properties = { class: "fellow", onclick: () => this.onChoose(name) };
      const element = button(el("span", { class: "name" }, label), properties);
      element.append(bar, value);
      return { name, label, element, fill, value };
    });
    this.list.replaceChildren(...this.gauges.map(({ element }) => element));
    this.element.hidden = this.gauges.length < 2;
  }

  /**
   * @param {{name: string, relevance: number}[]} relevances
   * @param {string} chosen name of the listener that the large gauge speaks for
   */
  set(relevances, chosen) {
    this.gauges?.forEach(({ label, element, fill, value }, i) => {
      const { name, relevance } = relevances[i];
      const text = relevance.toFixed(2);
      fill.style.transform = `scaleX(${relevance})`;
      value.textContent = text;
      element.setAttribute("aria-label", `${label}: ${text}`);
      press(element, name === chosen);
    });
  }
}

/** The gauge of one listener, large, and those of everybody, small. */
export class Gauges {
  /**
   * @param {object} data see MixerData in data.py
   * @param {(name: string) => void} onChoose
   */
  constructor(data, onChoose) {
    this.large = new Gauge();
    this.small = new FellowGauges(onChoose);
    this.take(data);
  }

  /** Take another explanation of the same track. */
  take(data) {
    this.data = data;
    if (this.tables?.heads.length > 1) this.tables.choose(data.listener);
    this.mark();
  }

  /** @param {import("./tables.js").ExactTables} tables */
  setTables(tables) {
    this.tables = tables;
    this.small.build(tables.heads.map(({ name }) => ({ name, label: this.label(name) })));
    this.mark();
  }

  /** Speak for another listener. */
  choose(name) {
    this.tables.choose(name);
    this.mark();
  }

  label(name) {
    return this.data.labels?.[name] ?? name ?? "";
  }

  /** How the listener is called whom the large gauge speaks for; may be empty. */
  listener() {
    return this.label(this.tables?.head.name ?? this.data.listener);
  }

  /** Mark everything and nothing. */
  mark() {
    const { data, tables } = this;
    const all = (value) => tables.relevance(new Uint8Array(tables.cellCount).fill(value));
    [this.everything, this.nothing] = tables ? [all(1), all(0)] : [data.relevance, null];
    this.large.mark(this.listener(), this.everything, this.nothing);
  }

  /** What is heard, to every listener: [{name, relevance}]; empty without tables. */
  relevances(cells) {
    const relevances = this.tables?.relevances(cells) ?? [];
    return relevances.map((relevance, i) => ({ name: this.tables.heads[i].name, relevance }));
  }

  /** @param {Uint8Array} cells what is heard */
  show(cells) {
    const { data, tables } = this;
    if (tables) {
      const relevances = this.relevances(cells);
      this.large.set(relevances[tables.heads.indexOf(tables.head)].relevance);
      this.small.set(relevances, tables.head.name);
    } else {
      this.large.set(cells.every(Boolean) ? data.relevance : null);
    }
  }
}
