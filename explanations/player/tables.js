// The exact engine's tables: the model's true relevance for any mask, in a few microseconds.
//
// The head of the network adds up sums over time and takes maxima over time. Every column of
// the last feature map belongs to a segment (it depends on which stems sound in that segment)
// or to a boundary (it depends on the stems left and right of it). So a mask is a look-up per
// segment and per boundary, joined by additions and comparisons.
// audiolime/exact/tables.py derives this and writes the file; Tables.evaluate there is the
// same in NumPy, and a test holds the two together.

const FORMAT = "lemons-tables";
const VERSION = 1;
const ARRAYS = ["segment_sum", "boundary_sum", "segment_max", "boundary_max", "max_weight"];

/** Tables of one (listener, track). */
export class ExactTables {
  /** @param {Object<string, {shape: number[], data: ArrayLike<number>}>} arrays from readNpz */
  constructor(arrays) {
    for (const name of ["meta", ...ARRAYS]) {
      if (!arrays[name]) throw new Error(`The what-if tables hold no ${name}`);
    }
    this.meta = JSON.parse(new TextDecoder().decode(arrays.meta.data));
    const { format, version } = this.meta;
    if (format !== FORMAT || version !== VERSION) {
      throw new Error(`The what-if tables are of another version (${format} ${version})`);
    }
    for (const name of ARRAYS) this[name] = arrays[name].data;
    [this.segmentCount, this.subsetCount] = arrays.segment_sum.shape;
    this.stemCount = Math.log2(this.subsetCount);
    this.channels = this.max_weight.length;
  }

  /**
   * The model's logit for a mix.
   * @param {ArrayLike<number>} cells 0 or 1, index = segment * stems + stem
   */
  logit(cells) {
    const { channels, subsetCount } = this;
    const subsets = this.subsets(cells);
    const largest = new Float64Array(channels).fill(-Infinity);
    const raise = (table, row) => {
      for (let c = 0; c < channels; c += 1) {
        const value = table[row * channels + c];
        if (value > largest[c]) largest[c] = value;
      }
    };
    let logit = this.meta.bias;
    subsets.forEach((subset, t) => {
      const row = t * subsetCount + subset;
      logit += this.segment_sum[row];
      raise(this.segment_max, row);
      if (t + 1 < subsets.length) {
        const pair = row * subsetCount + subsets[t + 1];
        logit += this.boundary_sum[pair];
        raise(this.boundary_max, pair);
      }
    });
    for (let c = 0; c < channels; c += 1) logit += this.max_weight[c] * largest[c];
    return logit;
  }

  /** The relevance: the logit after the sigmoid, in [0, 1]. */
  relevance(cells) {
    return 1 / (1 + Math.exp(-this.logit(cells)));
  }

  /** Which stems sound in each segment, as a number with stem s at bit s. */
  subsets(cells) {
    if (cells.length !== this.segmentCount * this.stemCount) {
      const size = `${this.segmentCount} segments of ${this.stemCount} stems`;
      throw new Error(`the tables are for ${size}`);
    }
    return Array.from({ length: this.segmentCount }, (_, t) => {
      let subset = 0;
      for (let s = 0; s < this.stemCount; s += 1) {
        if (cells[t * this.stemCount + s]) subset |= 1 << s;
      }
      return subset;
    });
  }
}
