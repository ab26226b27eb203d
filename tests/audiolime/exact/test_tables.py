"""Closed tables: what they hold, how they travel, and that all masks are in them."""

import itertools
import json
import zipfile

import numpy as np
import pytest

from audiolime.exact import LocalStateEngine
from audiolime.exact.all_masks import Levels, sum_levels
from audiolime.exact.tables import Tables
from audiolime.exact.trunk_tables import TrunkTables
from lemons_utils import DataError, ParameterError


def random_tables(n_segments, n_stems, channels, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=channels).astype(np.float32)
    tables = TrunkTables.empty(n_segments, n_stems, 1, channels)
    subsets = 2**n_stems
    for segment in range(n_segments):
        tables.add_segment(
            segment,
            rng.normal(0, 0.3, (subsets, 1)),
            rng.random((subsets, channels), dtype=np.float32),
        )
    for boundary in range(n_segments - 1):
        tables.add_boundary(
            boundary,
            rng.normal(0, 0.3, (subsets, subsets, 1)),
            rng.random((subsets, subsets, channels), dtype=np.float32),
        )
    return tables.of_head([1.0], weight, bias=0.25)


def all_masks(n):
    return np.array(list(itertools.product([1, 0], repeat=n)))


def test_by_hand():
    """Two segments of one stem: every number of the formula, added up by hand."""
    tables = TrunkTables.empty(2, 1, 1, 2)
    tables.add_segment(0, [[1.0], [2.0]], np.array([[0, 1], [3, 1]], np.float32))
    tables.add_segment(1, [[10.0], [20.0]], np.array([[1, 0], [2, 5]], np.float32))
    pairs = [[[100.0], [200.0]], [[300.0], [400.0]]]
    maxima = np.array([[[0, 0], [0, 7]], [[4, 0], [1, 1]]], np.float32)
    tables.add_boundary(0, pairs, maxima)
    head = tables.of_head([1.0], [2.0, -1.0], bias=0.5)
    logits = head.evaluate([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert logits.tolist() == [
        0.5 + 1 + 10 + 100 + 2 * 1 - 1 * 1,
        0.5 + 1 + 20 + 200 + 2 * 2 - 1 * 7,
        0.5 + 2 + 10 + 300 + 2 * 4 - 1 * 1,
        0.5 + 2 + 20 + 400 + 2 * 3 - 1 * 5,
    ]


def test_about_a_megabyte_and_back(tmp_path):
    tables = random_tables(5, 5, 64)
    path = tmp_path / "tables.npz"
    tables.write(path, model_checksum="abc", segments=[[0, 10], [10, 20]])
    assert 1_000_000 < path.stat().st_size < 1_200_000
    found = Tables.read(path)
    masks = np.random.default_rng(0).integers(0, 2, (500, 25))
    assert np.abs(found.evaluate(masks) - tables.evaluate(masks)).max() < 1e-6
    assert found.meta["model_checksum"] == "abc"
    with np.load(path, allow_pickle=False) as file:
        meta = json.loads(file["meta"].tobytes())
        assert meta["format"] == "lemons-tables"
        assert meta["version"] == 1
        assert {file[name].dtype.str for name in file.files if name != "meta"} == {"<f4"}
        assert file["boundary_max"].shape == (4, 32, 32, 64)
    found.write(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"meta": np.frombuffer(b'{"format": "other"}', np.uint8)}, "must be lemons-tables"),
        ({"meta": np.frombuffer(b"[1]", np.uint8)}, "Expected `object`, got `array`"),
        ({"meta": np.frombuffer(b"not JSON", np.uint8)}, "JSON is malformed"),
        ({"meta": np.zeros(9)}, "meta must be text"),
        ({"max_weight": np.zeros(7, np.float32)}, "max_weight must be float32 of shape"),
        ({"segment_max": np.zeros((2, 4, 3))}, "segment_max must be float32"),
        ({"boundary_sum": None}, "no item named 'boundary_sum.npy'"),
    ],
)
def test_broken_files_are_told(change, message, tmp_path):
    path = tmp_path / "tables.npz"
    random_tables(2, 2, 3).write(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message) as error:
        Tables.read(path)
    assert str(error.value).endswith(": explain the track again")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_stems": 10**12}, "n_stems must be 0 to 16, got 1000000000000"),
        ({"n_segments": 2**20, "n_stems": 12}, "would take"),
        ({"n_channels": -1}, "n_channels must be 0 to"),
        ({"n_channels": 3.5}, "n_channels is no JSON of its kind"),
        ({"n_channels": "3"}, "n_channels is no JSON of its kind"),
        ({"n_segments": True}, "n_segments is no JSON of its kind"),
        ({"bias": None}, "bias is no JSON of its kind"),
    ],
)
def test_sizes_are_checked_before_arrays_are_read(changes, message, tmp_path):
    path = tmp_path / "tables.npz"
    random_tables(2, 2, 3).write(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(arrays["meta"].tobytes()) | changes
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message):
        Tables.read(path)


