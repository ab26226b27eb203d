"""Experiments made up on purpose: folders with a note and a card, and models of no bytes."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.checkpoint import BEST_MODEL
from recsys.experiments.folder import NOTE


@pytest.fixture
def make_experiment(tmp_path) -> Callable[..., Path]:
    """Make an experiment's folder below `tmp_path`; without options or card, that file is missing.

    The default is a training that has ended, of score 0.5, on the split "a".
    """

    def make(
        name: str,
        *,
        user_name: str = "marko",
        catalogue: str = "demo",
        score: float = 0.5,
        split: str | None = "a",
        ended: bool = True,
        note: bool = True,
        card: bool = True,
        **more: object,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / BEST_MODEL).touch()
        options = {"catalogue": catalogue, "user_name": user_name, "n_epochs": 7}
        if note:
            content = {"options": options, "finished": ended}
            (folder / NOTE).write_text(json.dumps(content))
        if card:
            metrics = {"valid_auc": score + 0.1, "valid_map": score - 0.1}
            content = {"config": options, "metrics": metrics, "split_checksum": split, **more}
            (folder / "best_model.json").write_text(json.dumps(content))
        return folder

    return make


@pytest.fixture
def in_time_zone(monkeypatch) -> Callable[[str], None]:
    """Set the time zone of this process for a test."""
    with monkeypatch.context() as patch:

        def set_it(name: str) -> None:
            patch.setenv("TZ", name)
            time.tzset()

        yield set_it
    time.tzset()
