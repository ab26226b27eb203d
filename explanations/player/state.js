// The switches of the mixer, without drawing and sound.
//
// The grid has a row for each group of stems and a column for each group of segments that are
// switched together, one cell per component of the explanation. The model and the audio always
// speak of the full stems x segments mask, index = segment * stems + stem, as the exact engine
// does.

/**
 * Lay out the components of an explanation.
 * @param {object} data see MixerData in data.py
 * @returns {{rows: {name: string, stems: number[]}[],
 *            columns: {start: number, end: number, segments: number[]}[],
 *            stemCount: number, segmentCount: number}} positions in samples
 */
export function makeGrid({ rows, columns, stems, segments }) {
  return { rows, columns, stemCount: stems.length, segmentCount: segments.length };
}

/** Switches of a mixer: one per cell, and solo and mute per row and per column. */
export class MixState {
  /**
   * @param {ReturnType<typeof makeGrid>} grid
   * @param {number[]} weights one per component, index = column * rows + row
   */
  constructor(grid, weights) {
    this.grid = grid;
    this.weights = weights;
    this.on = new Uint8Array(grid.rows.length * grid.columns.length).fill(1);
    this.clearSoloAndMute();
  }

  index(row, column) {
    return column * this.grid.rows.length + row;
  }

  toggle(row, column) {
    const index = this.index(row, column);
    this.on[index] ^= 1;
  }

  /** Set all cells at once; solo and mute are cleared, so that what is set is what is heard. */
  set(mask) {
    this.on = Uint8Array.from(mask);
    this.clearSoloAndMute();
  }

  clearSoloAndMute() {
    this.solo = { row: new Set(), column: new Set() };
    this.mute = { row: new Set(), column: new Set() };
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
    return this.on[this.index(row, column)] === 1 && heard("row", row) && heard("column", column);
  }

  /** What is heard, one value per component. */
  heard() {
    return this.on.map((_, index) => {
      const rows = this.grid.rows.length;
      return this.sounds(index % rows, Math.floor(index / rows)) ? 1 : 0;
    });
  }

  /** What is heard, one value per stem in each segment: segment * stems + stem. */
  cells() {
    const { rows, columns, stemCount, segmentCount } = this.grid;
    const cells = new Uint8Array(stemCount * segmentCount);
    columns.forEach((column, c) =>
      rows.forEach((row, r) => {
        if (!this.sounds(r, c)) return;
        for (const segment of column.segments) {
          for (const stem of row.stems) cells[segment * stemCount + stem] = 1;
        }
      }),
    );
    return cells;
  }

  /** The mixes with a button: [{label, mask, title}], mask null where there is no such mix. */
  presets() {
    const { weights, grid } = this;
    const every = weights.map((_, index) => index);
    const [pro, contra] = [strongest(weights, 1), strongest(weights, -1)];
    const top = (k) => (every.length > k ? pro.slice(0, k) : []);
    const without = (some) => (some.length > 0 ? every.filter((i) => !some.includes(i)) : []);
    const presets = [
      ["All", every, "Everything on"],
      ["Top 1", top(1), "What speaks most for the track"],
      ["Top 3", top(3), "The 3 that speak most for it"],
      ["Without top 3", without(top(3)), "Everything but the 3 that speak most for the track"],
      ["Only against", contra, "Only what speaks against the track"],
    ];
    const voice = grid.rows.findIndex(({ name }) => /^(vocals|voice|singing)$/i.test(name));
    if (voice >= 0) {
      const sung = every.filter((index) => index % grid.rows.length === voice);
      presets.push(["Vocals only", sung, "The vocals and nothing else"]);
    }
    return presets.map(([label, on, title]) => {
      const mask = Uint8Array.from(every, (index) => Number(on.includes(index)));
      return { label, mask: on.length > 0 ? mask : null, title };
    });
  }
}

// Where all components speak for a track, some weights are slightly negative: they do not count
// as against it. The threshold is a share of the strongest weight, the same as in store.py.
const NEGLIGIBLE = 0.01;

/**
 * Components whose weight has the given sign, strongest first.
 * @param {number[]} weights
 * @param {1|-1} sign
 */
export function strongest(weights, sign) {
  const least = sign < 0 ? NEGLIGIBLE * Math.max(...weights.map(Math.abs)) : 0;
  return weights
    .map((weight, index) => ({ strength: weight * sign, index }))
    .filter(({ strength }) => strength > least)
    .sort((a, b) => b.strength - a.strength || a.index - b.index)
    .map(({ index }) => index);
}

/** Write a mask as hexadecimal digits, four components a digit, the first component in front. */
export function encodeMask(mask) {
  let text = "";
  for (let i = 0; i < mask.length; i += 4) {
    let digit = 0;
    for (let bit = 0; bit < 4; bit += 1) digit = digit * 2 + (mask[i + bit] ? 1 : 0);
    text += digit.toString(16);
  }
  return text;
}

/** Read what encodeMask wrote; null where the text does not fit. */
export function decodeMask(text, count) {
  if (!/^[0-9a-f]+$/.test(text) || text.length !== Math.ceil(count / 4)) return null;
  const bits = [...text].flatMap((digit) =>
    [8, 4, 2, 1].map((bit) => (parseInt(digit, 16) & bit ? 1 : 0)),
  );
  return bits.slice(count).some(Boolean) ? null : Uint8Array.from(bits.slice(0, count));
}
