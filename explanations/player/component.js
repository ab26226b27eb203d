// The entry point: mounts a mixer or a waveform player, for Streamlit or for a page by itself.

import { Mixer } from "./mixer.js";
import { WaveformPlayer } from "./waveform.js";

/** Fill an element with the player that the data describe. */
export function mount(root, data, host = {}) {
  return data.kind === "mixer" ? new Mixer(root, data, host) : new WaveformPlayer(root, data);
}

const mounted = new WeakMap();

/**
 * Show the data of a run of the script; Streamlit calls this after every run.
 *
 * A run with the same data changes nothing, so that playback continues. A new mask alone is set;
 * any other change makes a new player.
 */
export default function component({ data, parentElement, setStateValue, setTriggerValue }) {
  const { mask = null, ...rest } = data;
  const print = JSON.stringify(rest);
  let entry = mounted.get(parentElement);
  if (entry?.print !== print) {
    entry?.player.destroy();
    entry?.root.remove();
    const root = document.createElement("div");
    parentElement.append(root);
    entry = { root, print, mask, host: {} };
    entry.player = mount(root, data, {
      onAction: (...args) => entry.host.onAction(...args),
      onMask: (text) => entry.host.onMask(text),
    });
    mounted.set(parentElement, entry);
  } else if (mask !== entry.mask) {
    entry.mask = mask;
    if (mask !== entry.player.mask?.()) entry.player.setMask?.(mask);
  }
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
