// What a change of the mixer tells screen readers and the page, once no other change follows.

import { el } from "./dom.js";

const ANNOUNCE_MS = 400;
const REPORT_MS = 800;

export class Reports {
  /**
   * @param {{relevance: () => string, report: () => void}} options relevance: as the gauge shows
   *   it; report: tells the page what is heard
   */
  constructor({ relevance, report }) {
    this.relevance = relevance;
    this.report = report;
    this.silent = false; // while a tour speaks instead, and the page need not know
    this.element = el("p", { class: "hidden", role: "status" });
  }

  /** @param {() => string} about what was done, in words */
  tell(about) {
    this.cancel();
    if (this.silent) return;
    this.announcing = setTimeout(() => {
      this.element.textContent = `${about()} Relevance ${this.relevance()}.`.trim();
    }, ANNOUNCE_MS);
    this.reporting = setTimeout(() => this.flush(), REPORT_MS);
  }

  /** Report at once what was not reported yet. */
  flush() {
    const due = this.reporting;
    this.cancel();
    if (due) this.report();
  }

  cancel() {
    clearTimeout(this.announcing);
    clearTimeout(this.reporting);
    this.reporting = null;
  }
}