@pytest.mark.parametrize("lie", [False, True])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, lie, monkeypatch):
    """An archive of a few kB that would unpack to a gigabyte, or says that it would not."""
    path = tmp_path / "tables.npz"
    random_tables(2, 2, 3).write(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            zeros = b"\0" * (1 << 24) if name == "segment_sum.npy" else b""
            file.writestr(name, content + zeros)
            if zeros and lie:
                file.getinfo(name).file_size = len(content)
    unpacked = []
    read = zipfile.ZipExtFile.read

    def counting(file, n=-1):
        unpacked.append(len(content := read(file, n)))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting)
    with pytest.raises(DataError, match=r"has 16,777,376 bytes|Bad CRC-32"):
        Tables.read(path)
    assert sum(unpacked) < 10_000


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be used"):
        Tables.read(tmp_path / "tables.npz")
    (tmp_path / "tables.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be used"):
        Tables.read(tmp_path / "tables.npz")


def test_masks_must_fit():
    with pytest.raises(ParameterError, match=r"shape \[n, 4\]"):
        random_tables(2, 2, 3).evaluate([[1, 0, 1]])


def test_short_segments_have_no_tables(small_network, random_stems, segments_at):
    engine = LocalStateEngine(
        small_network(), random_stems(1, 4000), segments_at(4000, [1000, 1010])
    )
    with pytest.raises(ParameterError, match="longer segments"):
        engine.tables()


# -- all masks ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("n_segments", "n_stems", "channels"),
    [(1, 6, 3), (2, 3, 0), (4, 3, 0), (3, 3, 4), (4, 2, 5), (5, 2, 7), (10, 1, 5), (1, 1, 1)],
)
@pytest.mark.parametrize("relevance", [True, False])
def test_levels_are_those_of_every_mask(n_segments, n_stems, channels, relevance, monkeypatch):
    tables = random_tables(n_segments, n_stems, channels)
    masks = all_masks(tables.n_components)
    values = tables.evaluate(masks)
    if relevance:
        values = 1 / (1 + np.exp(-values))
    expected = Levels.of(masks, values)
    monkeypatch.setattr("audiolime.exact.all_masks.PAIRS", 5)
    found = sum_levels(tables, relevance=relevance)
    assert np.array_equal(found.count, expected.count)
    for name in ("total", "squares", "with_component", "with_pair"):
        assert np.allclose(getattr(found, name), getattr(expected, name), rtol=1e-6, atol=1e-5)
    assert found.everything == pytest.approx(values[0], abs=1e-6)
    assert found.nothing == pytest.approx(values[-1], abs=1e-6)


@pytest.mark.slow
def test_thirty_three_million_masks():
    """Sums over a part of all masks, one by one, agree with means over all of them."""
    tables = random_tables(5, 5, 64)
    levels = sum_levels(tables)
    assert levels.count.sum() == 2**25
    masks = np.random.default_rng(0).integers(0, 2, (400_000, 25))
    sampled = 1 / (1 + np.exp(-tables.evaluate(masks)))
    mean = levels.total.sum() / 2**25
    assert abs(sampled.mean() - mean) < 5 * sampled.std() / 400_000**0.5


@pytest.mark.parametrize("kind", ["time", "source", "time_source"])
@pytest.mark.parametrize("n_segments", [3, 5])  # 9 components are listed one by one, 15 are not
def test_tables_answer_what_the_engine_answers(
    n_segments, kind, small_network, random_stems, segments_at
):
    bounds = [2400 * i for i in range(1, n_segments)]
    engine = LocalStateEngine(
        small_network(), random_stems(3, 2400 * n_segments), segments_at(2400 * n_segments, bounds)
    )
    tables = engine.tables()
    components = tables.components(kind)
    masks = np.random.default_rng(2).integers(0, 2, (20, components.count))
    logits = tables.evaluate(components.spread(masks))
    np.testing.assert_array_equal(tables.relevance(masks, kind=kind), 1 / (1 + np.exp(-logits)))
    for output in ("relevance", "logit"):
        options = {"kind": kind, "output": output, "random_state": 3}
        for num_samples in (32, "exhaustive"):
            ours, exact = (which.lime(num_samples, **options) for which in (tables, engine))
            np.testing.assert_allclose(ours.weights, exact.weights, atol=1e-9)
            assert ours.exhaustive == exact.exhaustive == (num_samples == "exhaustive")
        np.testing.assert_allclose(
            tables.shapley(kind, output=output), engine.shapley(kind, output=output), atol=1e-9
        )
        assert tables.levels(kind, output=output) is tables.levels(kind, output=output)


def test_tables_refuse_what_they_cannot_answer():
    tables = random_tables(17, 2, 1)
    with pytest.raises(ParameterError, match=r"2\^17 masks are too many to look at one by one"):
        tables.lime(kind="time")
    with pytest.raises(ParameterError, match="kind must be one of"):
        tables.levels("stem")
    with pytest.raises(ParameterError, match="output must be"):
        tables.lime(5, output="odds")
    with pytest.raises(ParameterError, match="num_samples must be an int from 1 on or"):
        tables.lime("all")


def test_too_many_masks():
    with pytest.raises(ParameterError, match=r"2\^26"):
        sum_levels(random_tables(13, 2, 1))


def test_levels_need_all_masks():
    with pytest.raises(ParameterError, match="all 2"):
        Levels.of([[0, 1], [1, 1]], [0.0, 1.0])
