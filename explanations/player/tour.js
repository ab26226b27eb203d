// The guided half minute: presses the mixer's controls for the viewer, with a sentence each.

import { button, el } from "./dom.js";
import { tourSteps } from "./tour_steps.js";

const TOUR_S = 30;
const CONTROLS = "button, summary, a, input, [role=slider]";
const HARMLESS = ["Tab", "Shift", "Control", "Alt", "Meta"];
const LAST_WORDS = "The mix is as it was before. Now switch something yourself.";

export class Tour {
  /** @param {import("./mixer.js").Mixer} mixer */
  constructor(mixer) {
    this.mixer = mixer;
    this.start = button("Show me, in half a minute", {
      class: "tour-start",
      hidden: "", // until there are numbers to show
      onclick: () => this.begin(),
    });
    this.words = el("p", { role: "status" });
    this.count = el("span", { class: "count", "aria-hidden": "true" });
    this.next = button("Next", { onclick: () => this.step(this.at + 1) });
    this.stop = button("Stop", { onclick: () => this.end() });
    const label = { role: "group", "aria-label": "Guided half minute" };
    const buttons = el("div", { class: "tour-buttons" }, this.count, this.next, this.stop);
    this.panel = el("div", { class: "tour", ...label, hidden: "" }, this.words, buttons);
    this.element = el("div", { class: "tour-place" }, this.panel);
    this.running = false;
    this.listen();
  }

  /** Offer the tour: there is something to show. */
  offer() {
    this.start.hidden = false;
  }

  begin() {
    const { mixer } = this;
    this.kept = {
      switches: mixer.state.keep(),
      position: mixer.deck.position(),
      playing: mixer.deck.wanted,
      column: mixer.loop.column,
    };
    this.running = true;
    mixer.reports.flush();
    mixer.reports.silent = true;
    if (mixer.loop.column !== null) mixer.loop.setColumn(null);
    this.steps = tourSteps(mixer);
    this.start.disabled = true;
    this.panel.hidden = false;
    this.showGauge();
    this.stop.focus({ preventScroll: true });
    this.step(0);
  }

  /** Bring the gauge into view where it is above: it is what the tour moves. */
  showGauge() {
    const { element } = this.mixer.gauges.large;
    if (element.getBoundingClientRect().top < 0) {
      element.scrollIntoView({ block: "start", behavior: calm() ? "instant" : "smooth" });
    }
  }

  /** Go to a step, or to the end after the last one. */
  step(at) {
    clearTimeout(this.timer);
    if (at >= this.steps.length) {
      this.end({ words: LAST_WORDS });
      return;
    }
    this.at = at;
    this.show(this.steps[at]);
    this.count.textContent = `${at + 1} of ${this.steps.length}`;
    this.next.textContent = at + 1 < this.steps.length ? "Next" : "Done";
    if (calm()) return; // then the viewer decides when it goes on
    this.timer = setTimeout(() => this.step(at + 1), (1000 * TOUR_S) / this.steps.length);
  }

  show({ press, say, at }) {
    const { mixer } = this;
    this.acting = true; // what is pressed now is not the viewer's
    this.light(press());
    this.acting = false;
    if (at !== undefined) mixer.deck.seek(mixer.sounding(mixer.loop.columns[at].start));
    mixer.deck.play(mixer.ready);
    this.words.textContent = say();
  }

  /** Mark the controls that were pressed. */
  light(elements) {
    for (const element of this.lit ?? []) element.classList.remove("toured");
    this.lit = elements.slice(-1);
    for (const element of this.lit) element.classList.add("toured");
  }

  /**
   * End the tour, with the mix as it was.
   * @param {{words?: string, playback?: boolean}} [options] words: what is said last; playback:
   *   whether sound and position become what they were, too
   */
  end({ words = "Stopped: the mix is as it was before.", playback = true } = {}) {
    if (!this.running) return;
    const { mixer, kept } = this;
    clearTimeout(this.timer);
    this.running = false;
    this.light([]);
    mixer.state.restore(kept.switches);
    mixer.changed({ quietly: true });
    if (kept.column !== null) mixer.loop.setColumn(kept.column);
    if (playback) {
      if (!kept.playing) mixer.deck.pause();
      mixer.deck.seek(kept.position);
    }
    mixer.reports.cancel();
    mixer.reports.silent = false;
    mixer.reports.element.textContent = words;
    this.start.disabled = false;
    if (this.panel.contains(this.panel.getRootNode().activeElement)) this.start.focus();
    this.panel.hidden = true;
  }

  /** Stop at Escape anywhere, and before any control of the mixer does what the viewer asks. */
  listen() {
    const { root, abort } = this.mixer;
    const { signal } = abort;
    const byViewer = (event) => {
      if (!this.running || this.acting || this.panel.contains(event.target)) return;
      if (event.target.closest(CONTROLS)) this.end({ playback: false });
    };
    root.addEventListener("pointerdown", byViewer, { capture: true, signal });
    root.addEventListener("click", byViewer, { capture: true, signal });
    const byKey = (event) => {
      if (!HARMLESS.includes(event.key)) byViewer(event);
    };
    root.addEventListener("keydown", byKey, { capture: true, signal });
    const escape = (event) => {
      if (event.key !== "Escape" || !this.running) return;
      this.end();
      event.stopPropagation();
    };
    document.addEventListener("keydown", escape, { capture: true, signal });
  }
}

/** Whether the viewer asks for less motion. */
function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
