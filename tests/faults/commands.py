"""The commands whose interruption is tried, the data that they work on, and what they leave."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lemons_audio import write_audio
from recsys import checkpoint
from recsys.model import FCN
from tests.faults.damage import flip
from tests.faults.processes import command, run
from tests.recsys.conftest import make_tiny

CATALOGUE = ("--catalogue", "tiny")
TRAINING = ("with", "catalogue=tiny", "user_name=nina", "device=cpu", "resume=True")
PUBLISHED = ("n_epochs=2", "batch_size=8", "input_length=8000")
HEADS = ("--catalogue", "tiny", "--recipe", "lemons", "--jobs", "1")
EXPLAINED = ("--user_name", "nina", "--top_n", "2", "--separator", "dsp", "--n_segments", "2")


@dataclass(frozen=True)
class Command:
    """A command, and what must have run before it.

    Parameters
    ----------
    module : str
        What `python -m` runs.
    arguments : tuple of str
        `{home}` stands for the data folder.
    after : str
        The name of the command that must have run before; empty for none.
    damage : callable, optional
        Changes the data folder before the command.
    """

    module: str
    arguments: tuple[str, ...]
    after: str = ""
    damage: Callable[[Path], object] | None = field(default=None)

    def work(self, home: Path) -> Callable[[], int | None]:
        """Return the command's work on a data folder."""
        return command(self.module, [each.format(home=home) for each in self.arguments], home)


def _change_audio(home: Path) -> None:
    for path in sorted((home / "catalogues" / "mine" / "audio").glob("*.npy"))[:2]:
        path.write_bytes(flip(path.read_bytes(), np.random.default_rng(1)))


COMMANDS = {
    "ingest": Command(
        "recsys.ingest.folder",
        ("{home}/music", "--catalogue", "mine", "--jobs", "1", "--excerpt_s", "1.5"),
    ),
    "listening": Command("recsys.listening.command", ("{home}/plays.csv", *CATALOGUE)),
    "experiment, published": Command("recsys.experiment", (*TRAINING, *PUBLISHED)),
    "experiment, lemons": Command("recsys.experiment", (*TRAINING, "recipe=lemons")),
    "trunk": Command("recsys.trunk", CATALOGUE),
    "train_all": Command("recsys.train_all", HEADS),
    "predict": Command("recsys.predict", ("--user_name", "paul", *CATALOGUE)),
    "predict, heads": Command("recsys.predict", ("--user_name", "all", *CATALOGUE), "train_all"),
    "eval": Command("recsys.eval", ("with", "user_name=nina", "catalogue=tiny"), "train_all"),
    "removals": Command("explanations.removals", (*CATALOGUE, "--separator", "dsp")),
    "store_explanations": Command(
        "explanations.store_explanations", (*CATALOGUE, *EXPLAINED), "train_all"
    ),
    "separation": Command(
        "audiolime.separation.__main__",
        ("{home}/music/0.wav", "--separator", "dsp", "--out", "{home}/s"),
    ),
    "verify --repair": Command(
        "recsys.verify", ("--catalogue", "mine", "--repair"), "ingest", _change_audio
    ),
}
"""Commands by name; the order is that in which they are made ready."""


class Worlds:
    """Data folders in which each command can run, and what it leaves when nothing goes wrong.

    Parameters
    ----------
    folder : Path
        Where they are made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._base = folder / "base"
        self._ready: dict[str, Path] = {"": self._base}
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self.expected: dict[str, Mapping[str, str]] = {}

    def prepare(self, name: str) -> None:
        """Run a command, and those before it, without faults, once."""
        if not self._base.exists():
            _make_base(self._base)
        if name in self.expected:
            return
        each = COMMANDS[name]
        if each.after:
            self.prepare(each.after)
        home = self.fresh(name)
        ended = run(each.work(home), home)
        if ended.code:
            raise RuntimeError(f"{name} failed without a fault: {ended.text[-2000:]}")
        self.seconds[name], self.calls[name] = ended.seconds, ended.calls
        self.expected[name] = snapshot(home)
        self._ready[name] = home.rename(self.folder / name.replace(" ", "-"))

    def fresh(self, name: str) -> Path:
        """Return the data folder, always of the same name, as a command finds it."""
        home = self.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self._ready[COMMANDS[name].after], home, symlinks=True)
        if change := COMMANDS[name].damage:
            change(home)
        return home


def _make_base(home: Path) -> None:
    """Write a catalogue, a network, a folder of music and a table of plays."""
    catalogue = make_tiny(home / "catalogues" / "tiny", tracks=12, seconds=3.2)
    card = checkpoint.make_card(config={"catalogue": "tiny", "user_name": "paul"}, metrics={})
    folder = home / "experiments" / "2026-01-01_00-00-00-tiny-paul"
    checkpoint.save_model(folder / checkpoint.BEST_MODEL, FCN(), {**card, "seconds": 1.0})
    rng = np.random.default_rng(0)
    for number, suffix in enumerate(("wav", "flac", "ogg", "wav")):
        path = home / "music" / f"{number}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        waveform = rng.uniform(-0.4, 0.4, (2, 50_000)).astype(np.float32)
        write_audio(path, waveform, sample_rate=22_050)
    rows = ["user_name,track_id,playcount"]
    for number, track_id in enumerate(catalogue.track_ids):
        rows.append(f"{'anna' if number % 2 else 'bert'},{track_id},{1 + number}")
    (home / "plays.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


# -- what a command leaves -----------------------------------------------------------------------
_DATE = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-([a-z]+(?:-[a-z]+)*)(-\d+)?")
_CHANGING = {"started", "finished", "seconds", "git_commit", "versions", "mtime_ns", "file", "root"}
_LEFT_OVER = re.compile(r"\..*\.[0-9a-f]{12}(\.\w+)?")


def snapshot(home: Path) -> dict[str, str]:
    """Return the checksums of what commands have left in a data folder, by place.

    Times and the names that follow from them are left out, and so are records of runs and
    trainings that have not ended.
    """
    found = {}
    for path in sorted(home.rglob("*")):
        place = path.relative_to(home)
        hidden = any(part.startswith(".") and part != ".trunks" for part in place.parts)
        if hidden or not path.is_file() or place.parts[0] == "runs":
            continue
        if place.parts[0] == "experiments" and len(place.parts) > 2:
            if not (home / "experiments" / place.parts[1] / checkpoint.BEST_MODEL).exists():
                continue
            if place.name == checkpoint.LAST_STATE:
                continue
        found[_DATE.sub(r"\1", str(place))] = _digest(path, home)
    return found


def left_over(home: Path) -> int:
    """Count the half-written files that killed commands have left."""
    return sum(
        _LEFT_OVER.fullmatch(name) is not None for _, _, names in os.walk(home) for name in names
    )


def _digest(path: Path, home: Path) -> str:
    content = path.read_bytes()
    if path.suffix in (".json", ".jsonl", ".md"):
        text = _DATE.sub(r"\1", content.decode().replace(str(home), ""))
        if path.suffix == ".md":
            lines = [line for line in text.splitlines() if _first_cell(line) not in _CHANGING]
        else:
            records = text.splitlines() if path.suffix == ".jsonl" else [text]
            lines = [json.dumps(_lasting(json.loads(record))) for record in records]
        content = "\n".join(lines).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _first_cell(line: str) -> str:
    """Return the first cell of a line of a Markdown table."""
    return line.removeprefix("|").partition("|")[0].strip()


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(each) for name, each in value.items() if name not in _CHANGING}
    return [_lasting(each) for each in value] if isinstance(value, list) else value
