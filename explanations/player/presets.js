// The buttons that set a mix at once.

import { button, el, press } from "./dom.js";

export class Presets {
  /** @param {(mask: Uint8Array) => void} onSet */
  constructor(onSet) {
    this.onSet = onSet;
    this.element = el("div", { class: "presets", role: "group", "aria-label": "Presets" });
  }

  /** @param {{label: string, mask: Uint8Array|null, title: string}[]} presets */
  set(presets) {
    this.presets = presets;
    this.buttons = presets.map(({ label, mask, title }) =>
      button(label, { title, disabled: mask ? null : "", onclick: () => this.onSet(mask) }),
    );
    this.element.replaceChildren(...this.buttons);
  }

  /** Whether there is such a mix. */
  has(label) {
    return this.presets.some((preset) => preset.label === label && preset.mask);
  }

  /** Press one of the buttons; returns it. */
  press(label) {
    const element = this.buttons[this.presets.findIndex((preset) => preset.label === label)];
    element.click();
    return [element];
  }

  /** Show which of them is heard. */
  update(heard) {
    this.presets.forEach(({ mask }, i) =>
      press(this.buttons[i], mask !== null && String(mask) === String(heard)),
    );
  }
}
