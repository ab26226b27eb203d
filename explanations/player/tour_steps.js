// The steps of the guided half minute: what each presses, and what it says of the explanation.

/**
 * @typedef {{press: () => (Element|null)[], say: () => string, at?: number}} Step
 *   press: does something by the mixer's own controls, and returns those; say: a sentence on what
 *   is heard then; at: the column that is played
 */

/**
 * The steps for the explanation that a mixer shows; without a part that counts there are two.
 * @param {import("./mixer.js").Mixer} mixer with tables
 * @returns {Step[]}
 */
export function tourSteps(mixer) {
  const { state } = mixer;
  const [best] = state.strongest(1);
  const [worst] = state.strongest(-1);
  const steps = [whole(mixer, best ?? worst)];
  if (best !== undefined) {
    const isCell = state.rows.length > 1 && state.columns.length > 1;
    if (isCell) steps.push(without(mixer, best)); // otherwise to mute it is the same
    steps.push(...alone(mixer, best));
  }
  steps.push(together(mixer));
  if (worst !== undefined) steps.push(against(mixer, worst));
  steps.push(silence(mixer));
  return steps.filter(Boolean);
}

function whole(mixer, best) {
  const name = mixer.gauges.listener();
  const to = name && ` to ${name}`;
  return {
    at: best === undefined ? 0 : mixer.state.place(best)[1],
    press: () => mixer.presets.press("All"),
    say: () => `This is the whole track. The model says that its relevance${to} is ${said(mixer)}.`,
  };
}

function without(mixer, index) {
  const cell = cellOf(mixer, index);
  return {
    at: mixer.state.place(index)[1],
    press: () => [...mixer.presets.press("All"), ...click(cell)],
    say: () => `Now without ${spoken(mixer, index)}, the strongest part: ${change(mixer)}.`,
  };
}

/** Only the stem of a component, or its moment where there is one row; then all but that. */
function alone(mixer, index) {
  const [row, column] = mixer.state.place(index);
  const byRow = mixer.state.rows.length > 1;
  const tools = byRow ? mixer.grid.rowTools[row] : mixer.grid.columnTools[column];
  if (tools.length === 0) return [];
  const [solo, mute] = tools;
  const name = byRow ? `the ${mixer.words.rowNames[row]}` : mixer.words.columnNames[column];
  const step = (tool, words) => ({
    at: column,
    press: () => {
      if (!byRow) mixer.grid.choose(column); // where its switches are below the map
      return [...mixer.presets.press("All"), ...click(tool)];
    },
    say: () => `${words} ${name}: ${change(mixer)}.`,
  });
  return [step(solo, "S is for solo. Only"), step(mute, "M is for mute. Everything but")];
}

/** The strongest pair by itself, or the three strongest parts. */
function together(mixer) {
  const [pair] = mixer.data.pairs ?? [];
  if (pair) {
    return {
      press: () => mixer.pairs.press(0),
      say: () => `${pair.words} The two by themselves: ${said(mixer)}.`,
    };
  }
  return mixer.presets.has("Top 3") && {
    press: () => mixer.presets.press("Top 3"),
    say: () => `Just the three strongest parts: ${said(mixer)}.`,
  };
}

function against(mixer, index) {
  return {
    at: mixer.state.place(index)[1],
    press: () => [...mixer.presets.press("All"), ...click(cellOf(mixer, index))],
    say: () => `${capital(spoken(mixer, index))}: this part speaks against it. ` +
      `Without it ${change(mixer)}.`,
  };
}

function silence(mixer) {
  return {
    press: () => [...mixer.presets.press("All"), mixer.gauges.large.element],
    say: () => `The dashed mark is what the model says of silence, ${nothing(mixer)}; ` +
      "the other one is the whole track. What lies between is what the parts do.",
  };
}

// -- words and numbers --------------------------------------------------------------------------

/** "the drums at 6–12 s", "the drums" of one column, "6–12 s" of one row. */
function spoken(mixer, index) {
  const [row, column] = mixer.state.place(index);
  const { rowNames, columnNames } = mixer.words;
  if (rowNames.length === 1) return columnNames[column];
  const stem = `the ${rowNames[row]}`;
  return columnNames.length === 1 ? stem : `${stem} at ${columnNames[column]}`;
}

/** What the gauge shows. */
function said(mixer) {
  return mixer.gauges.large.value.textContent;
}

/** "0.86 falls to 0.61", by what the gauge shows now and showed of everything. */
function change(mixer) {
  const before = mixer.gauges.everything.toFixed(2);
  const after = said(mixer);
  if (before === after) return `the relevance stays at ${after}`;
  return `the relevance ${Number(after) < Number(before) ? "falls" : "rises"} from ${before} to ${after}`;
}

function nothing(mixer) {
  return mixer.gauges.nothing.toFixed(2);
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

// -- controls -----------------------------------------------------------------------------------

function cellOf(mixer, index) {
  const [row, column] = mixer.state.place(index);
  return mixer.grid.cells[row][column];
}

function click(element) {
  element.click();
  return [element];
}
