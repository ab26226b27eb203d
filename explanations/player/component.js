// The entry point: mounts a mixer or a waveform player, for Streamlit or for a page by itself.

import { Mixer } from "./mixer.js";
import { WaveformPlayer } from "./waveform.js";

/** Fill an element with the player that the data describe. */
export function mount(root, data, host = {}) {
  return data.kind === "mixer" ? new Mixer(root, data, host) : new WaveformPlayer(root, data);
}

const mounted = new WeakMap();

/** What another listener's explanation of a track has of its own; the rest is the track's. */
const OF_THE_LISTENER = ["weights", "least", "relevance", "listener", "lead", "pairs"];

/**
 * Show the data of a run of the script; Streamlit calls this after every run.
 *
 * A run with the same data changes nothing, so that playback continues. A new mask alone is set,
 * the explanation of the same track to another listener is taken over; any other change makes a
 * new player.
 */
export default function component({ data, parentElement, setStateValue, setTriggerValue }) {
  const { mask = null, ...rest } = data;
  const track = JSON.stringify(rest, (key, value) =>
    OF_THE_LISTENER.includes(key) ? undefined : value,
  );
  const explanation = JSON.stringify(OF_THE_LISTENER.map((key) => rest[key]));
  let entry = mounted.get(parentElement);
  if (entry?.track !== track || (explanation !== entry.explanation && !data.heads)) {
    entry?.player.destroy();
    entry?.root.remove();
    const root = document.createElement("div");
    parentElement.append(root);
    entry = { root, track, mask, host: {} };
    entry.player = mount(root, data, {
      onAction: (...args) => entry.host.onAction(...args),
      onMask: (text) => entry.host.onMask(text),
      onSwitch: (text) => rememberMask(text),
    });
    mounted.set(parentElement, entry);
    if (data.kind === "mixer" || data.autoplay) requestAnimationFrame(() => reveal(root));
  } else {
    if (explanation !== entry.explanation) entry.player.take(data);
    if (mask !== entry.mask) {
      entry.mask = mask;
      if (mask !== entry.player.mask?.()) entry.player.setMask?.(mask);
    }
  }
  entry.explanation = explanation;
  entry.host = {
    onAction: (id, text) => setTriggerValue("action", { id, mask: text }),
    onMask: (text) => setStateValue("mask", text),
  };
  return () => {
    entry.player.destroy();
    entry.root.remove();
    if (mounted.get(parentElement) === entry) mounted.delete(parentElement);
  };
}

/** Go to the top of the page if a new player is out of sight above: a click below has chosen it. */
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
