"""An experiment's folder: what was started in it, whether it has ended, who works in it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lemons_utils import DataError, ParameterError, claim_folder, write_beside

NOTE = "experiment.json"
"""In each folder: the options it was started with, and whether it has ended."""

CHANGE_NOTHING = frozenset({"use_tensorboard", "log_step", "num_workers", "resume"})
"""Options that the weights do not depend on."""


@dataclass(frozen=True)
class ExperimentFolder:
    """One training on disk.

    Parameters
    ----------
    path : Path
    options : dict
        What it was started with.
    finished : bool
    """

    path: Path
    options: dict[str, Any]
    finished: bool

    def go_on(self, options: Mapping[str, Any]) -> ExperimentFolder:
        """Write down with which options the training starts or goes on."""
        return _write(ExperimentFolder(self.path, dict(options), False))

    def finish(self) -> None:
        """Write down that the training has ended."""
        _write(ExperimentFolder(self.path, self.options, True))

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep other commands out; a killed command lets them in.

        Raises
        ------
        ParameterError
            If another command is at work in the folder.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise ParameterError(
                f"another command trains in {self.path}: wait for it, or start a new experiment"
            ) from error
        try:
            yield
        finally:
            lock.release()


def start(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder:
    """Make the folder of a new experiment, named by time, catalogue and listener.

    Parameters
    ----------
    experiments : Path
        `configuration().experiments`.
    options : mapping
        Among them `catalogue` and `user_name`; JSON must be able to hold them.
    """
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    path = claim_folder(experiments, f"{now}-{options['catalogue']}-{options['user_name']}")
    return _write(ExperimentFolder(path, dict(options), False))


def reopen(name: str, experiments: Path) -> ExperimentFolder:
    """Open an experiment by its path, or by its name under `experiments`.

    Raises
    ------
    DataError
        If there is none.
    """
    for path in (Path(name).expanduser(), experiments / name):
        if (found := _read(path.absolute())) is not None:
            return found
    raise DataError(
        f"{name!r} is no experiment: name a folder of {experiments} that holds {NOTE}, or say "
        "resume=True for the newest unfinished one"
    )


def newest_unfinished(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder | None:
    """Find the newest experiment that has not ended and was started with the same options."""
    return next((found for found in _alike(experiments, options) if not found.finished), None)


def newest_finished(experiments: Path, options: Mapping[str, Any]) -> ExperimentFolder | None:
    """Find the newest experiment that has ended and was started with the same options."""
    return next((found for found in _alike(experiments, options) if found.finished), None)


def _alike(experiments: Path, options: Mapping[str, Any]) -> Iterator[ExperimentFolder]:
    """Go through the experiments of the same options, the newest first."""
    named = f"-{options['catalogue']}-{options['user_name']}"
    paths = experiments.iterdir() if experiments.is_dir() else ()
    for path in sorted((path for path in paths if named in path.name), reverse=True):
        found = _read(path)
        if found and _decisive(found.options) == _decisive(options):
            yield found


def _decisive(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in CHANGE_NOTHING}


def _read(path: Path) -> ExperimentFolder | None:
    try:
        note = json.loads((path / NOTE).read_text(encoding="utf-8"))
        return ExperimentFolder(path, dict(note["options"]), bool(note["finished"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(folder: ExperimentFolder) -> ExperimentFolder:
    note = {"options": folder.options, "finished": folder.finished}
    with write_beside(folder.path / NOTE) as temporary:
        temporary.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return folder
