"""Every file that a command reads again, whole, and what reads it: to be damaged and fuzzed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiolime.exact.tables import Tables
from audiolime.exact.trunk_tables import TrunkTables
from explanations.store import Explanation, Request, Store
from lemons_utils import write_json
from recsys import checkpoint, heads
from recsys.catalogue import Catalogue, read_tracks
from recsys.experiments.current import read_record, record_path
from recsys.experiments.folder import NOTE, read_folder
from recsys.heads.pooled import REMOVALS, pooled_path, read_pooled
from recsys.ingest.journal import Entry, IngestJournal
from recsys.listening import read_split, split_path
from recsys.listening.splits import checksum_path
from recsys.model import STATISTICS, LocalStatistics
from recsys.track_table import TrackTable
from recsys.training import TrainingState
from tests.recsys.conftest import make_tiny


@dataclass(frozen=True)
class Reader:
    """A file, and what reads it.

    Parameters
    ----------
    path : Path
        The file, whole.
    read : callable
        Reads that path and returns what JSON or NumPy can compare, None where it reads nothing.
        Raises `DataError` or `ParameterError` and nothing else, whatever the file holds.
    checked : bool
        Whether a checksum stands: a changed file is then read as it was, or not at all.
    """

    path: Path
    read: Callable[[Path], Any]
    checked: bool = True

    def plain(self) -> str:
        """Read the file; return what was read as text that can be compared."""
        return json.dumps(_plain(self.read(self.path)), sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    """Return a value as what JSON can hold; arrays by their bytes."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "numpy"):
        value = value.detach().numpy()
    if hasattr(value, "tobytes"):
        return [str(value.dtype), list(value.shape), value.tobytes().hex()]
    if hasattr(value, "to_csv"):
        return value.to_csv()
    return value


def all_readers(home: Path) -> dict[str, Reader]:
    """Write a file of every kind below a folder, and return what reads each."""
    folder = home / "catalogues" / "tiny"
    catalogue = make_tiny(folder)
    track_id = catalogue.track_ids[0]
    rng = np.random.default_rng(0)
    split, bare = split_path(catalogue, "nina"), split_path(catalogue, "marko")
    checksum_path(bare).unlink()

    relevance = _relevance(catalogue)
    relevance.note(catalogue.track_ids, rng.random(catalogue.count).tolist())
    relevance.finish()
    statistics = rng.random((1 + REMOVALS, STATISTICS), dtype=np.float32)
    heads.write_pooled(catalogue, track_id, heads.PooledTrack(statistics[0], statistics[1:], "a"))

    experiment = home / "experiments" / "2026-01-01_00-00-00-tiny-nina"
    model, state = experiment / checkpoint.BEST_MODEL, experiment / checkpoint.LAST_STATE
    config = {"catalogue": "tiny", "user_name": "nina"}
    card = checkpoint.make_card(config=config, metrics={"valid_auc": 0.5, "valid_map": 0.5})
    checkpoint.save_model(model, LocalStatistics(), card)
    tensors = {"a": torch.ones(100), "b": torch.arange(30)}
    checkpoint.save_state(state, TrainingState(tensors, {"epoch": 1, "metrics": [[1, {"a": 0.5}]]}))
    note = {"options": {**config, "n_epochs": 3}, "finished": True, "started": card["started"]}
    write_json(experiment / NOTE, note)
    write_json(record_path(experiment.parent, "tiny"), {"nina": experiment.name})

    store = Store(home / "stored_explanations" / "tiny" / "nina")
    store.save(track_id, _explanation())
    own, shared = home / "own.npz", home / "shared.npz"
    trunk_tables = _trunk_tables(rng)
    trunk_tables.write(shared)
    trunk_tables.of_head(np.ones(2), np.ones(3), 0.5).write(own)

    journal = folder / "ingest.jsonl"
    lines = IngestJournal(journal)
    for number in range(5):
        lines.add(Entry(f"/music/{number}.wav", "/music", 5, 7, "centre 30 s", track_id, 24_000))
    return {
        "audio array": Reader(catalogue.audio_path(track_id), lambda _: catalogue.audio(track_id)),
        "tracks.parquet": Reader(folder / "tracks.parquet", read_tracks),
        "relevance table": Reader(relevance.path, lambda _: _relevance(catalogue).read("track_id")),
        "split": Reader(split, read_split),
        "split, by hand": Reader(bare, read_split, checked=False),
        "statistics": Reader(
            pooled_path(catalogue, track_id), lambda _: read_pooled(catalogue, track_id)
        ),
        "model": Reader(model, lambda path: checkpoint.load_model(path)[0].state_dict()),
        "model card": Reader(
            model.with_suffix(".json"), lambda _: checkpoint.read_card(model), checked=False
        ),
        "training state": Reader(state, lambda path: asdict(checkpoint.load_state(path))),
        "note of an experiment": Reader(
            experiment / NOTE, lambda _: read_folder(experiment), checked=False
        ),
        "current experiments": Reader(
            record_path(experiment.parent, "tiny"),
            lambda _: read_record(experiment.parent, "tiny"),
            checked=False,
        ),
        "explanation": Reader(
            store.path(track_id, "source"), lambda _: store.load(track_id, _explanation().request)
        ),
        "tables": Reader(own, Tables.read),
        "tables of a trunk": Reader(shared, TrunkTables.read),
        "journal of an ingest": Reader(
            journal, lambda path: IngestJournal(path).entries, checked=False
        ),
    }


def _relevance(catalogue: Catalogue) -> TrackTable:
    path = catalogue.folder / "relevance" / "nina.parquet"
    return TrackTable(path, catalogue, {"model": "a checksum"})


def _explanation() -> Explanation:
    request = Request(
        kind="source",
        segments=((0, 1000), (1000, 2000)),
        engine="exact",
        num_samples="exhaustive",
        random_state=0,
        separator="truth",
        separator_version="1",
        model_checksum="ab" * 32,
        audio_checksum="0123456789abcdef0123",
    )
    numbers = (0.125, -0.2, 1e-17)
    names = ("voice", "drums", "bass")
    return Explanation(request, names, names, numbers, 0.25, 0.9, 0.7, numbers, "1.0.0")


def _trunk_tables(rng: np.random.Generator) -> TrunkTables:
    tables = TrunkTables.empty(3, 2, 2, 3)
    for segment in range(3):
        tables.add_segment(segment, rng.random((4, 2)), rng.random((4, 3), dtype=np.float32))
    for boundary in range(2):
        pairs = rng.random((4, 4, 2)), rng.random((4, 4, 3), dtype=np.float32)
        tables.add_boundary(boundary, *pairs)
    return tables
