// The exact engine's tables: the model's true relevance for any mask, in a few microseconds.
//
// The head of the network adds up sums over time and takes maxima over time. Every column of
// the last feature map belongs to a segment (it depends on which stems sound in that segment)
// or to a boundary (it depends on the stems left and right of it). So a mask is a look-up per
// segment and per boundary, joined by additions and comparisons.
//
// Tables of one listener hold one sum a state, weighted by the head. Those of a trunk hold sums
// along directions, and the head of each of its listeners weighs them: all are answered at once.
// audiolime/exact/tables.py and trunk_tables.py derive this and write the files; `evaluate` there
// is the same in NumPy, and a test holds the two together.

const OWN = "lemons-tables";
const TRUNK = "lemons-trunk-tables";
const VERSION = 1;
const ARRAYS = ["segment_sum", "boundary_sum", "segment_max", "boundary_max"];

/** Tables of a track, for one listener or for the listeners of a trunk. */
export class ExactTables {
  /**
   * @param {Object<string, {shape: number[], data: ArrayLike<number>}>} arrays from readNpz
   * @param {{name: string, weights: number[], max_weights: number[], bias: number}[]} [heads]
   *   of the trunk's listeners; tables of one listener have their own
   * @param {string} [listener] whose head `logit` and `relevance` speak for
   */
  constructor(arrays, heads = [], listener = heads[0]?.name) {
    const hold = (name) => {
      if (!arrays[name]) throw new Error(`The what-if tables hold no ${name}`);
    };
    ["meta", ...ARRAYS].forEach(hold);
    this.meta = JSON.parse(new TextDecoder().decode(arrays.meta.data));
    const { format, version, bias } = this.meta;
    if (![OWN, TRUNK].includes(format) || version !== VERSION) {
      throw new Error(`The what-if tables are of another version (${format} ${version})`);
    }
    for (const name of ARRAYS) this[name] = arrays[name].data;
    [this.segmentCount, this.subsetCount, this.directions = 1] = arrays.segment_sum.shape;
    this.stemCount = Math.log2(this.subsetCount);
    this.cellCount = this.segmentCount * this.stemCount;
    this.channels = arrays.segment_max.shape[2];
    if (format === OWN) {
      hold("max_weight");
      heads = [{ name: listener, weights: [1], max_weights: arrays.max_weight.data, bias }];
    }
    for (const { name, weights, max_weights } of heads) {
      if (weights.length !== this.directions || max_weights.length !== this.channels) {
        throw new Error(`The what-if tables belong to another trunk than ${name}'s head`);
      }
    }
    this.heads = heads;
    this.choose(listener);
  }

  /** Choose the listener whose head `logit` and `relevance` speak for. */
  choose(listener) {
    const head = this.heads.find(({ name }) => name === listener);
    if (!head) throw new Error("The what-if tables lack the head of the listener");
    this.head = head;
  }

  /**
   * What the heads weigh of a mix: sums along every direction, maxima of every channel.
   * @param {ArrayLike<number>} cells 0 or 1, index = segment * stems + stem
   */
  pooled(cells) {
    const { directions, channels, subsetCount } = this;
    const subsets = this.subsets(cells);
    const sums = new Float64Array(directions);
    const largest = new Float64Array(channels).fill(-Infinity);
    const take = (sumTable, maxTable, row) => {
      for (let d = 0; d < directions; d += 1) sums[d] += sumTable[row * directions + d];
      for (let c = 0; c < channels; c += 1) {
        const value = maxTable[row * channels + c];
        if (value > largest[c]) largest[c] = value;
      }
    };
    subsets.forEach((subset, t) => {
      const row = t * subsetCount + subset;
      take(this.segment_sum, this.segment_max, row);
      if (t + 1 < subsets.length) {
        take(this.boundary_sum, this.boundary_max, row * subsetCount + subsets[t + 1]);
      }
    });
    return { sums, largest };
  }

  /** The model's logit for a mix. */
  logit(cells) {
    return logit(this.head, this.pooled(cells));
  }

  /** The relevance: the logit after the sigmoid, in [0, 1]. */
  relevance(cells) {
    return sigmoid(this.logit(cells));
  }

  /** The relevance to every listener, in the order of the heads. */
  relevances(cells) {
    const pooled = this.pooled(cells);
    return this.heads.map((head) => sigmoid(logit(head, pooled)));
  }

  /** Which stems sound in each segment, as a number with stem s at bit s. */
  subsets(cells) {
    if (cells.length !== this.cellCount) {
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

function logit({ weights, max_weights, bias }, { sums, largest }) {
  let total = bias;
  for (let d = 0; d < sums.length; d += 1) total += weights[d] * sums[d];
  for (let c = 0; c < largest.length; c += 1) total += max_weights[c] * largest[c];
  return total;
}

function sigmoid(value) {
  return 1 / (1 + Math.exp(-value));
}
