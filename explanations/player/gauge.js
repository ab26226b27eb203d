// The gauge: the model's relevance of what is heard, beside that of the whole track.

import { el, set } from "./dom.js";

export class Gauge {
  /** @param {number} whole relevance with everything on, in [0, 1] */
  constructor(whole) {
    this.fill = el("span", { class: "fill" });
    this.value = el("span", { class: "value" });
    this.bar = el(
      "div",
      {
        class: "bar",
        role: "meter",
        "aria-label": "Relevance of what you hear",
        "aria-valuemin": "0",
        "aria-valuemax": "1",
      },
      el("span", { class: "track" }, this.fill),
      el("span", { class: "tick", style: `left: ${whole * 100}%` }),
    );
    this.element = el(
      "div",
      { class: "gauge" },
      el("span", { class: "title" }, "Relevance of what you hear"),
      this.bar,
      this.value,
      el("span", { class: "whole" }, "everything on: ", el("b", {}, whole.toFixed(2))),
    );
    this.set(whole);
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
