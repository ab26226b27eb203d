// The waveform player: one recording, drawn as one or several waveforms.
//
// A track has one lane. Highlights of an explanation have a lane for each of their stems, with the
// components marked; the recording is their mix.

import { bounds, button, el, icon } from "./dom.js";
import { drawWave, fitCanvas, loudestOf, outline } from "./draw.js";
import { loadAudio } from "./load.js";
import { takeSound } from "./sound.js";
import { followTheme, palette } from "./theme.js";
import { Transport } from "./transport.js";

const PEAKS_RATE = 16000; // enough to see a waveform
const REASONS = {
  2: "no answer from the server",
  3: "the file is damaged",
  4: "the file is missing or of an unknown kind",
}; // by MediaError.code

export class WaveformPlayer {
  /**
   * @param {HTMLElement} root an empty element to fill
   * @param {object} data see WaveformData in data.py
   */
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.offset = data.offset_s ?? 0; // where on the lanes the recording begins
    this.duration = data.duration_s;
    this.abort = new AbortController();
    this.build();
    this.endTheme = followTheme(root, () => this.paint());
    this.resizing = new ResizeObserver(() => this.paint());
    this.resizing.observe(this.lanes);
    this.ready = this.load();
    if (data.autoplay) this.play(true);
  }

  build() {
    this.audio = new Audio();
    this.audio.preload = "none"; // the page knows the duration; browsers abort other preloads
    this.audio.crossOrigin = "anonymous";
    this.audio.src = source(this.data);
    this.audio.addEventListener("error", () => this.complain());
    for (const name of ["play", "pause", "ended", "seeked"]) {
      this.audio.addEventListener(name, () => this.update());
    }
    this.transport = new Transport({
      name: `“${this.data.title}”`,
      duration: this.duration,
      onToggle: () => this.toggle(),
      onSeek: (position) => this.seek(position),
      position: () => this.position(),
    });
    this.canvases = this.data.lanes.map(() => el("canvas", { "aria-hidden": "true" }));
    const waves = this.data.lanes.map(({ name }, i) => {
      const label = name ? el("span", { class: "wave-name", "aria-hidden": "true" }, name) : null;
      return el("div", { class: "wave" }, this.canvases[i], label);
    });
    this.lanes = el("div", { class: "waves" }, ...waves, this.transport.cursor);
    this.transport.makeSeekBar(this.lanes);
    const spans = this.data.lanes.flatMap((lane) =>
      lane.spans.map((stretch) => this.spanButton(lane, stretch)),
    );
    this.message = el("p", { class: "message", role: "alert", hidden: "" });
    this.root.append(
      this.transport.bar(el("span", { class: "title" }, this.data.title)),
      this.lanes,
      ...(spans.length ? [el("div", { class: "spans" }, ...spans)] : []),
      this.message,
    );
    this.root.classList.add("lemons", "waveform");
    this.transport.listenForKeys(this.root);
    this.update();
  }

  /** Make the button that plays a marked stretch alone, and names it for screen readers. */
  spanButton(lane, stretch) {
    const where = [lane.name, bounds(stretch.start_s, stretch.end_s)].filter(Boolean).join(", ");
    const label = stretch.label ? `${stretch.label}: ${where}` : where;
    const onclick = () => this.playSpan(stretch);
    const properties = { class: `span ${stretch.kind}`, title: `Play ${where}`, onclick };
    return button(label, properties, icon("play"));
  }

  async load() {
    const { signal } = this.abort;
    this.waves = await Promise.all(
      this.data.lanes.map(async (lane) => {
        if (lane.peaks) return { peak: Float32Array.from(lane.peaks) };
        try {
          const origin = lane.url || lane.base64 ? lane : this.data;
          const buffer = await loadAudio(origin, "The waveform", PEAKS_RATE, signal);
          return outline([buffer.getChannelData(0)], 1200);
        } catch {
          if (!signal.aborted) this.audio.preload = "metadata";
          return null; // it may still play; if it does not, the audio element reports that now
        }
      }),
    );
    this.paint();
  }

  complain() {
    const reason = REASONS[this.audio.error?.code] ?? "unknown reason";
    this.message.textContent = `“${this.data.title}” cannot be played: ${reason}`;
    this.message.hidden = false;
    this.update();
  }

  // -- playing ----------------------------------------------------------------------------------

  async toggle() {
    this.stopAt = null;
    if (this.audio.paused) await this.play();
    else this.audio.pause();
  }

  async play(unasked = false) {
    takeSound(this, () => this.audio.pause());
    try {
      await this.audio.play();
    } catch (error) {
      if (unasked && error.name === "NotAllowedError") return; // the browser wants a click first
      if (error.name !== "AbortError" && !this.audio.error) this.complain();
    }
  }

  playSpan(stretch) {
    this.seek(stretch.start_s);
    this.stopAt = stretch.end_s;
    return this.play();
  }

  position() {
    return this.audio.currentTime + this.offset;
  }

  seek(position) {
    this.stopAt = null;
    this.audio.currentTime = Math.max(position - this.offset, 0);
    this.showPosition(position);
  }

  update() {
    const playing = !this.audio.paused && !this.audio.ended;
    this.transport.setPlaying(playing);
    this.showPosition();
    cancelAnimationFrame(this.frame);
    if (playing) this.frame = requestAnimationFrame(() => this.follow());
  }

  follow() {
    this.showPosition();
    if (this.stopAt && this.position() >= this.stopAt) {
      this.stopAt = null;
      this.audio.pause();
    }
    if (!this.audio.paused) this.frame = requestAnimationFrame(() => this.follow());
  }

  showPosition(position = this.position()) {
    this.transport.setPosition(position, this.lanes.clientWidth);
  }

  // -- painting ------------------------------------------------------------------------

  paint() {
    const width = this.lanes.clientWidth;
    if (!this.waves || width === 0) return;
    const colors = palette(this.root);
    const loudest = loudestOf(this.waves);
    this.data.lanes.forEach((lane, i) => {
      const canvas = this.canvases[i];
      const height = canvas.parentElement.clientHeight;
      const context = fitCanvas(canvas, width, height);
      const whole = { x: 0, y: 0, width, height };
      const boxes = lane.spans.map(({ start_s: start, end_s: end, kind }) => ({
        sign: kind === "against" ? "negative" : "positive",
        box: [(start / this.duration) * width, 0, ((end - start) / this.duration) * width, height],
      }));
      context.globalAlpha = 0.3;
      for (const { sign, box } of boxes) {
        context.fillStyle = colors[sign];
        context.fillRect(...box);
      }
      context.globalAlpha = 1;
      if (!this.waves[i]) return;
      drawWave(context, whole, this.waves[i], loudest, colors.muted);
      for (const { sign, box } of boxes) {
        context.save();
        context.beginPath();
        context.rect(...box);
        context.clip();
        drawWave(context, whole, this.waves[i], loudest, colors[`${sign}-ink`]);
        context.restore();
      }
    });
    this.showPosition();
  }

  destroy() {
    this.abort.abort();
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load(); // closes the connection
    this.resizing.disconnect();
    this.endTheme();
    cancelAnimationFrame(this.frame);
    this.root.replaceChildren();
  }
}

function source({ url, base64, media_type: type }) {
  return base64 ? `data:${type};base64,${base64}` : url;
}
