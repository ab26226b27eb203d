import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from explanations.store import Store, from_json, to_json
from lemons_limits import CHECKSUM, with_checksum
from lemons_utils import DataError, ParameterError

TRACK = "0123456789abcdef0123"
FAR = {"first": 0, "second": 6, "interaction": 0.5, "alone": [0.1, 0.2]}


def test_what_is_saved_is_loaded(tmp_path, explanation):
    store = Store(tmp_path)
    path = store.save(TRACK, explanation)
    assert path == tmp_path / TRACK / "time_source.json"
    assert store.load(TRACK, explanation.request) == explanation
    assert path.stat().st_size < 10_000


def test_json_is_plain(explanation):
    text = json.dumps(to_json(explanation), allow_nan=False)
    assert from_json(json.loads(text)) == explanation


def test_an_engine_may_give_no_pairs(explanation):
    expected = replace(explanation, pairs=None, fidelity_with_pairs=None)
    assert from_json(json.loads(json.dumps(to_json(expected)))) == expected


@pytest.mark.parametrize("pairs", [[{"first": 0}], 7, [[0, 1, 0.5]], [FAR]])
def test_pairs_that_are_none(explanation, pairs):
    with pytest.raises(DataError, match="is no explanation"):
        from_json(with_checksum(without({**to_json(explanation), "pairs": pairs})))


@pytest.mark.parametrize(
    "change",
    [
        {"segments": ((0, 1500), (1500, 3100))},
        {"engine": "plain"},
        {"num_samples": "exhaustive"},
        {"random_state": 1},
        {"separator": "hybrid"},
        {"separator_version": "2"},
        {"model_checksum": "cd" * 32},
        {"audio_checksum": "f" * 20},
    ],
)
def test_reused_only_when_everything_is_the_same(tmp_path, explanation, change):
    store = Store(tmp_path)
    store.save(TRACK, explanation)
    assert store.load(TRACK, replace(explanation.request, **change)) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 2}', "null"])
def test_a_damaged_file_counts_as_not_stored(tmp_path, explanation, content):
    store = Store(tmp_path)
    path = store.save(TRACK, explanation)
    path.write_text(content)
    assert store.load(TRACK, explanation.request) is None


def test_not_an_explanation():
    with pytest.raises(DataError, match="is no explanation"):
        from_json({"format": 1})


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [float("nan")] + [0.0] * 5},
        {"weights": ["0.1"] * 6},
        {"weights": [0.1] * 5},
        {"weights": [0.1] * 5 + [None]},
        {"weights": [0.1] * 5 + [True]},
        {"weights": None},
        {"shapley": [0.1]},
        {"component_names": ["a"] * 5},
        {"component_names": 7},
        {"stem_names": ["only one"]},
        {"request": {"type": "time", "segments": [[0, 10, 20]]}},
        {"relevance": "high"},
        {"request": None},
        {"request": {}},
    ],
)
@pytest.mark.parametrize("sealed", [True, False])
def test_an_explanation_that_is_none_counts_as_not_stored(tmp_path, explanation, change, sealed):
    """Even one whose checksum somebody has made fit is looked at part by part."""
    store = Store(tmp_path)
    path = store.save(TRACK, explanation)
    content = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps(with_checksum(without(content)) if sealed else content))
    assert store.load(TRACK, explanation.request) is None


def without(content):
    return {name: value for name, value in content.items() if name != CHECKSUM}


def test_every_changed_bit_is_found(tmp_path, explanation):
    store = Store(tmp_path)
    path = store.save(TRACK, explanation)
    whole = path.read_bytes()
    for at in range(0, 8 * len(whole), 97):
        content = bytearray(whole)
        content[at // 8] ^= 1 << at % 8
        path.write_bytes(content)
        found = store.load(TRACK, explanation.request)
        assert found in (None, explanation)  # blanks between values may change


@pytest.mark.parametrize("track_id", ["", "..", "a/b", ".hidden", "a\\b"])
def test_a_track_id_never_leads_elsewhere(tmp_path, explanation, track_id):
    with pytest.raises(ParameterError, match="track_id"):
        Store(tmp_path).save(track_id, explanation)


def test_unknown_type(tmp_path):
    with pytest.raises(ParameterError, match="time_source"):
        Store(tmp_path).path(TRACK, "frequency")


def test_a_writer_killed_at_any_moment_leaves_whole_files(tmp_path, explanation):
    """One process rewrites a file without pause and is killed; what remains is whole."""
    store = Store(tmp_path)
    path = store.save(TRACK, explanation)
    writer = (
        "import json, sys; from pathlib import Path\n"
        "from explanations.store import Store, from_json\n"
        "e = from_json(json.loads(Path(sys.argv[2]).read_text()))\n"
        "store = Store(Path(sys.argv[1]))\n"
        "print('writing', flush=True)\n"
        f"while True: store.save({TRACK!r}, e)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", writer, str(tmp_path), str(path)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline()
    for _ in range(200):
        assert store.load(TRACK, explanation.request) == explanation
    os.kill(process.pid, 9)
    process.wait()
    assert store.load(TRACK, explanation.request) == explanation


def test_top_and_against(explanation):
    assert explanation.top(3) == [2, 5, 0]
    assert explanation.top(10) == [2, 5, 0]
    assert explanation.against(1) == [1]
    assert explanation.against(5) == [1, 4]
    breath = replace(explanation, weights=(2.0, -0.019, 0.3, -0.02, 0.01, 0.1))
    assert (breath.top(5), breath.against(5)) == ([0, 2, 5], [3]), "a hundredth of the strongest"
    small = replace(explanation, weights=(0.0049, -0.0051, 0.0051, -0.0049, 0.0, 0.0))
    assert (small.top(5), small.against(5)) == ([2], [1]), "what reads 0.00 does not count"


def test_grid_of_every_type(explanation, of_type):
    cells = np.zeros((3, 2), dtype=bool)
    cells[1, 0] = cells[2, 1] = True
    assert (explanation.grid([2, 5]) == cells).all()
    assert (of_type("time", (0, 1, 0)).grid([1]) == [[0, 0], [1, 1], [0, 0]]).all()
    assert (of_type("source", (0, 1)).grid([1]) == [[0, 1]] * 3).all()
