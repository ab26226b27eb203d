// Fetches and decodes audio and tables; its errors are sentences for the page.

import { readNpz } from "./npz.js";

/**
 * Fetch a source: from its address, or from the page itself where there is no server.
 * @param {{url?: string, base64?: string}} source
 * @param {string} name what to call it in an error
 * @param {AbortSignal} [signal]
 * @returns {Promise<ArrayBuffer>}
 */
export function loadBytes(source, name, signal) {
  return fromAhead(source, () => fetchBytes(source, name, signal));
}

async function fetchBytes(source, name, signal) {
  if (source.base64) {
    return Uint8Array.from(atob(source.base64), (char) => char.charCodeAt(0)).buffer;
  }
  let response;
  try {
    response = await fetch(source.url, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const { host } = new URL(source.url, globalThis.location?.href);
    throw new Error(`${name} cannot be loaded: no answer from ${host || "the server"}`);
  }
  if (!response.ok) {
    const reason = response.status === 404 ? "the file is missing" : `error ${response.status}`;
    throw new Error(`${name} cannot be loaded: ${reason} (${source.url})`);
  }
  return response.arrayBuffer();
}

/**
 * Decode audio to samples at a given rate.
 * @returns {Promise<AudioBuffer>}
 */
export function loadAudio(source, name, sampleRate, signal) {
  return fromAhead(source, () => decodeAudio(source, name, sampleRate, signal));
}

async function decodeAudio(source, name, sampleRate, signal) {
  const bytes = await loadBytes(source, name, signal);
  // An offline context decodes without a sound card and before the first click.
  const decoder = new OfflineAudioContext(1, 1, sampleRate);
  try {
    return await decoder.decodeAudioData(bytes);
  } catch {
    throw new Error(`${name} cannot be played: this browser does not understand the file`);
  }
}

/** Load arrays that numpy.savez wrote. */
export async function loadArrays(source, name, signal) {
  return readNpz(await loadBytes(source, name, signal));
}

const ahead = new Map(); // what is loaded for the next mixer, by its address

/**
 * Load stems and tables before the mixer that will ask for them; of one mixer at a time.
 * @param {object} mixer see MixerData in data.py
 */
export function loadAhead({ stems, tables, sample_rate: sampleRate }) {
  ahead.clear();
  const load = (source, loading) => {
    loading.catch(() => {}); // the mixer asks again, and says what is wrong
    ahead.set(source.url, loading);
  };
  for (const stem of stems) load(stem, decodeAudio(stem, stem.name, sampleRate));
  if (tables) load(tables, fetchBytes(tables, "The what-if tables"));
}

/** What is loaded ahead, once; what is not, or could not be, is loaded now. */
function fromAhead(source, load) {
  const loading = ahead.get(source.url);
  ahead.delete(source.url);
  return loading ? loading.catch(load) : load();
}

const HEADS = "lemons-heads";

/** Load the heads of a trunk's listeners, which heads_json of data.py wrote. */
export async function loadHeads(source, name, signal) {
  const bytes = await loadBytes(source, name, signal);
  let content;
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    content = {};
  }
  const { format, version, heads } = content ?? {};
  if (format !== HEADS || version !== 1) throw new Error(`${name} are of another version`);
  return heads;
}
