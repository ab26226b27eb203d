// The gauge: the model's relevance of what is heard, beside that of the whole track.

import { el, set } from "./dom.js";

const TITLE = "Relevance of what you hear";

export class Gauge {
  /** @param {number} whole relevance with everything on, in [0, 1] */
  constructor(whole) {
    this.fill = el("span", { class: "fill" });
    this.value = el("span", { class: "value" });
    const track = el("span", { class: "track" }, this.fill);
    const tick = el("span", { class: "tick", style: `left: ${whole * 100}%` });
    const limits = { "aria-valuemin": "0", "aria-valuemax": "1" };
    const meter = { class: "bar", role: "meter", "aria-label": TITLE, ...limits };
    this.bar = el("div", meter, track, tick);
    this.element = el(
      "div",
      { class: "gauge" },
      el("span", { class: "title" }, TITLE),
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
