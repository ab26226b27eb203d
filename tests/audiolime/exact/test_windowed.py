"""The engine of windowed models against composing, cutting and scoring every mask by itself."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiolime.exact import LinearHead, Tables, WindowedEngine
from audiolime.exact.all_masks import Levels
from audiolime.exact.lime import fit_sampled
from audiolime.neighbourhood import exhaustive_masks
from lemons_audio import sigmoid
from lemons_utils import ParameterError


def loudness(waveforms):
    """Three outputs in float64: none is linear in the waveform."""
    x = np.asarray(waveforms, np.float64)
    ramp = np.linspace(-1, 1, x.shape[1])
    return np.stack([np.square(x).mean(1), np.abs(x).max(1), np.tanh(x @ ramp)], axis=1)


def one_loudness(waveforms):
    return 30 * loudness(waveforms)[:, 0] - 1


def composed(stems, segments, mask):
    waveform = np.zeros(stems.shape[1], np.float32)
    for (start, end), on in zip(segments, mask.reshape(len(segments), -1), strict=True):
        waveform[start:end] = stems[on == 1, start:end].sum(axis=0)
    return waveform


def cut(waveform, segments, window, hop, pad, align):
    """Cut windows one after the other, as the docstring of the engine says."""
    heard = []
    for first, last in segments if align else [(0, len(waveform))]:
        start, covered = first, first
        while start + window <= last:
            heard.append(waveform[start : start + window])
            covered, start = start + window, start + hop
        if pad and covered < last and start < last:
            rest = waveform[start:last]
            heard.append(np.pad(rest, (0, window - len(rest))))
    return np.array(heard)


def plain(score, stems, segments, masks, *, window, hop, pooling="mean", head=None, pad=False,
          align=False):  # fmt: skip
    pool = np.mean if pooling == "mean" else np.max
    pooled = np.stack([
        pool(np.atleast_2d(score(cut(composed(stems, segments, mask), segments, window, hop, pad,
                                     align)).T).T, axis=0)
        for mask in masks
    ])  # fmt: skip
    return pooled[:, 0] if head is None else head(pooled)


@st.composite
def tracks(draw):
    """Stems with silences, segments of any length, windows that divide nothing."""
    n_stems, n_segments = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(5, 60), min_size=n_segments, max_size=n_segments))
    edges = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    stems = np.random.default_rng(draw(st.integers(0, 99))).normal(0, 0.2, (n_stems, edges[-1]))
    start = draw(st.integers(0, edges[-1]))
    stems[draw(st.integers(0, n_stems - 1)), start : start + draw(st.integers(0, 80))] = 0
    options = {
        "window": draw(st.integers(1, min(edges[-1], 50))),
        "hop": draw(st.integers(1, 40)),
        "pooling": draw(st.sampled_from(["mean", "max"])),
        "pad": draw(st.booleans()),
        "align": draw(st.booleans()),
    }
    if options["align"] and not options["pad"]:
        options["window"] = min(options["window"], max(lengths))
    return stems.astype(np.float32), list(itertools.pairwise(edges)), options


HEADS = {
    "linear": LinearHead(np.array([2.0, -1.0, 0.5]), 0.25),
    "any": lambda pooled: np.tanh(pooled[:, 0] - pooled[:, 1] * pooled[:, 2]),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tracks(), st.sampled_from(sorted(HEADS)), st.integers(0, 99))
def test_every_mask_is_what_the_plain_way_says(track, head, seed):
    stems, segments, options = track
    engine = WindowedEngine(
        loudness, stems, segments, head=HEADS[head], batch_size=1 + seed % 9, **options
    )
    masks = np.random.default_rng(seed).integers(0, 2, (20, engine.n_components))
    masks[0], masks[1] = 1, 0
    expected = plain(loudness, stems, segments, masks, head=HEADS[head], **options)
    cost = engine.cost(masks)
    assert np.abs(engine.evaluate(masks) - expected).max() <= 1e-12
    assert cost.calls <= cost.plain_calls
    assert engine.cost(masks).calls == 0
    if engine.closed and head == "linear":
        assert np.abs(engine.tables().evaluate(masks) - expected).max() <= 1e-6


@pytest.fixture
def track(random_stems, segments_at):
    return random_stems(3, 1500), segments_at(1500, [310, 640, 1000, 1250])


def counting(score):
    calls = []

    def counted(waveforms):
        calls.append(len(waveforms))
        return score(waveforms)

    return counted, calls


def test_a_network_in_float32(track):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv1d(1, 8, 16, stride=4), torch.nn.ReLU(), torch.nn.AdaptiveMaxPool1d(1),
        torch.nn.Flatten(), torch.nn.Linear(8, 1),
    ).eval()  # fmt: skip

    @torch.inference_mode()
    def score(waveforms):
        return layers(torch.from_numpy(waveforms)[:, None])

    engine = WindowedEngine(score, *track, window=100, hop=30)
    masks = np.random.default_rng(1).integers(0, 2, (50, 15))
    expected = plain(lambda heard: score(heard).numpy(), *track, masks, window=100, hop=30)
    assert np.abs(engine.evaluate(masks) - expected).max() <= 1e-5


@pytest.mark.parametrize("head", ["linear", "any"])
def test_all_masks_of_time_and_source(head, track):
    """15 components: more than are listed one by one."""
    engine = WindowedEngine(loudness, *track, window=90, hop=50, head=HEADS[head], pooling="max")
    masks = exhaustive_masks(15)
    values = sigmoid(engine.evaluate(masks))
    expected = Levels.of(masks, values)
    found = engine.levels()
    assert np.allclose(found.with_pair, expected.with_pair, rtol=1e-6, atol=1e-5)
    fitted = fit_sampled(masks, values, kernel_width=0.25, alpha=1.0, order=2)
    assert np.allclose(engine.lime(order=2).pairs, fitted.pairs, atol=1e-6)
    assert engine.shapley().sum() == pytest.approx(found.everything - found.nothing)


def test_tables_are_read_back_and_answer_the_same(tmp_path, track):
    engine = WindowedEngine(one_loudness, *track, window=90, hop=50)
    engine.tables().write(tmp_path / "tables.npz", model="any")
    tables = Tables.read(tmp_path / "tables.npz")
    masks = np.random.default_rng(2).integers(0, 2, (50, 15))
    assert np.abs(tables.evaluate(masks) - engine.evaluate(masks)).max() <= 1e-6
    assert np.abs(tables.lime().weights - engine.lime().weights).max() <= 1e-6
    for kind in ("time", "source"):
        assert np.allclose(tables.shapley(kind), engine.shapley(kind), atol=1e-6)


def test_each_different_window_is_heard_once(track):
    score, calls = counting(one_loudness)
    steps = []
    engine = WindowedEngine(
        score, *track, window=90, hop=30, batch_size=8,
        on_progress=lambda step, share: steps.append((step, share)),
    )  # fmt: skip
    cost = engine.cost()
    assert not calls and cost.plain_calls == 2**15 * len(engine.windows) == 2**15 * 48
    engine.lime()
    assert sum(calls) == cost.calls < 8**2 * 48
    assert max(calls) == 8
    assert steps[-1] == ("windows", 1.0) and len(steps) == len(calls)
    engine.shapley(output="logit")
    engine.evaluate(np.ones((1, 15)))
    assert sum(calls) == cost.calls and engine.cost().calls == 0


def test_silence_is_heard_once_and_silent_stems_do_not_count(track):
    stems, segments = track
    silent = np.concatenate([stems[:1], np.zeros_like(stems[:2])])
    score, calls = counting(one_loudness)
    WindowedEngine(score, silent, segments, window=90, hop=30).tables()
    alone, fewer = counting(one_loudness)
    WindowedEngine(alone, stems[:1], segments, window=90, hop=30).tables()
    assert sum(calls) == sum(fewer)


def test_aligned_windows_see_one_segment(track):
    engine = WindowedEngine(one_loudness, *track, window=90, hop=30, align=True)
    assert all(window.low == window.high for window in engine.windows)
    assert engine.cost().calls == len(engine.windows) * 7 + 1
    assert not engine.tables().boundary_sum.any()


def test_a_killed_process_goes_on_from_its_journal(tmp_path, track):
    class Killed(Exception):
        pass

    def stop(step, share):
        if share > 0.5:
            raise Killed

    options = {"window": 90, "hop": 30, "journal": tmp_path / "outputs.jsonl", "batch_size": 16}
    score, calls = counting(one_loudness)
    with pytest.raises(Killed):
        WindowedEngine(score, *track, on_progress=stop, **options).tables()
    again, more = counting(one_loudness)
    engine = WindowedEngine(again, *track, **options)
    assert engine.cost().calls > 0
    engine.tables()
    whole = WindowedEngine(one_loudness, *track, window=90, hop=30)
    assert sum(calls) + sum(more) == whole.cost().calls
    masks = np.random.default_rng(3).integers(0, 2, (30, 15))
    assert np.array_equal(engine.evaluate(masks), whole.evaluate(masks))
    other = WindowedEngine(again, 0.5 * track[0], track[1], **options)
    fresh = WindowedEngine(one_loudness, *track, window=90, hop=30)
    assert other.cost() == fresh.cost()  # another track's outputs are not taken


def test_short_segments_are_sampled(random_stems, segments_at):
    stems, segments = random_stems(2, 600), segments_at(600, [100, 130, 160, 200, 300, 330, 360])
    engine = WindowedEngine(one_loudness, stems, segments, window=90, hop=45)
    assert not engine.closed
    masks = np.random.default_rng(0).integers(0, 2, (30, 16))
    expected = plain(lambda x: one_loudness(x)[:, None], stems, segments, masks, window=90, hop=45)
    assert np.abs(engine.evaluate(masks) - expected).max() <= 1e-12
    assert engine.lime(50, random_state=0).weights.shape == (16,)
    with pytest.raises(ParameterError, match="a window sees three segments"):
        engine.tables()


def test_mistakes_are_told(track):
    stems, segments = track

    def engine(score=one_loudness, **changes):
        return WindowedEngine(score, stems, segments, **{"window": 90, "hop": 30, **changes})

    with pytest.raises(ParameterError, match="no whole window of 2,000 samples fits in 1,500"):
        engine(window=2000)
    with pytest.raises(ParameterError, match="no whole window of 400 samples fits in any segment"):
        engine(window=400, align=True)
    with pytest.raises(ParameterError, match=r"hop must be a number of samples above 0, got 0\.5"):
        engine(hop=0.5)
    with pytest.raises(ParameterError, match="pooling must be one of mean, max, got 'sum'"):
        engine(pooling="sum")
    with pytest.raises(ParameterError, match="batch_size must be above 0"):
        engine(batch_size=0)
    with pytest.raises(ParameterError, match="stems must be float32"):
        WindowedEngine(one_loudness, stems.astype(np.float64), segments, window=90, hop=30)
    ones = np.ones((1, 15))
    with pytest.raises(ParameterError, match=r"returns 3 outputs: .* head=LinearHead.of_output"):
        engine(loudness).evaluate(ones)
    with pytest.raises(ParameterError, match="score must return one row of outputs for each of"):
        engine(lambda heard: heard[:1]).evaluate(ones)
    with pytest.raises(ParameterError, match="score must return finite numbers"):
        engine(lambda heard: np.nan * heard[:, 0]).evaluate(ones)
    with pytest.raises(ParameterError, match="head must return one finite number for each"):
        engine(loudness, head=lambda pooled: pooled).evaluate(ones)
    with pytest.raises(ParameterError, match="tables hold linear heads only"):
        engine(loudness, head=HEADS["any"]).tables()
    with pytest.raises(ParameterError, match="masks must hold 0 and 1 only"):
        engine().evaluate(2 * ones)
    with pytest.raises(ParameterError, match="outputs are numbered 0 to 2, got 3"):
        LinearHead.of_output(3, 3)
    sizes = itertools.cycle([1, 2])
    with pytest.raises(ParameterError, match="as many outputs, got 1 and then 2"):
        engine(lambda heard: np.zeros((len(heard), next(sizes))), batch_size=1).evaluate(ones)
