// Paints waveforms and the map of components on a canvas.

const GAP = 1; // half the gap between two cells
const RADIUS = 4;

/** Match a canvas to its place on the page, at the screen's own resolution. */
export function fitCanvas(canvas, width, height) {
  const scale = Math.min(globalThis.devicePixelRatio || 1, 3);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * The outline of a signal: loudest sample and mean loudness of equal stretches.
 * @param {Float32Array[]} channels signals that sound together
 * @param {number} count
 * @returns {{peak: Float32Array, rms: Float32Array}}
 */
export function outline(channels, count) {
  const length = channels[0].length;
  const peak = new Float32Array(count);
  const rms = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    const start = Math.floor((i * length) / count);
    const end = Math.floor(((i + 1) * length) / count);
    let sum = 0;
    for (let n = start; n < end; n += 1) {
      let value = 0;
      for (const channel of channels) value += channel[n];
      sum += value * value;
      peak[i] = Math.max(peak[i], Math.abs(value));
    }
    rms[i] = Math.sqrt(sum / Math.max(end - start, 1));
  }
  return { peak, rms };
}

/** The part of an outline between two of its points. */
export function slice(wave, from, to) {
  return wave && { peak: wave.peak.subarray(from, to), rms: wave.rms?.subarray(from, to) };
}

/** The loudest sample of several outlines, which are drawn to one scale. */
export function loudestOf(waves) {
  let loudest = 0;
  for (const wave of waves) {
    for (const value of wave?.peak ?? []) loudest = Math.max(loudest, value);
  }
  return loudest;
}

/**
 * Paint one cell of the map: shade, waveform, mark; hatched where it is off.
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, width: number, height: number}} box
 * @param {{weight: number, full: number, on: boolean, wave: object|null, loudest: number}} cell
 *   full: weight from which on the colour is full
 * @param {object} colors from palette()
 */
export function drawCell(context, box, cell, colors) {
  const { weight, full, on, wave, loudest } = cell;
  const share = Math.min(Math.abs(weight) / full, 1);
  const sign = weight >= 0 ? "positive" : "negative";
  const marks = share >= 0.6 ? 2 : share >= 0.15 ? 1 : 0;
  const [x, y] = [box.x + GAP, box.y + GAP];
  const [width, height] = [box.width - 2 * GAP, box.height - 2 * GAP];
  const inner = { x, y, width, height };

  context.save();
  context.beginPath();
  context.roundRect(x, y, width, height, RADIUS);
  context.clip();
  context.fillStyle = colors.raised;
  context.fillRect(x, y, width, height);
  if (on) {
    // A weak component keeps a little of its colour; the strongest is more than half opaque.
    context.globalAlpha = marks === 0 ? 0.12 * share : 0.14 + 0.56 * share;
    context.fillStyle = colors[sign];
    context.fillRect(x, y, width, height);
  } else {
    hatch(context, inner, colors.line);
  }
  context.globalAlpha = 1;
  const ink = on && marks > 0 ? colors[`${sign}-ink`] : colors.muted;
  if (wave) drawWave(context, inner, wave, loudest, ink, on ? 1 : 0.4);
  context.restore();
  drawMarks(context, inner, { weight, marks, on }, colors);
}

/**
 * Paint an outline around the middle of a box: the peaks translucent, so that the shade below
 * still shows the weight, and the mean loudness more opaque.
 */
export function drawWave(context, { x, y, width, height }, wave, loudest, color, strength = 1) {
  const middle = y + height / 2;
  const reach = height / 2 - 4;
  const size = (value) => Math.max(0.5, reach * Math.min(value / (loudest || 1), 1) ** 0.7);
  const band = (values, alpha) => {
    const step = width / values.length;
    context.globalAlpha = alpha * strength;
    context.beginPath();
    context.moveTo(x, middle);
    values.forEach((value, i) => context.lineTo(x + (i + 0.5) * step, middle - size(value)));
    context.lineTo(x + width, middle);
    for (let i = values.length - 1; i >= 0; i -= 1) {
      context.lineTo(x + (i + 0.5) * step, middle + size(values[i]));
    }
    context.fill();
  };
  context.fillStyle = color;
  band(wave.peak, wave.rms ? 0.3 : 0.6);
  if (wave.rms) band(wave.rms, 0.65);
  context.globalAlpha = 1;
}

function hatch(context, { x, y, width, height }, color) {
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let offset = -height; offset < width; offset += 7) {
    context.moveTo(x + offset, y + height);
    context.lineTo(x + offset + height, y);
  }
  context.stroke();
}

function drawMarks(context, { x, y, width }, { weight, marks, on }, colors) {
  const room = width >= 34 ? marks : Math.min(marks, 1);
  const text = on ? (weight >= 0 ? "+" : "−").repeat(room) : width > 44 ? "off" : "";
  if (!text || width < 16) return;
  context.font = `700 ${on ? 13 : 11}px ${getComputedStyle(context.canvas).fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  // A waveform may fill the corner, so the mark has a background.
  const ground = context.measureText(text).width + 8;
  context.fillStyle = colors.raised;
  context.globalAlpha = 0.85;
  context.beginPath();
  context.roundRect(x + 3, y + 3, ground, 15, 4);
  context.fill();
  context.globalAlpha = 1;
  context.fillStyle = on ? colors.ink : colors.muted;
  context.fillText(text, x + 3 + ground / 2, y + 11);
}
