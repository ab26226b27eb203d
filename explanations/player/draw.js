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
 * Loudest sample of each of `count` equal stretches.
 * @param {Float32Array[]} channels signals that sound together
 * @returns {Float32Array} in [0, 1] for audio within full scale
 */
export function peaks(channels, count) {
  const length = channels[0].length;
  const result = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    const end = Math.floor(((i + 1) * length) / count);
    let loudest = 0;
    for (let n = Math.floor((i * length) / count); n < end; n += 1) {
      let value = 0;
      for (const channel of channels) value += channel[n];
      if (value < 0) value = -value;
      if (value > loudest) loudest = value;
    }
    result[i] = loudest;
  }
  return result;
}

/** How strongly a weight speaks, next to the strongest of its explanation: 0, 1, 2 marks. */
export function markCount(weight, strongest) {
  const share = strongest > 0 ? Math.abs(weight) / strongest : 0;
  return share >= 0.6 ? 2 : share >= 0.15 ? 1 : 0;
}

/**
 * Paint one cell of the map: shade, waveform, mark; hatched where it is off.
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, width: number, height: number}} box
 * @param {{weight: number, strongest: number, on: boolean, wave: Float32Array|null,
 *          loudest: number}} cell
 * @param {object} colors from palette()
 */
export function drawCell(context, box, cell, colors) {
  const { weight, strongest, on, wave, loudest } = cell;
  const share = strongest > 0 ? Math.abs(weight) / strongest : 0;
  const [fill, ink] =
    weight >= 0 ? [colors.positive, colors.positiveInk] : [colors.negative, colors.negativeInk];
  const marks = markCount(weight, strongest);
  const inner = { x: box.x + GAP, y: box.y + GAP, width: box.width - 2 * GAP };
  inner.height = box.height - 2 * GAP;

  context.save();
  context.beginPath();
  context.roundRect(inner.x, inner.y, inner.width, inner.height, RADIUS);
  context.clip();
  context.fillStyle = colors.raised;
  context.fillRect(inner.x, inner.y, inner.width, inner.height);
  if (on) {
    // Even a weak component keeps a breath of its colour; the strongest is half covered.
    context.globalAlpha = marks === 0 ? 0.12 * share : 0.14 + 0.56 * share;
    context.fillStyle = fill;
    context.fillRect(inner.x, inner.y, inner.width, inner.height);
  } else {
    hatch(context, inner, colors.line);
  }
  context.globalAlpha = on ? 1 : 0.35;
  if (wave) drawWave(context, inner, wave, loudest, on && marks > 0 ? ink : colors.muted);
  context.restore();
  drawMarks(context, inner, { weight, marks, on }, colors);
}

/** Paint a waveform as a band around its middle. */
export function drawWave(context, { x, y, width, height }, wave, loudest, color) {
  const middle = y + height / 2;
  const reach = height / 2 - 3;
  const step = width / wave.length;
  // The ear hears quiet sounds well, the eye does not see them: a root lifts them.
  const size = (value) => Math.max(0.5, reach * Math.sqrt(Math.min(value / (loudest || 1), 1)));
  context.fillStyle = color;
  context.beginPath();
  context.moveTo(x, middle);
  wave.forEach((value, i) => context.lineTo(x + (i + 0.5) * step, middle - size(value)));
  context.lineTo(x + width, middle);
  for (let i = wave.length - 1; i >= 0; i -= 1) {
    context.lineTo(x + (i + 0.5) * step, middle + size(wave[i]));
  }
  context.fill();
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
  // A waveform may fill the corner: the mark brings its own ground.
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
