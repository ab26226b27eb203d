// The lead of the mixer: one large button that plays just what the page's first sentence names.

import { button, el, icon, set } from "./dom.js";

export class Lead {
  /**
   * @param {{onPlay: (mask: string) => void, onPause: () => void, heard: () => string}} handlers
   *   heard: the mask that is heard now
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.words = el("span", {}, "Play");
    this.element = button(this.words, { class: "lead", onclick: () => this.press() });
    this.playing = false;
  }

  /** @param {{mask: string, label: string}|null} lead null where there is nothing to play */
  set(lead) {
    this.lead = lead;
    this.element.hidden = !this.lead;
    this.update();
  }

  setPlaying(playing, busy = false) {
    this.playing = playing;
    set(this.element, { "aria-busy": String(busy) });
    this.update();
  }

  /** Whether exactly what the button is for is heard. */
  sounds() {
    return this.playing && this.handlers.heard() === this.lead?.mask;
  }

  update() {
    if (!this.lead) return;
    const sounds = this.sounds();
    this.words.textContent = sounds ? "Pause" : this.lead.label;
    this.element.replaceChildren(icon(sounds ? "pause" : "play"), this.words);
  }

  press() {
    if (this.sounds()) this.handlers.onPause();
    else this.handlers.onPlay(this.lead.mask);
  }
}
