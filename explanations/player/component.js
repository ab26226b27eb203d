// The entry point: mounts a mixer or a waveform player, for Streamlit or for a page by itself.

import { loadAhead } from "./load.js";
import { MedleyBar, endOfMix, enterMedley, isMoving, leaveMedley } from "./medley.js";
import { Mixer } from "./mixer.js";
import { WaveformPlayer } from "./waveform.js";

/** Loads what the next mixer will ask for; nothing is seen of it. */
class Ahead {
  constructor(data) {
    loadAhead(data);
  }

  destroy() {}
}

/** Fill an element with the player that the data describe. */
export function mount(root, data, host = {}) {
  if (data.kind === "medley") return new MedleyBar(root, data, host);
  if (data.kind === "ahead") return new Ahead(data);
  return data.kind === "mixer" ? mountMixer(root, data, host) : new WaveformPlayer(root, data);
}

function mountMixer(root, data, host) {
  const mixer = new Mixer(root, data, { ...host, onEnd: () => endOfMix(mixer) });
  enterMedley(mixer);
  return mixer;
}

const mounted = new WeakMap();
let count = 0; // of actions

/** What another listener's explanation of a track has of its own; the rest is the track's. */
const OF_THE_LISTENER = ["weights", "least", "relevance", "listener", "lead", "pairs"];

/**
 * Show the data of a run of the script; Streamlit calls this after every run.
 *
 * A run with the same data changes nothing, so that playback continues. A new mask alone is set,
 * the explanation of the same track to another listener is taken over, as is what the bar of the
 * medley says; any other change makes a new player.
 */
export default function component({ data, parentElement, setStateValue, setTriggerValue }) {
  const { mask = null, pick = 0, ...rest } = data;
  const taken = data.kind === "medley" ? Object.keys(rest) : OF_THE_LISTENER;
  const track = JSON.stringify(rest, (key, value) => (taken.includes(key) ? undefined : value));
  const explanation = JSON.stringify(taken.map((key) => rest[key]));
  const takes = data.kind === "medley" || data.heads;
  let entry = mounted.get(parentElement);
  if (entry?.track !== track || (explanation !== entry.explanation && !takes)) {
    const isShown = data.autoplay || (data.kind === "mixer" && !isMoving());
    if (entry) remove(entry);
    const root = document.createElement("div");
    parentElement.append(root);
    entry = { root, track, mask, pick, host: {} };
    entry.player = mount(root, data, {
      onAction: (...args) => entry.host.onAction(...args),
      onMask: (text) => entry.host.onMask(text),
      onSwitch: (text) => rememberMask(text),
    });
    mounted.set(parentElement, entry);
    if (isShown) requestAnimationFrame(() => reveal(root));
  } else {
    if (pick !== entry.pick) reveal(entry.root);
    if (explanation !== entry.explanation) entry.player.take(data);
    if (mask !== entry.mask) {
      entry.mask = mask;
      if (mask !== entry.player.mask?.()) entry.player.setMask?.(mask);
    }
  }
  Object.assign(entry, { explanation, pick });
  entry.host = {
    onAction: (id, text) => {
      count += 1; // the same again, while the run before still goes on, is another action
      setTriggerValue("action", { id, mask: text, count });
    },
    onMask: (text) => setStateValue("mask", text),
  };
  return () => {
    remove(entry);
    if (mounted.get(parentElement) === entry) mounted.delete(parentElement);
  };
}

function remove({ player, root }) {
  leaveMedley(player);
  player.destroy();
  root.remove();
}

/** Go to the top of the page if a player is out of sight above: a click below has chosen it. */
function reveal(root) {
  if (root.getBoundingClientRect().bottom >= 0) return;
  const host = root.getRootNode().host ?? root;
  host.closest('[data-testid="stMain"]')?.scrollTo({ top: 0 });
}

/** Keep a mix, empty where everything is on, in the page's address, where it survives a reload, without an entry of its own. */
function rememberMask(text) {
  const address = new URL(globalThis.location.href);
  if (text) address.searchParams.set("mask", text);
  else address.searchParams.delete("mask");
  if (address.href !== globalThis.location.href) {
    globalThis.history.replaceState(globalThis.history.state, "", address);
  }
}
