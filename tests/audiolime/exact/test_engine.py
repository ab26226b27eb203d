"""The exact engine against the plain network, on every shape of track, segment and network."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiolime.exact import LocalStateEngine, sweep
from audiolime.exact.local_states import States
from audiolime.neighbourhood import exhaustive_masks
from lemons_utils import ParameterError

TOLERANCE = 1e-5


def masks_for(n_components, seed=0, count=12):
    """All on, all off, some single components, and random ones."""
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 2, (count, n_components))
    masks[0], masks[1] = 1, 0
    for row in masks[2:5]:
        row[:] = 0
        row[rng.integers(n_components)] = 1
    return masks


@pytest.fixture
def check(plain_logits):
    def run(network, stems, segments, masks=None):
        engine = LocalStateEngine(network, stems, segments)
        masks = masks_for(engine.n_components) if masks is None else masks
        expected = plain_logits(network, stems, segments, masks)
        # Where a random network says -75, float32 itself knows the logit to 1e-5 at best.
        allowed = np.maximum(TOLERANCE, 1e-6 * np.abs(expected))
        assert (np.abs(engine.evaluate(masks) - expected) <= allowed).all()
        if engine.closed and engine.n_stems < 5:
            assert (np.abs(engine.tables().evaluate(masks) - expected) <= allowed).all()
            assert (np.abs(engine.evaluate(masks) - expected) <= allowed).all()
        return engine

    return run


POOLS = ["max 2", "mean 2", "max 3, overlapping", "mean 3, overlapping", "none"]


@st.composite
def cases(draw):
    n_fft = draw(st.sampled_from([32, 64]))
    hop = draw(st.sampled_from([n_fft // 2, n_fft // 4, n_fft // 2 + 3, n_fft]))
    network = {
        "n_fft": n_fft,
        "hop_length": hop,
        "channels": tuple(draw(st.lists(st.integers(2, 5), min_size=1, max_size=3))),
        "kernel": draw(st.sampled_from([1, 3, 5, (3, 5)])),
        "stride": draw(st.sampled_from([1, 1, 1, 2, (1, 3)])),
        "padding": draw(st.integers(0, 2)),
        "dilation": draw(st.sampled_from([1, 1, 2])),
        "groups": draw(st.sampled_from([1, 1, 2])),
        "pool": draw(
            st.sampled_from(
                ["max 2", "mean 2", "max 3, overlapping", "mean 3, overlapping", "none"]
            )
        ),
        "normalised": draw(st.booleans()),
        "head_statistics": draw(
            st.sampled_from([("mean", "max"), ("max", "mean"), ("mean",), ("max",)])
        ),
        "seed": draw(st.integers(0, 1000)),
    }
    samples = draw(st.integers(n_fft, 120 * n_fft))
    n_segments = draw(st.one_of(st.integers(1, 6), st.integers(1, 64)))
    boundaries = draw(
        st.lists(
            st.one_of(
                st.integers(1, samples - 1),
                st.integers(1, max((samples - 1) // hop, 1)).map(lambda frame: frame * hop),
            ).filter(lambda boundary: 0 < boundary < samples),
            max_size=n_segments - 1,
            unique=True,
        )
    )
    return network, samples, sorted(boundaries), draw(st.integers(1, 6))


def check_case(case, check, small_network, random_stems, segments_at):
    options, samples, boundaries, n_stems = case
    network = small_network(**options)
    stems = random_stems(n_stems, samples, seed=options["seed"])
    if options["seed"] % 3 == 0:
        stems[0, samples // 3 :] = 0
    try:
        network(torch.from_numpy(stems))
    except (RuntimeError, IndexError):  # nothing is left of so short a track
        with pytest.raises(ParameterError, match="too short"):
            check(network, stems, segments_at(samples, boundaries))
    else:
        check(network, stems, segments_at(samples, boundaries))


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
@given(case=cases())
def test_equals_the_plain_network(case, check, small_network, random_stems, segments_at):
    check_case(case, check, small_network, random_stems, segments_at)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=QUIET)
@given(case=cases())
def test_equals_the_plain_network_at_length(case, check, small_network, random_stems, segments_at):
    check_case(case, check, small_network, random_stems, segments_at)


@pytest.mark.parametrize("n_segments", [1, 2, 5, 16, 64])
@pytest.mark.parametrize("n_stems", [1, 6])
def test_any_number_of_segments_and_stems(
    n_segments, n_stems, check, small_network, random_stems, segments_at
):
    samples = 20_011
    boundaries = [samples * t // n_segments for t in range(1, n_segments)]
    stems = random_stems(n_stems, samples)
    check(small_network(channels=(3, 4, 4)), stems, segments_at(samples, boundaries))


@pytest.mark.parametrize("offset", range(-33, 34, 3))
def test_boundary_anywhere_on_the_frame_grid(
    offset, check, small_network, random_stems, segments_at
):
    stems = random_stems(2, 4000)
    check(small_network(), stems, segments_at(4000, [32 * 60 + offset]))


@pytest.mark.parametrize("boundary", [1, 5, 31, 32, 33, 63, 3936, 3967, 3968, 3969, 3995, 3999])
def test_boundary_within_a_window_of_the_ends(
    boundary, check, small_network, random_stems, segments_at
):
    """There the spectra are of the reflected track."""
    stems = random_stems(2, 4000)
    check(small_network(), stems, segments_at(4000, [boundary]))


@pytest.mark.parametrize("frames", range(20, 37))
def test_any_width_loses_what_pooling_drops(
    frames, check, small_network, random_stems, segments_at
):
    samples = 32 * frames + 7
    network = small_network(channels=(3, 3, 3))
    check(network, random_stems(2, samples), segments_at(samples, [samples // 2 + 3]))


def test_segments_shorter_than_a_frame(check, small_network, random_stems, segments_at):
    engine = check(
        small_network(), random_stems(3, 3000), segments_at(3000, [900, 905, 911, 940, 2990])
    )
    assert not engine.closed


def test_another_network(check, small_network, random_stems, segments_at):
    """Other depth, kernel 5, mean pooling only, no maximum in the head."""
    network = small_network(
        channels=(4, 3, 5, 2), kernel=5, padding=2, pool="mean 2", head_statistics=("mean",)
    )
    stems = random_stems(3, 12_000)
    engine = check(network, stems, segments_at(12_000, [4000, 9000]))
    assert engine.tables().max_weight.size == 0


@pytest.mark.parametrize("groups", [2, 4])
def test_convolutions_of_several_groups(groups, check, small_network, random_stems, segments_at):
    network = small_network(channels=(4, 8, 4), groups=groups)
    assert [stage.conv.groups for stage in network.stages] == [1, groups, groups]
    check(network, random_stems(3, 12_000), segments_at(12_000, [4000, 9000]))


def test_groups_of_many_channels(check, small_network, random_stems, segments_at):
    """As many channels a group as are convolved by tiles where there is one group."""
    network = small_network(n_fft=254, hop_length=127, channels=(128, 128), groups=2, pool="none")
    check(network, random_stems(1, 5000), segments_at(5000, [2900]))


# -- the network of this house -----------------------------------------------------------------
def test_golden_relevance(golden_folder, golden_network, plain_logits):
    """What audioLIME v0.0.3 read off the published network, mask by mask."""
    import json

    case = json.loads((golden_folder / "end_to_end.json").read_text())["time"]
    with np.load(golden_folder / "track_10s_stems.npz", allow_pickle=False) as file:
        mix = file["stems"].astype(np.float32).sum(axis=0, keepdims=True) / 32767
    segments = [(32_000 * t, 32_000 * (t + 1)) for t in range(5)]
    logits = LocalStateEngine(golden_network, mix, segments).evaluate(case["neighbourhood"])
    assert np.abs(1 / (1 + np.exp(-logits)) - case["p"]).max() <= 1e-6


@pytest.mark.parametrize("boundary", [100, 256 * 30, 256 * 30 + 77, 20_000, 39_999])
def test_our_network(boundary, check, golden_network, golden_folder, random_stems, segments_at):
    with np.load(golden_folder / "fcn.npz", allow_pickle=False) as file:
        music = file["w7"][:40_000].astype(np.float32) / 32767
    stems = np.stack([music, random_stems(1, 40_000)[0]])
    masks = masks_for(4, count=6)
    check(golden_network, stems, segments_at(40_000, [boundary]), masks)


@pytest.mark.slow
def test_our_network_on_thirty_seconds(check, golden_network, golden_folder, random_stems):
    with np.load(golden_folder / "fcn.npz", allow_pickle=False) as file:
        music = file["w30"].astype(np.float32) / 32767
    stems = np.concatenate([music[None], random_stems(4, len(music))])
    segments = [(96_000 * t, 96_000 * (t + 1)) for t in range(5)]
    masks = np.concatenate([masks_for(25, count=20), np.eye(25, dtype=np.int64)])
    engine = check(golden_network, stems, segments, masks)
    assert np.abs(engine.tables().evaluate(masks) - engine.evaluate(masks)).max() <= TOLERANCE


# -- what makes it fast must not make it wrong -------------------------------------------------
@pytest.mark.parametrize("wrong", ["frames", "convolution", "late"])
def test_a_boundary_one_column_off_is_noticed(
    wrong, monkeypatch, plain_logits, small_network, random_stems, segments_at
):
    network, stems = small_network(), random_stems(2, 8000)
    segments = segments_at(8000, [3210])
    masks = masks_for(4)
    expected = plain_logits(network, stems, segments, masks)
    true_spans, true_widen = sweep.frame_spans, sweep.widen

    def later(spans):
        low, high = spans
        return np.r_[low[:1], low[:-1]], np.r_[high[:1], high[:-1]]

    if wrong == "frames":
        monkeypatch.setattr(sweep, "frame_spans", lambda *a, **k: later(true_spans(*a, **k)))
    elif wrong == "late":
        monkeypatch.setattr(sweep, "widen", lambda spans, window: later(true_widen(spans, window)))
    else:  # a mixed column too few on the right
        monkeypatch.setattr(
            sweep,
            "widen",
            lambda s, w: (np.r_[true_widen(s, w)[0][1:], s[0][-1]], true_widen(s, w)[1]),
        )
    found = LocalStateEngine(network, stems, segments).evaluate(masks)
    assert np.abs(found - expected).max() > 100 * TOLERANCE


def test_every_distinct_state_once(small_network, random_stems, segments_at, monkeypatch):
    """Two segments of two stems: 4 pure states each and 16 mixed ones, however many masks."""
    counts = []

    class Counted(States):
        def count(self, low, high):
            counts.append((low, high, super().count(low, high)))
            return counts[-1][2]

    monkeypatch.setattr("audiolime.exact.engine.States", Counted)
    engine = LocalStateEngine(small_network(), random_stems(2, 4000), segments_at(4000, [2000]))
    engine.evaluate(np.random.default_rng(1).integers(0, 2, (64, 4)))
    assert set(counts) == {(0, 0, 4), (1, 1, 4), (0, 1, 16)}


def test_masks_that_share_states_share_a_sweep(
    small_network, random_stems, segments_at, monkeypatch
):
    """The 64 masks of 6 components hold 16 pairs of subsets at most: 20 at once hold them all."""
    sweeps = []
    true_through = sweep.Sweep.through
    monkeypatch.setattr(sweep.Sweep, "masks_at_once", 20)
    monkeypatch.setattr(
        sweep.Sweep, "through", lambda *given: sweeps.append(1) or true_through(*given)
    )
    masks = exhaustive_masks(6)
    far, near = [2000, 3000], [2000, 2010]
    for boundaries, expected in ((far, 1), (near, 4)):
        sweeps.clear()
        segments = segments_at(5000, boundaries)
        LocalStateEngine(small_network(), random_stems(2, 5000), segments).evaluate(masks)
        assert len(sweeps) == expected


def test_a_silent_stem_is_as_good_as_off(small_network, random_stems, segments_at, check):
    stems = random_stems(3, 6000)
    stems[1, :2000] = 0
    stems[:, 4000:] = 0
    engine = check(small_network(), stems, segments_at(6000, [2000, 4000]))
    on, off = np.ones((1, 9), int), np.ones((1, 9), int)
    off[0, [1, 6, 7, 8]] = 0
    assert engine.evaluate(on) == engine.evaluate(off)


def test_masks_do_not_disturb_each_other(small_network, random_stems, segments_at):
    engine = LocalStateEngine(
        small_network(), random_stems(2, 6000), segments_at(6000, [1000, 1400, 1500, 3000])
    )
    masks = masks_for(10, count=40)
    together = engine.evaluate(masks)
    alone = np.concatenate([engine.evaluate(mask[None]) for mask in masks])
    assert np.abs(together - alone).max() <= TOLERANCE
    assert np.array_equal(engine.evaluate(np.r_[masks, masks]), np.r_[together, together])
    assert engine.evaluate(masks[:0]).shape == (0,)


def test_small_chunks_and_blocks_change_nothing(
    small_network, random_stems, segments_at, monkeypatch
):
    track = random_stems(2, 9000), segments_at(9000, [3000, 3100])
    masks = masks_for(6, count=30)
    expected = LocalStateEngine(small_network(), *track).evaluate(masks)
    monkeypatch.setattr(sweep, "CHUNK_FRAMES", 5)
    monkeypatch.setattr(sweep, "RUN_BYTES", 1)
    monkeypatch.setattr(sweep, "SWEEP_BYTES", 20_000)
    monkeypatch.setattr("audiolime.exact.local_states.BLOCK_BYTES", 1)
    monkeypatch.setattr("audiolime.exact.spectra.BLOCK_BYTES", 1)
    found = LocalStateEngine(small_network(), *track).evaluate(masks)
    assert np.abs(found - expected).max() <= TOLERANCE


def test_bfloat16_stays_near(golden_network, golden_folder, segments_at):
    with np.load(golden_folder / "fcn.npz", allow_pickle=False) as file:
        music = file["w7"][None, :40_000].astype(np.float32) / 32767
    segments = segments_at(40_000, [20_000])
    masks = [[1, 1], [1, 0], [0, 1], [0, 0]]
    exact = LocalStateEngine(golden_network, music, segments)
    near = LocalStateEngine(golden_network, music, segments, dtype=torch.bfloat16)
    error = np.abs(near.evaluate(masks) - exact.evaluate(masks)).max()
    assert 0 < error < 0.05
    assert near.measured_error() == pytest.approx(error)  # 32 masks hold all four
    assert exact.measured_error() == 0
    near.tables()
    assert near.measured_error() == pytest.approx(error, rel=1e-3)


def test_on_a_gpu(gpu, small_network, random_stems, segments_at):
    track = random_stems(3, 9000), segments_at(9000, [3000, 3100, 6000])
    masks = masks_for(12, count=40)
    expected = LocalStateEngine(small_network(), *track).evaluate(masks)
    found = LocalStateEngine(small_network().to(gpu), *track).evaluate(masks)
    assert np.abs(found - expected).max() <= TOLERANCE


# -- mistakes ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([], "at least one segment"),
        ([(0, 2000), (2001, 4000)], "must start at sample 2000"),
        ([(0, 2000), (2000, 2000), (2000, 4000)], "not be empty"),
        ([(0, 2000), (2000, 3999)], "end with the track at sample 4000"),
    ],
)
def test_segments_must_cover_the_track(segments, message, small_network, random_stems):
    with pytest.raises(ParameterError, match=message):
        LocalStateEngine(small_network(), random_stems(2, 4000), segments)


def test_stems_and_network_are_checked(small_network, random_stems):
    stems, segments = random_stems(2, 4000), [(0, 4000)]
    with pytest.raises(ParameterError, match="evaluation mode"):
        LocalStateEngine(small_network().train(), stems, segments)
    with pytest.raises(ParameterError, match="float32"):
        LocalStateEngine(small_network(), stems.astype(np.float64), segments)
    with pytest.raises(ParameterError, match="finite"):
        LocalStateEngine(small_network(), stems * np.float32(np.nan), segments)
    with pytest.raises(ParameterError, match="too short"):
        LocalStateEngine(small_network(channels=(2,) * 5), stems[:, :500], [(0, 500)])
    with pytest.raises(ParameterError, match="to be reflected"):
        LocalStateEngine(small_network(), stems[:, :32], [(0, 32)])


def test_masks_are_checked(small_network, random_stems):
    engine = LocalStateEngine(small_network(), random_stems(2, 4000), [(0, 4000)])
    with pytest.raises(ParameterError, match=r"shape \[n, 2\]"):
        engine.evaluate([[1, 0, 1]])
    with pytest.raises(ParameterError, match="0 and 1"):
        engine.evaluate([[1, 2]])


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("pool", torch.nn.MaxPool2d(2, ceil_mode=True), "ceil_mode"),
        ("pool", torch.nn.LPPool2d(2, 2), "MaxPool2d, AvgPool2d or None"),
        ("pool", torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False), "mean pooling"),
        ("conv", torch.nn.Conv2d(1, 3, 3, padding_mode="reflect"), "zero padding"),
        ("bn", torch.nn.BatchNorm2d(3, track_running_stats=False), "running statistics"),
    ],
)
def test_networks_that_are_not_local_are_refused(
    attribute, value, message, small_network, random_stems
):
    network = small_network(channels=(3,))
    setattr(network.stages[0], attribute, value)
    with pytest.raises(ParameterError, match=message):
        LocalStateEngine(network, random_stems(1, 4000), [(0, 4000)])


# -- long tracks -------------------------------------------------------------------------------
def test_ten_minutes(check, small_network, random_stems, segments_at):
    samples = 16_000 * 600 + 123
    boundaries = [1_000_000, 1_000_100, 4_800_000, 4_900_123, 9_500_000]
    network = small_network(n_fft=512, hop_length=256, channels=(2, 2), pool="max 2")
    masks = np.array([[1] * 12, [0, 1] * 6])
    check(network, random_stems(2, samples), segments_at(samples, boundaries), masks)


TEN_MINUTES = """
import resource, sys
import subprocess
import sys

import numpy as np
from audiolime.exact import LocalStateEngine
from recsys.checkpoint import load_model
from recsys.inference import track_logits
import torch

network, _ = load_model(__import__("pathlib").Path(sys.argv[1]))
samples = 16_000 * 600
rng = np.random.default_rng(0)
stems = rng.standard_normal((5, samples), dtype=np.float32) / 20
segments = [(samples * t // 5, samples * (t + 1) // 5) for t in range(5)]
masks = rng.integers(0, 2, (12, 25))
engine = LocalStateEngine(network, stems, segments)
logits = engine.evaluate(masks)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
track = np.zeros(samples, np.float32)
for (start, end), on in zip(segments, masks[0].reshape(5, 5)):
    track[start:end] = stems[on == 1, start:end].sum(axis=0)
error = abs(float(track_logits(network, torch.from_numpy(track)[None])[0]) - logits[0])
print(peak, error)
"""


@pytest.mark.slow
def test_ten_minutes_of_our_network_in_two_gigabytes(golden_folder):
    weights = golden_folder / "fcn_state_dict.safetensors"
    command = [sys.executable, "-c", TEN_MINUTES, str(weights)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, error = map(float, done.stdout.split())
    assert peak < 2.0
    assert error <= TOLERANCE
