// The mixer's deck: fetches the stems, plays them, and reports the position.

import { MixPlayer } from "./audio.js";
import { loadAudio } from "./load.js";
import { sharedContext, takeSound, wake } from "./sound.js";

const LENGTH_TOLERANCE_S = 0.15; // MP3 pads its ends

export class Deck {
  /**
   * @param {object} data see MixerData in data.py
   * @param {{onState: (playing: boolean, busy?: boolean) => void, onPosition: (s: number) => void,
   *          onError: (error: Error) => void, onEnd?: () => void}} handlers
   */
  constructor(data, handlers) {
    this.data = data;
    this.handlers = handlers;
    this.duration = data.segments.at(-1)[1] / data.sample_rate;
    const rate = data.sample_rate;
    this.silence = new AudioBuffer({ length: 1, sampleRate: rate, numberOfChannels: 1 });
    const buffers = data.stems.map(() => this.silence); // until the stems are loaded
    this.player = new MixPlayer(buffers, data.segments, rate, {
      onEnd: () => this.end(),
      onTick: () => document.hidden && handlers.onPosition(this.position()), // no frames are drawn
    });
    this.loaded = false;
    this.wanted = false; // whether it should play; also while the stems still load
  }

  /**
   * Fetch and decode all stems. One that fails is reported, and silent.
   * @param {AbortSignal} signal
   * @returns {Promise<(Float32Array|null)[]>} samples of each stem, null where there are none
   */
  async load(signal) {
    const decoded = await Promise.all(
      this.data.stems.map((stem) =>
        this.loadStem(stem, signal).catch((error) => {
          this.handlers.onError(error);
          return null;
        }),
      ),
    );
    if (signal.aborted) return decoded.map(() => null);
    this.player.buffers = decoded.map((buffer) => buffer ?? this.silence);
    this.loaded = true;
    return decoded.map((buffer) => buffer?.getChannelData(0) ?? null);
  }

  async loadStem(stem, signal) {
    const name = `The stem “${stem.name}”`;
    const buffer = await loadAudio(stem, name, this.data.sample_rate, signal);
    if (Math.abs(buffer.duration - this.duration) > LENGTH_TOLERANCE_S) {
      const [is, should] = [buffer.duration, this.duration].map((value) => value.toFixed(1));
      throw new Error(`${name} is of another track: it lasts ${is} s instead of ${should} s`);
    }
    return buffer;
  }

  /** @param {Promise} ready when the stems are loaded */
  async toggle(ready) {
    if (this.wanted) this.pause();
    else await this.play(ready);
  }

  /** @param {Promise} ready when the stems are loaded */
  async play(ready) {
    if (this.wanted) return;
    this.wanted = true;
    this.handlers.onState(true, !this.loaded);
    takeSound(this, () => this.pause());
    try {
      // Browsers allow sound only inside the click, so it is not asked for after the loading.
      await Promise.all([wake(sharedContext(this.data.sample_rate)), ready]);
      if (!this.wanted || this.player.playing) return;
      await this.player.play();
      this.handlers.onState(this.wanted);
      this.follow();
    } catch (error) {
      this.handlers.onError(error);
      this.pause();
    }
  }

  pause() {
    this.wanted = false;
    this.player.pause();
    cancelAnimationFrame(this.frame);
    this.handlers.onState(false);
    this.handlers.onPosition(this.position());
  }

  /** Stop because there is no more to play. */
  end() {
    this.pause();
    this.handlers.onEnd?.();
  }

  /** Report the position in every frame while it plays. */
  follow() {
    cancelAnimationFrame(this.frame);
    if (!this.wanted) return;
    this.handlers.onPosition(this.position());
    this.frame = requestAnimationFrame(() => this.follow());
  }

  position() {
    return this.player.position({ heard: true });
  }

  seek(position) {
    this.player.seek(position);
    this.handlers.onPosition(position);
  }

  setLoop(loop) {
    this.player.setLoop(loop);
    this.handlers.onPosition(this.position());
  }

  setMask(cells) {
    this.player.setMask(cells);
  }
}
