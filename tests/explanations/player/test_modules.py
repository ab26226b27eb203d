"""The player's modules one by one, in Chromium: numbers and sound against NumPy."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from explanations.explain import playback
from explanations.player import HeadData, encode_mask, heads_json
from explanations.player.bundle import script
from explanations.store import Explanation, Request

pytestmark = pytest.mark.browser

SAMPLE_RATE = 16_000


def test_npz_is_read_as_numpy_wrote_it(blank: Page, band: Any) -> None:
    rng = np.random.default_rng(3)
    arrays = {
        "single": rng.normal(size=(2, 3, 4)).astype(np.float32),
        "double": rng.normal(size=7),
        "bytes": rng.integers(0, 255, 11).astype(np.uint8),
        "short": rng.integers(-999, 999, (5, 1)).astype(np.int16),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "scalar": np.array(1.5),
    }
    for save in (np.savez, np.savez_compressed):
        save(band.folder / "arrays.npz", **arrays)
        read = blank.evaluate("""async () => {
            const { readNpz } = await import("/player/npz.js");
            const file = await fetch("/audio/marble%20rain/arrays.npz", { cache: "no-store" });
            const arrays = await readNpz(await file.arrayBuffer());
            return Object.entries(arrays).map(([k, a]) => [k, a.shape, Array.from(a.data)]);
        }""")
        assert {name for name, _, _ in read} == set(arrays)
        for name, shape, values in read:
            assert tuple(shape) == arrays[name].shape
            np.testing.assert_array_equal(np.array(values), arrays[name].ravel())


@pytest.mark.parametrize("name", ["strings", "fortran", "text"])
def test_other_files_are_refused_in_words(blank: Page, band: Any, name: str) -> None:
    path = band.folder / f"{name}.npz"
    if name == "text":
        path.write_text("no archive at all, but long enough to be one")
    else:
        wrong = {"strings": np.array(["a"]), "fortran": np.asfortranarray(np.zeros((2, 3)))}
        np.savez(path, wrong=wrong[name])
    said = blank.evaluate(
        """async (url) => {
            const { loadArrays } = await import("/player/load.js");
            return loadArrays({ url }, "tables").then(() => "", (error) => error.message);
        }""",
        f"/audio/marble%20rain/{name}.npz",
    )
    expected = "not an .npz archive" if name == "text" else "no plain array of numbers"
    assert expected in said


@pytest.mark.parametrize("channels", [64, 0])  # a head on statistics takes no maxima
@pytest.mark.parametrize(("n_segments", "n_stems"), [(5, 5), (1, 3), (7, 1), (3, 6)])
def test_tables_say_what_the_engine_says(
    blank: Page,
    band: Any,
    make_tables: Callable[..., Any],
    n_segments: int,
    n_stems: int,
    channels: int,
) -> None:
    rng = np.random.default_rng(n_segments)
    tables = make_tables(rng, n_segments, n_stems, channels)
    tables.write(band.folder / "other.npz")
    masks = rng.integers(0, 2, (200, tables.n_components))
    masks[0], masks[1] = 1, 0
    answers = blank.evaluate(
        """async (masks) => {
            const [{ loadArrays }, { ExactTables }] = await Promise.all(
              ["load", "tables"].map((name) => import(`/player/${name}.js`)));
            const url = `/audio/marble%20rain/other.npz?${Math.random()}`;
            const tables = new ExactTables(await loadArrays({ url }, "tables"));
            return masks.map((mask) => [tables.logit(mask), tables.relevance(mask)]);
        }""",
        masks.tolist(),
    )
    expected = tables.evaluate(masks)
    np.testing.assert_allclose([logit for logit, _ in answers], expected, rtol=0, atol=1e-6)
    expected = 1 / (1 + np.exp(-expected))
    np.testing.assert_allclose([value for _, value in answers], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("channels", [0, 3])
@pytest.mark.parametrize(("n_segments", "n_stems", "n_directions"), [(5, 5, 128), (1, 3, 7)])
def test_a_trunks_tables_answer_every_head(
    blank: Page,
    band: Any,
    make_trunk_tables: Callable[..., Any],
    n_segments: int,
    n_stems: int,
    n_directions: int,
    channels: int,
) -> None:
    rng = np.random.default_rng(n_segments)
    trunk = make_trunk_tables(rng, n_segments, n_stems, n_directions, channels)
    trunk.write(band.folder / "trunk.npz")
    heads = [
        HeadData(name, tuple(rng.normal(size=n_directions)), 0.1, tuple(rng.random(channels)))
        for name in ("anna", "bert", "carl")
    ]
    (band.folder / "heads.json").write_text(heads_json(heads))
    masks = rng.integers(0, 2, (50, n_segments * n_stems))
    answers = blank.evaluate(
        """async (masks) => {
            const [{ loadArrays, loadHeads }, { ExactTables }] = await Promise.all(
              ["load", "tables"].map((name) => import(`/player/${name}.js`)));
            const at = (name) => ({ url: `/audio/marble%20rain/${name}?${Math.random()}` });
            const heads = await loadHeads(at("heads.json"), "heads");
            const tables = new ExactTables(await loadArrays(at("trunk.npz"), "t"), heads, "bert");
            return masks.map((mask) => [tables.relevance(mask), ...tables.relevances(mask)]);
        }""",
        masks.tolist(),
    )
    for number, head in enumerate(heads):
        own = trunk.of_head(head.weights, head.max_weights, head.bias)
        expected = 1 / (1 + np.exp(-own.evaluate(masks)))
        found = [values[1 + number] for values in answers]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
        if head.name == "bert":
            np.testing.assert_array_equal(found, [values[0] for values in answers])


def test_heads_that_do_not_fit_are_told(blank: Page, band: Any, make_trunk_tables: Any) -> None:
    make_trunk_tables(np.random.default_rng(0), 2, 2, 5, 0).write(band.folder / "trunk.npz")
    (band.folder / "text.json").write_text("no heads")
    said = blank.evaluate("""async () => {
        const [{ loadArrays, loadHeads }, { ExactTables }] = await Promise.all(
          ["load", "tables"].map((name) => import(`/player/${name}.js`)));
        const at = (name) => ({ url: `/audio/marble%20rain/${name}?${Math.random()}` });
        const arrays = await loadArrays(at("trunk.npz"), "tables");
        const head = (count) => ({
          name: "anna", weights: Array(count).fill(0), max_weights: [], bias: 0,
        });
        const said = [];
        for (const make of [
          () => new ExactTables(arrays, [head(4)], "anna"),
          () => new ExactTables(arrays, [head(5)], "bert"),
          () => new ExactTables(arrays),
          () => loadHeads(at("text.json"), "The heads"),
        ]) {
          try { await make(); } catch (error) { said.push(error.message); }
        }
        return said;
    }""")
    assert said == [
        "The what-if tables belong to another trunk than anna's head",
        "The what-if tables lack the head of the listener",
        "The what-if tables lack the head of the listener",
        "The heads are of another version",
    ]


def test_tables_of_another_kind_are_refused(blank: Page, band: Any) -> None:
    said = blank.evaluate("""async () => {
        const { ExactTables } = await import("/player/tables.js");
        const array = (data) => ({ shape: [data.length], data });
        const names = ["segment_sum", "boundary_sum", "segment_max", "boundary_max", "max_weight"];
        const arrays = Object.fromEntries(names.map((name) => [name, array([0])]));
        const said = [];
        for (const meta of [null, { format: "lemons-tables", version: 99 }, { format: "x" }]) {
          const text = new TextEncoder().encode(JSON.stringify(meta ?? {}));
          try { new ExactTables(meta ? { ...arrays, meta: array(text) } : arrays); }
          catch (error) { said.push(error.message); }
        }
        return said;
    }""")
    assert [line.split("(")[0].strip() for line in said] == [
        "The what-if tables hold no meta",
        "The what-if tables are of another version",
        "The what-if tables are of another version",
    ]


def test_masks_are_written_as_python_writes_them(blank: Page) -> None:
    rng = np.random.default_rng(5)
    masks = [rng.integers(0, 2, n).tolist() for n in (*range(1, 12), 25, 64, 101)]
    texts, read = blank.evaluate(
        """async (masks) => {
            const { encodeMask, decodeMask } = await import("/player/state.js");
            const texts = masks.map(encodeMask);
            return [texts, texts.map((text, i) => Array.from(decodeMask(text, masks[i].length)))];
        }""",
        masks,
    )
    assert texts == [encode_mask(mask) for mask in masks]
    assert read == masks
    refused = blank.evaluate("""async () => {
        const { decodeMask } = await import("/player/state.js");
        return [["ff", 25], ["zz", 8], ["", 4], ["ff", 7], ["FF", 8]].map((a) => decodeMask(...a));
    }""")
    assert refused == [None] * 5


def explanation(type_: str, band: Any, weights: list[float]) -> Explanation:
    request = Request(type_, band.data.segments, "exact", 1, 0, "truth", "1", "", "")
    names = tuple(str(i) for i in range(len(weights)))
    return Explanation(
        request, band.data.stem_names, names, tuple(weights), 0.0, 1.0, 0.5, None, "1"
    )


@pytest.mark.parametrize("type_", ["time", "source", "time_source"])
def test_presets_and_cells_are_those_of_the_explanation(blank: Page, band: Any, type_: str) -> None:
    data = (band.data if type_ == "time_source" else band.of_type(type_)).to_json()
    weights = [round(w, 1) for w in data["weights"]]  # rounded, so that there are ties
    presets = blank.evaluate(
        """async (data) => {
            const { MixState } = await import("/player/state.js");
            const state = new MixState(data);
            return state.presets().map(({ label, mask }) => {
              if (mask) state.set(mask);
              return [label, mask && Array.from(mask), Array.from(state.cells())];
            });
        }""",
        {**data, "weights": weights},
    )
    told = explanation(type_, band, weights)
    everything = list(range(len(weights)))
    expected = {
        "All": everything,
        "Top 1": told.top(1),
        "Top 3": told.top(3),
        "Without top 3": [i for i in everything if i not in told.top(3)],
        "Only against": told.against(len(weights)),
        "Vocals only": [i for i in everything if i % len(band.data.stem_names) == 0],
    }
    if type_ == "time":
        del expected["Vocals only"]
    assert [label for label, _, _ in presets] == list(expected)
    for label, mask, cells in presets:
        assert np.flatnonzero(mask).tolist() == sorted(expected[label])
        np.testing.assert_array_equal(cells, told.grid(expected[label]).astype(int).ravel())


def test_silent_cells_are_no_part_that_sounds(blank: Page, band: Any) -> None:
    found = blank.evaluate(
        """async (data) => {
            const { MixState } = await import("/player/state.js");
            const state = new MixState(data);
            const whole = state.stretches();
            const stems = data.stems.map(() => new Float32Array(160000));
            stems[2].fill(0.5, 100000, 110000); // drums, in the fourth segment
            stems[1].fill(0.5); // piano
            state.listen(stems);
            state.flip("mute", "row", 1);
            return [whole, state.stretches(), state.sounding(0)];
        }""",
        band.data.to_json(),
    )
    assert found == [[[0, 160_000]], [[96_000, 130_001]], 96_000]


def test_presets_that_mean_nothing_are_not_offered(blank: Page, band: Any) -> None:
    for sign, missing in ((-1, ["Top 1", "Top 3", "Without top 3"]), (1, ["Only against"])):
        data = {**band.data.to_json(), "weights": [sign * abs(w) for w in band.data.weights]}
        presets = blank.evaluate(
            """async (data) => {
                const { MixState } = await import("/player/state.js");
                return new MixState(data).presets();
            }""",
            data,
        )
        assert [p["label"] for p in presets if p["mask"] is None] == missing


# The whole mix at once, by the gains that the mixer plays it with.
RENDER = """async ({ data, masks }) => {
    const [{ loadAudio }, { FADE_S, gainPoints }] = await Promise.all(
      ["load", "gains"].map((name) => import(`/player/${name}.js`)));
    const rate = data.sample_rate;
    const renderMix = async (buffers, cells, segments) => {
      const context = new OfflineAudioContext(1, segments.at(-1)[1], rate);
      buffers.forEach((buffer, s) => {
        const source = new AudioBufferSourceNode(context, { buffer });
        const gain = new GainNode(context);
        const on = segments.map((_, t) => cells[t * buffers.length + s]);
        const [first, ...rest] = gainPoints(on, segments, Math.round(FADE_S * rate));
        gain.gain.setValueAtTime(first[1], 0);
        for (const [at, value] of rest) gain.gain.linearRampToValueAtTime(value, at / rate);
        source.connect(gain).connect(context.destination);
        source.start();
      });
      return (await context.startRendering()).getChannelData(0);
    };
    const stems = await Promise.all(data.stems.map((stem) => loadAudio(stem, stem.name, rate)));
    const mixes = [];
    for (const mask of masks) {
      const mix = await renderMix(stems, mask, data.segments);
      mixes.push(new Uint8Array(mix.buffer).toBase64());
    }
    return mixes;
}"""


def samples(text: str) -> np.ndarray:
    """Audio comes as base64: as a list of numbers it would take seconds."""
    return np.frombuffer(base64.b64decode(text), dtype=np.float32)


def test_the_browser_renders_what_numpy_mixes(blank: Page, band: Any) -> None:
    rng = np.random.default_rng(8)
    shape = (len(band.data.segments), len(band.data.stem_names))
    masks = [np.ones(shape), np.zeros(shape), *rng.integers(0, 2, (4, *shape))]
    masks.append(np.eye(*shape))
    rendered = blank.evaluate(
        RENDER, {"data": band.data.to_json(), "masks": [m.ravel().tolist() for m in masks]}
    )
    for mask, mix in zip(masks, rendered, strict=True):
        expected = playback.mix(band.stems, band.data.segments, mask.astype(bool))
        np.testing.assert_allclose(samples(mix), expected, rtol=0, atol=1e-5)


# Constant stems: what comes out is the gain itself. The engine runs on an offline context that
# stands still at given moments, where a test may switch, seek or loop.
LIVE = """async ({ segments, script, seconds, from = 0, loop = null }) => {
    const { MixPlayer } = await import("/player/audio.js");
    const rate = 16000;
    const context = new OfflineAudioContext(1, seconds * rate, rate);
    const length = segments.at(-1)[1];
    const flat = new AudioBuffer({ length, sampleRate: rate, numberOfChannels: 1 });
    flat.getChannelData(0).fill(0.5);
    const player = new MixPlayer([flat, flat], segments, rate, { context });
    player.playing = true;
    player.loop = loop;
    player.jump(from);
    const positions = [];
    for (const [time, name, ...args] of script) {
      context.suspend(time).then(() => {
        if (name) player[name](...args);
        else { player.queueLoop(); positions.push(player.position()); }
        context.resume();
      });
    }
    const rendered = await context.startRendering();
    return [new Uint8Array(rendered.getChannelData(0).buffer).toBase64(), positions];
}"""
SEGMENTS = [[0, 16_000], [16_000, 32_000], [32_000, 48_000]]
STEEPEST = 1 / 160 + 1e-4  # two stems of 0.5, each fading over 160 samples


def live(blank: Page, script: list[Any], **options: Any) -> tuple[np.ndarray, list[float]]:
    options = {"segments": SEGMENTS, "seconds": 3.2, **options}
    output, positions = blank.evaluate(LIVE, {"script": script, **options})
    return samples(output), positions


def at(output: np.ndarray, seconds: float) -> float:
    return float(output[round(seconds * SAMPLE_RATE)])


def test_switching_while_it_plays_takes_effect_and_does_not_click(blank: Page) -> None:
    off, one, everything = [0] * 6, [1, 0, 1, 0, 0, 1], [1] * 6
    script = [
        [0.504, "setMask", off],
        [0.752, "setMask", everything],
        [0.76, "setMask", one],  # in the middle of a fade
        [0.768, "setMask", off],
        [1.0, "setMask", one],
    ]
    output, _ = live(blank, script)
    assert at(output, 0.5) == pytest.approx(1)  # after the start's 20 ms, both stems
    assert at(output, 0.54) == pytest.approx(0)  # off within 40 ms of the click
    assert at(output, 1.5) == pytest.approx(0.5)  # segment 2: the first stem
    assert at(output, 2.5) == pytest.approx(0.5)  # segment 3: the second
    assert at(output, 3.1) == 0
    beginning = round(0.03 * SAMPLE_RATE)  # the very first attack is kept as it is
    end = round(3.0 * SAMPLE_RATE)
    assert np.abs(np.diff(output[beginning:end])).max() <= STEEPEST


def test_seeking_while_it_plays_is_a_cross_fade(blank: Page) -> None:
    mask = [1, 1, 1, 0, 0, 0]
    script = [
        [0.304, "setMask", mask],
        [0.504, "seek", 1.5],
        [0.704, "seek", 2.5],
        [1.0, "seek", 0],
    ]
    output, positions = live(blank, [*script, [0.6, ""], [0.8, ""], [1.2, ""]])
    assert at(output, 0.45) == pytest.approx(1)
    assert at(output, 0.6) == pytest.approx(0.5)
    assert at(output, 0.8) == pytest.approx(0)
    assert at(output, 1.2) == pytest.approx(1)
    np.testing.assert_allclose(positions, [1.576, 2.576, 0.18], atol=0.01)
    steps = np.abs(np.diff(output[480 : round(1.0 * SAMPLE_RATE)]))
    assert steps.max() <= STEEPEST


def test_a_loop_repeats_its_stretch_without_drift(blank: Page) -> None:
    mask = [1, 1, 1, 0, 1, 1]
    looks = [[t / 125 * 5, ""] for t in range(10, 75)]  # every 40 ms, on the render quantum
    output, positions = live(
        blank, [[0.304, "setMask", mask], *looks], loop=[1.0, 2.0], **{"from": 1.25}
    )
    times = np.array([t for t, _ in looks])
    expected = 1 + (times - 0.02 + 0.25) % 1
    # A loop's seam may fall on either side of a look.
    apart = np.abs(np.array(positions) - expected)
    assert np.minimum(apart, 1 - apart).max() < 0.01
    assert at(output, 2.0) == pytest.approx(0.5)
    assert np.abs(np.diff(output[480:-1])).max() <= STEEPEST


def test_all_modules_in_one_script_work_too(blank: Page) -> None:
    names = blank.evaluate(
        """async (text) => {
            const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
            const module = await import(url);
            return [Object.keys(module), module.default.name];
        }""",
        script(),
    )
    assert names == [["default"], "component"]
    assert "import {" not in script()
