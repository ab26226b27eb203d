// Plays the stems of a track in sync to the sample, with gains that follow the mask.
//
// All stems of a pass (one stretch of playing without a jump) are started for the same moment
// of one AudioContext clock, so they cannot drift. Each has a gain whose whole course is
// scheduled ahead; a toggle replaces the part of it that lies ahead.

import { FADE_S, gainPoints, pointsFrom, valueAt } from "./gains.js";
import { sharedContext, sleepSoon, wake } from "./sound.js";

const LOOKAHEAD_S = 0.02; // what is scheduled closer than this may have been rendered already
const QUEUE_S = 1.5; // how far ahead loops are laid out; hidden pages get one timer call a second
const TICK_MS = 100;

/** Transport of a mix: play, pause, seek, loop, and gains that change while it plays. */
export class MixPlayer {
  /**
   * @param {AudioBuffer[]} buffers one per stem
   * @param {number[][]} segments [start, end) in samples
   * @param {number} sampleRate rate of these samples
   * @param {{context?: BaseAudioContext, onEnd?: () => void, onTick?: () => void}} [options]
   */
  constructor(buffers, segments, sampleRate, options = {}) {
    const { context = null, onEnd = () => {}, onTick = () => {} } = options;
    this.buffers = buffers;
    this.segments = segments;
    this.sampleRate = sampleRate;
    this.duration = segments.at(-1)[1] / sampleRate;
    this.context = context;
    this.onEnd = onEnd;
    this.onTick = onTick;
    this.loop = null;
    this.passes = [];
    this.resting = 0; // position while nothing plays
    this.playing = false;
    this.setMask(new Uint8Array(segments.length * buffers.length).fill(1));
  }

  /** Start or continue. Browsers allow it only inside a click or key handler. */
  async play() {
    if (this.playing) return;
    this.playing = true;
    this.context ??= sharedContext(this.sampleRate);
    try {
      await wake(this.context);
    } catch (error) {
      this.playing = false;
      throw error;
    }
    if (!this.playing || this.timer) return; // paused again while the context resumed
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.jump(this.resting);
  }

  pause() {
    if (!this.playing) return;
    this.resting = this.position();
    this.stop();
  }

  seek(position) {
    const target = Math.min(Math.max(position, 0), this.duration);
    if (this.passes.length > 0) this.jump(target);
    else this.resting = target;
  }

  /**
   * Repeat a stretch, or nothing; a position outside of the stretch moves to its start.
   * @param {number[]|null} loop [start, end] in seconds
   */
  setLoop(loop) {
    this.loop = loop;
    const position = this.position();
    const inside = !loop || (position >= loop[0] && position < loop[1]);
    this.seek(inside ? position : loop[0]);
  }

  /** @param {ArrayLike<number>} cells 0 or 1, index = segment * stems + stem */
  setMask(cells) {
    const fade = Math.round(FADE_S * this.sampleRate);
    this.curves = this.buffers.map((_, s) => {
      const on = this.segments.map((_, t) => cells[t * this.buffers.length + s]);
      return gainPoints(on, this.segments, fade).map(([at, gain]) => [at / this.sampleRate, gain]);
    });
    for (const pass of this.passes) this.bend(pass);
  }

  /** The position in the track [s], by the clock or as it is heard (a little later). */
  position({ heard = false } = {}) {
    if (this.passes.length === 0) return this.resting;
    const delay = heard ? (this.context.outputLatency ?? 0) : 0;
    const now = this.context.currentTime - delay;
    const { start, end, from } = this.passes.find((pass) => now < pass.end) ?? this.passes.at(-1);
    return from + Math.min(Math.max(now - start, 0), end - start);
  }

  // -- the passes -----------------------------------------------------------------------------

  /** Continue at a position: the present pass fades out while the new one fades in. */
  jump(position) {
    const when = this.context.currentTime + LOOKAHEAD_S;
    this.fadeOut(when);
    const stops = [this.duration, ...(this.loop ? [this.loop[1]] : [])];
    // So close to an end there is no room for two fades.
    const atEnd = stops.some((stop) => position <= stop && position > stop - 3 * FADE_S);
    this.passes.push(this.startPass(when, atEnd ? (this.loop?.[0] ?? 0) : position));
    this.queueLoop();
  }

