// The way in: mounts a mixer or a waveform player, for Streamlit or for a page of its own.

import { Mixer } from "./mixer.js";
import { WaveformPlayer } from "./waveform.js";

/** Fill an element with the player that the data asks for. */
export function mount(root, data, host = {}) {
  return data.kind === "mixer" ? new Mixer(root, data, host) : new WaveformPlayer(root, data);
}

const mounted = new WeakMap();

/**
 * What Streamlit calls at the first run of the script and after every other one.
 *
 * A run that changes nothing must change nothing here: what plays goes on. Only other data
 * makes another player; another mask alone is just set.
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
