// The gauge: the model's relevance of what is heard, beside that of the whole track.

import { el } from "./dom.js";

export class Gauge {
  /** @param {number} whole relevance with everything on, in [0, 1] */
  constructor(whole) {
    this.fill = el("span", { class: "fill" });
    const tick = el("span", { class: "tick", style: `left: ${whole * 100}%` });
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
      tick,
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
    const known = relevance !== null;
    const text = known ? relevance.toFixed(2) : "–";
    this.value.textContent = text;
    // No transition: the gauge answers in the very frame of the click.
    this.fill.style.transform = `scaleX(${known ? relevance : 0})`;
    this.bar.setAttribute("aria-valuenow", known ? relevance.toFixed(4) : "0");
    this.bar.setAttribute("aria-valuetext", known ? text : "unknown");
    this.element.dataset.relevance = known ? String(relevance) : "";
  }
}
