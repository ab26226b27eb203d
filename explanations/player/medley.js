// Plays what matters of one track after another: the parts that speak most for each.
//
// The bar and the mixer are two elements of the page, which meet here: the bar starts the medley,
// whichever mixer the page shows plays it, and the page brings the next track.

import { button, el, icon } from "./dom.js";
import { sharedContext, wake } from "./sound.js";
import { encodeMask } from "./state.js";
import { followTheme } from "./theme.js";

const PARTS = 3; // of each track

const medley = { on: false, mixer: null, bar: null, moves: false, sounded: false };

/** A mixer is there: it plays if the medley has come to its track, or played the track before. */
export function enterMedley(mixer) {
  const plays = medley.moves || (medley.mixer ? medley.mixer.deck.wanted : medley.sounded);
  medley.mixer = mixer;
  if (medley.on && plays) {
    showChosen();
    play();
  }
}

/** Bring the name of the track into sight, in the page's row of them. */
function showChosen() {
  const name = document.querySelector('.st-key-tracks [data-testid="stBaseButton-primary"]');
  const row = name?.closest(".st-key-tracks");
  if (!row) return;
  const [inner, outer] = [name.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += Math.max(inner.right - outer.right, 0) + Math.min(inner.left - outer.left, 0);
}

/** A mixer goes; call it while it still plays. */
export function leaveMedley(mixer) {
  if (medley.mixer !== mixer) return;
  medley.mixer = null;
  medley.sounded = mixer.deck.wanted;
}

/** Whether the medley waits for the mixer of another track. */
export function isMoving() {
  return medley.moves;
}

/** A mix has come to its end. */
export function endOfMix(mixer) {
  if (medley.on && medley.mixer === mixer && !medley.moves) medley.bar?.go("next");
}

/** Play the parts that speak most for the track; where none is the reason, go on. */
function play() {
  const { data, state } = medley.mixer;
  medley.moves = false;
  if (!data.lead) {
    medley.bar?.go("skip");
    return;
  }
  const top = state.strongest(1).slice(0, PARTS);
  const mask = data.weights.map((_, index) => Number(top.includes(index)));
  medley.mixer.playMix(top.length > 0 ? encodeMask(mask) : data.lead.mask);
}

/** The bar that starts and ends the medley, and moves to another of its tracks. */
export class MedleyBar {
  /**
   * @param {HTMLElement} root an empty element to fill
   * @param {object} data see MedleyData in medley.py
   * @param {{onAction?: (id: string, place: string) => void}} host place: of the track from which
   *   the medley moves
   */
  constructor(root, data, host) {
    this.root = root;
    this.host = host;
    const move = (sign, label, id) =>
      button(icon(sign), { class: "move", "aria-label": label, title: label, onclick: () => this.go(id) });
    this.start = button("Play what matters", { class: "start", onclick: () => this.begin() }, icon("medley"));
    this.about = el("span", { class: "about" });
    this.stop = button("Stop", { class: "stop", onclick: () => this.end() }, icon("stop"));
    this.previous = move("previous", "Previous track", "previous");
    this.next = move("next", "Next track", "next");
    this.words = el("span", { class: "said", role: "status" });
    this.moves = el("span", { class: "moves" }, this.previous, this.stop, this.next);
    root.append(this.start, this.moves, this.about, this.words);
    root.classList.add("lemons", "medley");
    this.endTheme = followTheme(root, () => {});
    medley.bar = this;
    this.take(data);
  }

  /** Take what another run of the script says. */
  take(data) {
    if (medley.on && !data.on) medley.mixer?.deck.pause(); // that was the last
    this.data = data;
    this.place = data.place;
    medley.on = data.on;
    this.show();
  }

  /** Report to the page; moves that follow each other faster than it answers add up. */
  ask(id) {
    this.host.onAction?.(id, String(this.place));
    const step = { next: 1, previous: -1 }[id] ?? 0;
    this.place = Math.min(Math.max(this.place + step, 1), this.data.count);
  }

  show() {
    const { data } = this;
    const hadFocus = this.root.getRootNode().activeElement;
    this.start.hidden = this.about.hidden = medley.on;
    this.moves.hidden = !medley.on;
    const many = data.count === 1 ? "the track" : `these ${data.count} tracks`;
    this.about.textContent = `only the parts that speak for ${many}, one after another`;
    this.previous.disabled = data.place <= 1;
    const now = medley.on ? `${data.place} of ${data.count}: “${data.title}”` : "";
    const words = [data.words, now].filter(Boolean).join(" ");
    if (this.words.textContent !== words) this.words.textContent = words;
    if (hadFocus === this.start && medley.on) this.stop.focus();
    if (hadFocus === this.stop && !medley.on) this.start.focus();
  }

  /** Start with the track that is shown; the sound is asked for inside the click. */
  begin() {
    medley.on = medley.moves = true;
    this.show();
    wake(sharedContext(this.data.sample_rate)).catch(() => {}); // the mixer says what is wrong
    if (!medley.mixer || medley.mixer.data.lead) this.ask("start");
    if (medley.mixer) play();
  }

  end() {
    medley.on = medley.moves = false;
    medley.mixer?.deck.pause();
    this.show();
    this.ask("stop");
  }

  /** Ask the page for another track. */
  go(id) {
    medley.moves = true;
    this.ask(id);
  }

  destroy() {
    this.endTheme();
    if (medley.bar === this) Object.assign(medley, { bar: null, on: false, moves: false });
    this.root.replaceChildren();
  }
}
