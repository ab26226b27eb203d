// The switches of the mixer, without drawing and sound.
//
// The grid has a row for each group of stems and a column for each group of segments that are
// switched together, one cell per component of the explanation. The model and the audio always
// speak of the full stems x segments mask, index = segment * stems + stem, as the exact engine
// does.

const SILENCE = 1e-3; // -60 dB, as in explanations/explain/playback.py

/** Switches of a mixer: one per cell, and solo and mute per row and per column. */
export class MixState {
  /** @param {object} data see MixerData in data.py; weights: index = column * rows + row */
  constructor({ rows, columns, stems, segments, weights, least = 0 }) {
    this.rows = rows;
    this.columns = columns;
    this.cellCount = stems.length * segments.length;
    this.stemCount = stems.length;
    this.set(new Uint8Array(weights.length).fill(1));
    this.weigh(weights, least);
  }

  /** Take weights, and the size from which on one counts for or against the track. */
  weigh(weights, least = 0) {
    this.weights = weights;
    this.least = least;
  }

  /** Components whose weight has the given sign and counts, strongest first. */
  strongest(sign) {
    return strongest(this.weights, sign, this.least);
  }

  index(row, column) {
    return column * this.rows.length + row;
  }

  /** The row and the column of a component. */
  place(index) {
    return [index % this.rows.length, Math.floor(index / this.rows.length)];
  }

  weight(row, column) {
    return this.weights[this.index(row, column)];
  }

  isOn(row, column) {
    return this.on[this.index(row, column)] === 1;
  }

  toggle(row, column) {
    this.on[this.index(row, column)] ^= 1;
  }

  /** Set all cells at once; solo and mute are cleared, so that what is set is what is heard. */
  set(mask) {
    this.on = Uint8Array.from(mask);
    this.solo = { row: new Set(), column: new Set() };
    this.mute = { row: new Set(), column: new Set() };
  }

  /** The switches as they are, for `restore`. */
  keep() {
    const copy = ({ row, column }) => ({ row: new Set(row), column: new Set(column) });
    return { on: Uint8Array.from(this.on), solo: copy(this.solo), mute: copy(this.mute) };
  }

  /** Take switches that were kept. */
  restore({ on, solo, mute }) {
    Object.assign(this, { on, solo, mute });
  }

  /**
   * Switch solo or mute of a row or column.
   * @param {"solo"|"mute"} what
   * @param {"row"|"column"} axis
   */
  flip(what, axis, index) {
    const set = this[what][axis];
    if (!set.delete(index)) set.add(index);
  }

  /** Whether a cell sounds: on, not muted, and soloed where anything of its kind is. */
  sounds(row, column) {
    const heard = (axis, index) =>
      !this.mute[axis].has(index) && (this.solo[axis].size === 0 || this.solo[axis].has(index));
    return this.isOn(row, column) && heard("row", row) && heard("column", column);
  }

  /** What is heard, one value per component. */
  heard() {
    return this.on.map((_, index) => Number(this.sounds(...this.place(index))));
  }

  /** What is heard, one value per stem in each segment: segment * stems + stem. */
  cells() {
    const cells = new Uint8Array(this.cellCount);
    this.heard().forEach((heard, index) => {
      const [row, column] = this.place(index);
      for (const segment of this.columns[column].segments) {
        for (const stem of this.rows[row].stems) cells[segment * this.stemCount + stem] = heard;
      }
    });
    return cells;
  }

  /** Take what the stems sound like, after which silent cells are known. */
  listen(stems) {
    const sounds = (stem, start, end) => {
      for (let n = start; n < end; n += 1) if (Math.abs(stem[n]) > SILENCE) return true;
      return false;
    };
    this.silent = this.weights.map((_, index) => {
      const [row, column] = this.place(index);
      const { start, end } = this.columns[column];
      return !this.rows[row].stems.some((s) => !stems[s] || sounds(stems[s], start, end));
    });
  }

  /** The stretches in which anything is heard, [[start, end]] in samples, joined where they meet. */
  stretches() {
    const stretches = [];
    this.columns.forEach(({ start, end }, column) => {
      const heard = (row) => this.sounds(row, column) && !this.silent?.[this.index(row, column)];
      if (!this.rows.some((_, row) => heard(row))) return;
      if (stretches.at(-1)?.[1] === start) stretches.at(-1)[1] = end;
      else stretches.push([start, end]);
    });
    return stretches;
  }

  /** A position [samples] itself if anything is heard there, else the next that is, or the first. */
  sounding(position) {
    const stretches = this.stretches();
    if (stretches.some(([start, end]) => position >= start && position < end)) return position;
    return (stretches.find(([start]) => start > position) ?? stretches[0])?.[0] ?? position;
  }

  /** The mixes with a button: [{label, mask, title}], mask null where there is no such mix. */
  presets() {
    const { weights } = this;
    const every = weights.map((_, index) => index);
    const [pro, contra] = [this.strongest(1), this.strongest(-1)];
    const top = (k) => (every.length > k ? pro.slice(0, k) : []);
    const without = (some) => (some.length > 0 ? every.filter((i) => !some.includes(i)) : []);
    const presets = [
      ["All", every, "Everything on"],
      ["Top 1", top(1), "What speaks most for the track"],
      ["Top 3", top(3), "The 3 that speak most for it"],
      ["Without top 3", without(top(3)), "Everything but the 3 that speak most for the track"],
      ["Only against", contra, "Only what speaks against the track"],
    ];
    const voice = this.rows.findIndex(({ name }) => /^(vocals|voice|singing)$/i.test(name));
    if (voice >= 0) {
      const sung = every.filter((index) => this.place(index)[0] === voice);
      presets.push(["Vocals only", sung, "The vocals and nothing else"]);
    }
    return presets.map(([label, on, title]) => {
      const mask = Uint8Array.from(every, (index) => Number(on.includes(index)));
      return { label, mask: on.length > 0 ? mask : null, title };
    });
  }
}

/**
 * Components whose weight has the given sign, strongest first.
 * @param {number[]} weights
 * @param {1|-1} sign
 * @param {number} least weights below this size do not count; store.py says why
 */
export function strongest(weights, sign, least = 0) {
  return weights
    .map((weight, index) => ({ strength: weight * sign, index }))
    .filter(({ strength }) => strength > 0 && strength >= least)
    .sort((a, b) => b.strength - a.strength || a.index - b.index)
    .map(({ index }) => index);
}

/** Write a mask as hexadecimal digits, four components a digit, the first component in front. */
export function encodeMask(mask) {
  const bits = Array.from(mask, Number).join("");
  return bits.replace(/.{1,4}/g, (four) => parseInt(four.padEnd(4, "0"), 2).toString(16));
}

/** Read what encodeMask wrote; null where the text does not fit. */
export function decodeMask(text, count) {
  if (!/^[0-9a-f]+$/.test(text) || text.length !== Math.ceil(count / 4)) return null;
  const bits = [...text].flatMap((digit) => [...parseInt(digit, 16).toString(2).padStart(4, "0")]);
  return bits.includes("1", count) ? null : Uint8Array.from(bits.slice(0, count));
}
