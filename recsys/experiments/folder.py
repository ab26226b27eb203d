"""The folder of one training: who trains in it, with which options, and whether that has ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lemons_limits import read_json
from lemons_utils import DataError, ParameterError, claim_folder, locked, write_json
from recsys.checkpoint import BEST_MODEL, LAST_STATE, trained_epochs, utc_now

NOTE = "experiment.json"
"""File in each folder: the options of the training, when it began, and whether it has ended."""

CHANGE_NOTHING = frozenset(
    {"use_tensorboard", "log_step", "num_workers", "compiled", "resume", "use"}
)
"""Options that the weights do not depend on, but for rounding."""

_LOCAL_TIME = "%Y-%m-%d_%H-%M-%S"
_NAMED = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)-(.+)")


@dataclass(frozen=True)
class _Note:
    """What the note says."""

    options: dict[str, Any]
    finished: bool
    started: str = ""


@dataclass(frozen=True)
class ExperimentFolder:
    """One training on disk.

    Parameters
    ----------
    path : Path
    options : dict
        The options of the training.
    finished : bool
    started : str
        The time of the start, UTC, as ISO 8601; empty where nothing is recorded.
    """

    path: Path
    options: dict[str, Any]
    finished: bool = False
    started: str = ""

    @property
    def epochs(self) -> int:
        """The number of epochs trained so far."""
        if self._in_one_go:
            return int((self.path / BEST_MODEL).is_file())
        return trained_epochs(self.path / LAST_STATE)

    @property
    def n_epochs(self) -> int:
        """The number of epochs to train; a head is fitted in one."""
        tuning = int(self.options.get("finetune_epochs", 0))
        return 1 if self._in_one_go else tuning or int(self.options["n_epochs"])

    @property
    def _in_one_go(self) -> bool:
        is_head = self.options.get("recipe") == "lemons"
        return is_head and not self.options.get("finetune_epochs")

    def go_on(self, options: Mapping[str, Any]) -> ExperimentFolder:
        """Record the options with which the training starts or goes on."""
        started = self.started or utc_now()
        return _write(replace(self, options=dict(options), finished=False, started=started))

    def finish(self) -> None:
        """Record that the training has ended."""
        _write(replace(self, finished=True))

    def in_use(self) -> AbstractContextManager[None]:
        """Keep other commands out of the folder; the lock of a killed command is void.

        Raises
        ------
        ParameterError
            If another command trains in the folder.
        """
        busy = f"another command trains in {self.path}: wait for it, or start a new experiment"
        return locked(self.path / ".lock", ParameterError(busy))


def start(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder:
    """Make the folder of a new experiment; JSON can hold its options."""
    now = datetime.now().strftime(_LOCAL_TIME)
    path = claim_folder(experiments, f"{now}-{options['catalogue']}-{options['user_name']}")
    return _write(ExperimentFolder(path, dict(options), started=utc_now()))


def reopen(name: str, experiments: Path) -> ExperimentFolder:
    """Open an experiment by its path, or by its name under `experiments`.

    Raises
    ------
    DataError
        If there is none.
    """
    for path in (Path(name).expanduser(), experiments / name):
        if (folder := read_folder(path.absolute())) is not None:
            return folder
    raise DataError(
        f"{name!r} is no experiment: name a folder of {experiments} that holds {NOTE}, or say "
        "resume=True for the newest unfinished one"
    )


def take_up(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder:
    """Return the newest unfinished experiment of the same options, or start a new one."""
    folder = newest_unfinished(experiments, options) or start(experiments, options)
    return replace(folder, options=dict(options))


def newest_unfinished(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder | None:
    """Return the newest unfinished experiment of the same options, or None."""
    return next((each for each in alike(experiments, options) if not each.finished), None)


def alike(experiments: Path, options: Mapping[str, Any]) -> Iterator[ExperimentFolder]:
    """Yield the experiments of the same options, the newest first, by the time of their start."""
    named = f"-{options['catalogue']}-{options['user_name']}"
    paths = experiments.iterdir() if experiments.is_dir() else ()
    folders = [read_folder(path) for path in paths if named in path.name]
    same = [each for each in folders if each and _decisive(each.options) == _decisive(options)]
    number = re.compile(r"-(\d+)$")  # of folders that were made within a second

    def order(folder: ExperimentFolder) -> tuple[datetime, int]:
        match = number.search(folder.path.name)
        return time_of(folder.path, folder.started), int(match[1]) if match else 1

    yield from sorted(same, key=order, reverse=True)


def read_folder(path: Path) -> ExperimentFolder | None:
    """Read what is recorded in an experiment's folder; return None where nothing is."""
    try:
        note = read_json(path / NOTE, _Note, "note of an experiment")
    except DataError:
        return None
    return ExperimentFolder(path, note.options, note.finished, note.started)


# -- names and times ---------------------------------------------------------------------------
def without_time(name: str) -> str | None:
    """Return a folder's name without the time that it begins with; None if there is no time."""
    match = _NAMED.fullmatch(name)
    return match and match[2]


def time_of(path: Path, *recorded: object) -> datetime:
    """Return the time of an experiment, UTC, by which experiments are ordered.

    Parameters
    ----------
    path : Path
        The experiment's folder.
    *recorded
        Times as ISO 8601, of which the first that can be read counts. Where there is none, it is
        the local time in the folder's name, as this machine reads it.
    """
    for text in recorded:
        try:
            time = datetime.fromisoformat(str(text))
        except ValueError:
            continue
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    match = _NAMED.fullmatch(path.name)
    try:
        local = datetime.strptime(match[1] if match else "", _LOCAL_TIME)
    except ValueError:
        local = datetime.fromtimestamp(path.stat().st_mtime)
    return local.astimezone(UTC)


def _decisive(options: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        "recipe": "published",
        "trunk": "",
        "finetune_epochs": 0,
        "choose_strength": False,
        **options,
    }  # which folders of earlier versions do not say
    if known["recipe"] == "published":
        known["choose_strength"] = False  # of heads alone, and once the default
    return {name: value for name, value in known.items() if name not in CHANGE_NOTHING}


def _write(folder: ExperimentFolder) -> ExperimentFolder:
    note = {"options": folder.options, "finished": folder.finished, "started": folder.started}
    write_json(folder.path / NOTE, note)
    return folder