  stop() {
    this.playing = false;
    clearInterval(this.timer);
    this.timer = null;
    this.fadeOut(this.context.currentTime + LOOKAHEAD_S);
    sleepSoon(this.context);
  }

  fadeOut(when) {
    for (const { start, end, edge, edgeCourse, stems } of this.passes) {
      if (when >= end) continue;
      const turn = Math.max(when, start);
      follow(edge.gain, [[turn, valueAt(edgeCourse, turn)], [turn + FADE_S, 0]]);
      for (const { source } of stems) source.stop(when <= start ? start : turn + FADE_S);
    }
    this.passes = [];
  }

  /** Schedule all stems from a position to the end of the loop or of the track. */
  startPass(start, from) {
    const { context, loop } = this;
    const to = loop && from < loop[1] ? loop[1] : this.duration;
    const end = start + (to - from);
    // A pass begins and ends in the middle of the sound: without these two fades it would click.
    // The start of a track needs none, and keeps its first attack.
    const edgeCourse = [
      [start, from === 0 ? 1 : 0],
      [start + FADE_S, 1],
      [end - FADE_S, 1],
      [end, to === this.duration ? 1 : 0],
    ];
    const edge = new GainNode(context, { gain: 0 });
    edge.gain.setValueAtTime(edgeCourse[0][1], start);
    follow(edge.gain, edgeCourse);
    edge.connect(context.destination);
    const stems = this.buffers.map((buffer) => {
      const source = new AudioBufferSourceNode(context, { buffer });
      const gain = new GainNode(context, { gain: 0 });
      source.connect(gain).connect(edge);
      source.start(start, from);
      source.stop(end);
      return { source, gain };
    });
    stems[0].source.addEventListener("ended", () => edge.disconnect());
    const pass = { start, end, from, edge, edgeCourse, stems };
    this.bend(pass);
    return pass;
  }

  /** Schedule the current gain curves in a pass; one that sounds already fades over to them. */
  bend(pass) {
    const { start, end, from } = pass;
    const soonest = this.context.currentTime + LOOKAHEAD_S;
    if (soonest >= end) return;
    const shift = start - from; // position in the track -> time on the clock
    pass.stems.forEach((stem, s) => {
      const curve = this.curves[s].map(([position, value]) => [position + shift, value]);
      const { gain } = stem.gain;
      if (!stem.course || soonest <= start) {
        stem.course = pointsFrom(curve, start);
        gain.cancelScheduledValues(0);
        gain.setValueAtTime(stem.course[0][1], start);
      } else {
        const turn = [soonest, valueAt(stem.course, soonest)];
        stem.course = [turn, ...pointsFrom(curve, soonest + FADE_S)];
      }
      follow(gain, stem.course);
    });
  }

  queueLoop() {
    while (this.loop && this.passes.at(-1).end < this.context.currentTime + QUEUE_S) {
      this.passes.push(this.startPass(this.passes.at(-1).end, this.loop[0]));
    }
  }

  tick() {
    const now = this.context.currentTime;
    this.queueLoop();
    while (this.passes.length > 1 && this.passes[0].end < now - QUEUE_S) this.passes.shift();
    if (now >= this.passes.at(-1).end) {
      this.stop();
      this.resting = 0;
      this.onEnd();
    } else {
      this.onTick();
    }
  }
}

/**
 * Schedule a parameter along a line through points; what is scheduled before them stays.
 *
 * The first point must lie on the course that the parameter has had so far. Ramping to the value
 * that it has there keeps a ramp under way intact, where setting the value would jump.
 */
function follow(param, points) {
  const [first, ...rest] = points;
  param.cancelScheduledValues(first[0] + 1e-9);
  param.linearRampToValueAtTime(first[1], first[0]);
  for (const [time, value] of rest) param.linearRampToValueAtTime(value, time);
}
