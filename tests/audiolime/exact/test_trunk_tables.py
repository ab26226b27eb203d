"""Tables for all heads of a network: a head's own tables follow without the network."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiolime.exact import LocalStateEngine, TrunkTables
from lemons_audio import sigmoid
from lemons_utils import DataError, ParameterError
from recsys.model import LocalStatistics

SAME = 1e-6
"""Largest difference of relevances."""


def random_trunk(n_segments, n_stems, n_directions, channels, seed=0):
    rng = np.random.default_rng(seed)
    tables = TrunkTables.empty(n_segments, n_stems, n_directions, channels)
    tables.segment_sum[:] = rng.normal(0, 0.3, tables.segment_sum.shape)
    tables.boundary_sum[:] = rng.normal(0, 0.1, tables.boundary_sum.shape)
    tables.segment_max[:] = rng.random(tables.segment_max.shape)
    tables.boundary_max[:] = rng.random(tables.boundary_max.shape)
    return tables


def with_head(network, weight, bias):
    with torch.no_grad():
        network.fc.weight.copy_(torch.as_tensor(weight)[None])
        network.fc.bias.fill_(bias)
    return network.eval()


def masks_of(engine, count=60):
    masks = np.random.default_rng(1).integers(0, 2, (count, engine.n_components))
    masks[0], masks[1] = 1, 0
    return masks


def test_heads_of_the_published_network(golden_network, random_stems, segments_at, plain_logits):
    """Every channel's mean is a direction; a head of means and maxima follows exactly."""
    track = random_stems(2, 60_000), segments_at(60_000, [30_000])
    trunk = LocalStateEngine(golden_network, *track).trunk_tables(torch.eye(64))
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        weight, bias = rng.normal(0, 0.2, 128).astype(np.float32), 0.25 * seed
        network = with_head(deepcopy(golden_network), weight, bias)
        engine = LocalStateEngine(network, *track)
        masks = masks_of(engine, 12)
        found = trunk.of_head(weight[:64], weight[64:], bias)
        expected = sigmoid(plain_logits(network, *track, masks))
        assert np.ptp(expected) > 0.01
        assert np.abs(found.relevance(masks) - expected).max() <= 5 * SAME  # a pass in float32
        np.testing.assert_allclose(
            found.evaluate(masks), engine.tables().evaluate(masks), rtol=0, atol=1e-9
        )
        assert (found.segment_max == engine.tables().segment_max).all()


def test_heads_along_directions_of_the_statistics(
    random_stems, segments_at, plain_logits, tmp_path
):
    """The file of a trunk's tables gives each head what tables of its own give it."""
    track = random_stems(3, 75_000), segments_at(75_000, [25_000, 50_000])
    rng = np.random.default_rng(3)
    directions = rng.normal(0, 0.02, (16, 1235)).astype(np.float32)
    engine = LocalStateEngine(LocalStatistics().eval(), *track)
    engine.trunk_tables(torch.from_numpy(directions)).write(tmp_path / "tables.npz", trunk="x")
    trunk = TrunkTables.read(tmp_path / "tables.npz")
    assert trunk.meta == {"trunk": "x"}
    for bias in (-0.5, 0.0, 0.7):
        head = rng.normal(0, 0.3, 16)
        network = with_head(LocalStatistics(), head @ directions, bias)
        engine = LocalStateEngine(network, *track)
        masks = masks_of(engine)
        found, own = trunk.of_head(head, [], bias), engine.tables()
        assert np.abs(found.relevance(masks) - own.relevance(masks)).max() <= SAME
        plain = sigmoid(plain_logits(network, *track, masks[:8]))
        assert np.ptp(plain) > 0.01
        assert np.abs(found.relevance(masks[:8]) - plain).max() <= 5 * SAME
        weights = found.lime(kind="time_source").weights
        assert np.abs(weights - own.lime(kind="time_source").weights).max() <= SAME
        assert found.meta == {"trunk": "x"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.integers(0, 5)),
    seed=st.integers(0, 1000),
)
def test_of_any_shape(sizes, seed, tmp_path_factory):
    """The tables of a head have the head's sums; a file keeps them to float32's precision."""
    trunk = random_trunk(*sizes, seed)
    rng = np.random.default_rng(seed)
    weight, maxima = rng.normal(size=sizes[2]), rng.normal(size=sizes[3]).astype(np.float32)
    tables = trunk.of_head(weight, maxima, 0.5)
    assert (tables.n_segments, tables.n_stems) == sizes[:2]
    masks = rng.integers(0, 2, (20, tables.n_components))
    expected = 0.5 + np.zeros(20)
    for row, subsets in enumerate(tables.subsets(masks)):
        here = np.arange(sizes[0]), subsets
        pairs = here[0][:-1], subsets[:-1], subsets[1:]
        sums = trunk.segment_sum[here].sum(0) + trunk.boundary_sum[pairs].sum(0)
        largest = np.concatenate([trunk.segment_max[here], trunk.boundary_max[pairs]]).max(0)
        expected[row] += sums @ weight + largest @ maxima
    np.testing.assert_allclose(tables.evaluate(masks), expected, rtol=0, atol=1e-5)
    path = tmp_path_factory.mktemp("trunk") / "tables.npz"
    trunk.write(path)
    found = TrunkTables.read(path)
    np.testing.assert_allclose(
        found.of_head(weight, maxima, 0.5).evaluate(masks), expected, rtol=0, atol=1e-5
    )
    found.write(path.with_name("again.npz"))
    assert path.with_name("again.npz").read_bytes() == path.read_bytes()


