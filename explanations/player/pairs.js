// Pairs of components that change each other's effect: arcs over the map, and a sentence each.

import { button, el, set } from "./dom.js";

const RADIUS = 8; // px of the number on an arc
const DOT = 3; // px of its ends
const SHARES = [0.5, 0.35, 0.65]; // of an arc, where its number is

/** The arcs of some pairs, and the buttons with their sentences, which play just the two. */
export class Pairs {
  /**
   * @param {import("./state.js").MixState} state
   * @param {(mask: Uint8Array) => void} onPlay
   */
  constructor(state, onPlay) {
    this.state = state;
    this.onPlay = onPlay;
    this.arcs = set(svg("svg"), { class: "arcs", "aria-hidden": "true" });
    this.list = el("ol", {});
    const title = el("span", { class: "together-title" }, "Together:");
    const group = { role: "group", "aria-label": "Parts that change each other's effect" };
    this.element = el("div", { class: "together", ...group, hidden: "" }, title, this.list);
  }

  /** @param {{first: number, second: number, interaction: number, words: string}[]} pairs */
  set(pairs) {
    this.pairs = pairs;
    this.element.hidden = pairs.length === 0;
    const lines = pairs.map((pair, i) => {
      const number = el("span", { class: "number" }, String(i + 1));
      const words = el("span", { class: "words" }, pair.words);
      const light = (on) => () => this.arcs.children[i]?.classList.toggle("lit", on);
      const line = button(number, {
        class: `pair ${side(pair)}`,
        title: "Play just these two",
        onclick: () => this.onPlay(this.mask(pair)),
        onpointerenter: light(true),
        onpointerleave: light(false),
        onfocus: light(true),
        onblur: light(false),
      });
      line.append(words);
      return el("li", {}, line);
    });
    this.list.replaceChildren(...lines);
    this.draw();
  }

  /** Press the button of a pair; returns it. */
  press(number) {
    const line = this.list.querySelectorAll("button")[number];
    line.click();
    return [line];
  }

  /** The mix of the two alone. */
  mask({ first, second }) {
    return this.state.on.map((_, index) => Number(index === first || index === second));
  }

  /** Take the size of the map; `lane` is the height of a row. */
  layout(width, lane) {
    this.size = { width, lane };
    this.draw();
  }

  draw() {
    if (!this.size || !this.pairs) return;
    const { width, lane } = this.size;
    const height = lane * this.state.rows.length;
    Object.assign(this.arcs.style, { width: `${width}px`, height: `${height}px` });
    set(this.arcs, { viewBox: `0 0 ${width} ${height}` });
    this.arcs.replaceChildren(...this.pairs.map((pair, i) => this.arc(pair, i, width, height)));
  }

  /** The middle of a component on the map. */
  centre(index) {
    const { columns } = this.state;
    const [row, column] = this.state.place(index);
    const { start, end } = columns[column];
    const x = ((start + end) / 2 / columns.at(-1).end) * this.size.width;
    return [x, (row + 0.5) * this.size.lane];
  }

  arc(pair, number, width, height) {
    const [[x1, y1], [x2, y2]] = [this.centre(pair.first), this.centre(pair.second)];
    const control = bend([x1, y1], [x2, y2], [width, height]);
    // Numbers of arcs that cross lie apart.
    const [t, u] = [SHARES[number % SHARES.length], 1 - SHARES[number % SHARES.length]];
    const on = (a, b, c) => u * u * a + 2 * u * t * b + t * t * c;
    const badge = [on(x1, control[0], x2), on(y1, control[1], y2)];
    const path = `M${x1} ${y1}Q${control[0]} ${control[1]} ${x2} ${y2}`;
    const dot = ([cx, cy], r) => set(svg("circle"), { cx, cy, r });
    const text = set(svg("text"), { x: badge[0], y: badge[1] });
    text.textContent = String(number + 1);
    const group = set(svg("g"), { class: `arc ${side(pair)}` });
    group.append(
      set(svg("path"), { class: "halo", d: path }),
      set(svg("path"), { d: path }),
      dot([x1, y1], DOT),
      dot([x2, y2], DOT),
      set(dot(badge, RADIUS), { class: "badge" }),
      text,
    );
    return group;
  }
}

/**
 * Bend an arc between two points to the side on which the map has more room.
 * @returns {number[]} the control point of the quadratic curve, whose middle is on the map
 */
export function bend([x1, y1], [x2, y2], [width, height]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const distance = Math.hypot(dx, dy);
  const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
  // Of a map with one row, or one column, there is more room on neither side: it bends up, or right.
  const across = [-dy / distance, dx / distance];
  const room = across[0] * (width / 2 - mx) + across[1] * (height / 2 - my);
  const upOrRight = -Math.sign(Math.abs(dx) > Math.abs(dy) ? dx : dy);
  const turn = Math.abs(room) > 1 ? Math.sign(room) : upOrRight;
  const bulge = turn * Math.min(14 + distance / 5, 60);
  const inside = (value, limit) => Math.min(Math.max(value, RADIUS + 1), limit - RADIUS - 1);
  const top = [inside(mx + across[0] * bulge, width), inside(my + across[1] * bulge, height)];
  return [2 * top[0] - mx, 2 * top[1] - my];
}

function side({ interaction }) {
  return interaction > 0 ? "more" : "less";
}

function svg(tag) {
  return document.createElementNS("http://www.w3.org/2000/svg", tag);
}