def test_five_by_five_take_less_than_three_megabytes(tmp_path):
    random_trunk(5, 5, 128, 0).write(tmp_path / "tables.npz")
    assert (tmp_path / "tables.npz").stat().st_size < 2_250_000


def test_progress_ends_and_a_stop_ends_the_work(small_network, random_stems, segments_at):
    engine = LocalStateEngine(
        small_network(), random_stems(2, 9000), segments_at(9000, [3000, 6000])
    )
    shares = []
    engine.trunk_tables(torch.eye(4), on_progress=lambda step, share: shares.append(share))
    assert shares[-1] == pytest.approx(5 / 6) and shares == sorted(shares)

    def stop(step, share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        engine.trunk_tables(torch.eye(4), on_progress=stop)


def test_directions_and_heads_must_fit(small_network, random_stems, segments_at):
    engine = LocalStateEngine(small_network(), random_stems(2, 4000), segments_at(4000, []))
    with pytest.raises(ParameterError, match=r"shape \[D, 4\], got \[3, 5\]"):
        engine.trunk_tables(torch.zeros(3, 5))
    trunk = engine.trunk_tables(torch.eye(4))
    with pytest.raises(ParameterError, match=r"\(4,\) and \(4,\), got \(3,\) and \(4,\)"):
        trunk.of_head([1, 2, 3], [0, 0, 0, 0], 0.0)
    with pytest.raises(ParameterError, match="the head that goes with"):
        trunk.of_head([1, 2, 3, 4], [], 0.0)
    short = LocalStateEngine(
        small_network(), random_stems(1, 4000), segments_at(4000, [1000, 1010])
    )
    with pytest.raises(ParameterError, match="longer segments"):
        short.trunk_tables(torch.eye(4))


# -- damaged files -----------------------------------------------------------------------------
def meta_of(**changes):
    sizes = {"n_segments": 2, "n_stems": 2, "n_directions": 3, "n_channels": 1}
    meta = {"format": "lemons-trunk-tables", "version": 1, **sizes, **changes}
    return {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (meta_of(format="lemons-tables"), "must be lemons-trunk-tables version 1"),
        (meta_of(version=2), "must be lemons-trunk-tables version 1"),
        (meta_of(n_directions=None), "n_directions is no JSON of its kind: Expected `int`"),
        (meta_of(n_directions="3"), "n_directions is no JSON of its kind: Expected `int`"),
        (meta_of(n_stems=10**9), "n_stems must be 0 to 16, got 1000000000"),
        (meta_of(n_segments=-2), "n_segments must be 0 to 1048576, got -2"),
        (meta_of(n_directions=4), r"segment_sum must be float32 of shape \(2, 4, 4\)"),
        ({"boundary_sum": np.zeros((1, 4, 4, 3))}, "boundary_sum must be float32"),
        ({"boundary_sum": np.array([{}])}, "boundary_sum must be float32 .* got object"),
        ({"segment_max": None}, "no item named 'segment_max.npy'"),
    ],
)
def test_broken_files_are_told_in_a_line(change, message, tmp_path):
    path = tmp_path / "tables.npz"
    random_trunk(2, 2, 3, 1).write(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message) as raised:
        TrunkTables.read(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_files_that_were_cut_off_are_told(share, tmp_path):
    path = tmp_path / "tables.npz"
    random_trunk(2, 2, 3, 1).write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"cannot be used .* explain the track again"):
        TrunkTables.read(path)
