"""What is known of the experiments on disk: whose they are, how they ended, how good they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lemons_utils import DataError
from recsys.checkpoint import BEST_MODEL, LAST_STATE, stored_card, trained_epochs
from recsys.experiments.folder import ExperimentFolder, read_folder, time_of, without_time


@dataclass(frozen=True)
class ListedExperiment:
    """One experiment of a listener, as its card and its note describe it.

    Parameters
    ----------
    path : Path
    catalogue, user_name : str
    time : datetime
        The time (UTC) at which the training ended, or started if that is all that is known.
    number : int
        The number that tells folders apart whose names have the same time.
    finished : bool
        Whether the training has ended and there is a model.
    card : dict
        The card of the model; empty without one.
    options : dict
        The options of the training; empty if they are not recorded.
    """

    path: Path
    catalogue: str
    user_name: str
    time: datetime
    number: int
    finished: bool
    card: dict[str, Any]
    options: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.name

    @property
    def epochs(self) -> int | None:
        """The number of epochs trained so far, if it is known."""
        known = self.card.get("epochs") if self.finished else None
        return known or trained_epochs(self.path / LAST_STATE) or None

    @property
    def auc(self) -> float | None:
        """AUC on the validation tracks, if it is known."""
        return self._metric("valid_auc")

    @property
    def map(self) -> float | None:
        """MAP on the validation tracks, if it is known."""
        return self._metric("valid_map")

    @property
    def score(self) -> float | None:
        """Mean of AUC and MAP on the validation tracks, if it is known."""
        return None if self.auc is None or self.map is None else (self.auc + self.map) / 2

    @property
    def split_checksum(self) -> str | None:
        """SHA-256 of the split that the model was trained on, if it is known."""
        return self.card.get("split_checksum")

    @property
    def recipe(self) -> str:
        """The recipe or the kind of the training; empty if there is none."""
        known = {**self.options, **self.card}
        return str(known.get("recipe") or known.get("kind") or "")

    def _metric(self, name: str) -> float | None:
        metrics = self.card.get("metrics")
        value = metrics.get(name) if isinstance(metrics, dict) else None
        return float(value) if isinstance(value, (int, float)) else None


def list_experiments(
    experiments: Path, *, catalogue: str | None = None, user_name: str | None = None
) -> list[ListedExperiment]:
    """List experiments, the oldest first.

    Parameters
    ----------
    experiments : Path
    catalogue, user_name : str, optional
        List only those of this catalogue, of this listener.

    The options or the card of an experiment say whose it is. Without either, a number at the end
    of the folder's name may be `claim_folder`'s or a part of the listener's name: such a folder is
    listed for both listeners.
    """
    listed = []
    part = f"{catalogue or ''}-{user_name or ''}"
    for path in experiments.iterdir() if experiments.is_dir() else ():
        if part in path.name:
            listed += [
                each
                for each in _read(path, catalogue)
                if catalogue in (None, each.catalogue) and user_name in (None, each.user_name)
            ]
    return sorted(listed, key=lambda each: (each.time, each.number, each.name))


def read_experiment(path: Path) -> ListedExperiment | None:
    """Read what is known of one experiment; return None if the path is none."""
    return next(_read(path, None), None)


def _read(path: Path, catalogue: str | None) -> Iterator[ListedExperiment]:
    """Yield an experiment, once for each listener whose it can be."""
    rest = without_time(path.name)
    if rest is None or not path.is_dir():
        return
    folder, card = read_folder(path), _card(path)
    has_model = (path / BEST_MODEL).is_file()
    for owner, user_name, number in _owners(rest, _said(folder, card), catalogue):
        yield ListedExperiment(
            path=path,
            catalogue=owner,
            user_name=user_name,
            time=time_of(
                path, card.get("finished"), card.get("started"), folder and folder.started
            ),
            number=number,
            finished=has_model and (folder.finished if folder else _has_ended(card)),
            card=card,
            options=folder.options if folder else {},
        )


def _card(path: Path) -> dict[str, Any]:
    """Read the card of an experiment's model; return an empty one if there is none."""
    try:
        return stored_card(path / BEST_MODEL)
    except DataError:
        return {}


def _has_ended(card: Mapping[str, Any]) -> bool:
    """Return whether a model without a note is complete: given by hand, or trained to the end."""
    return card.get("split_checksum") is None or "seconds" in card


def _said(folder: ExperimentFolder | None, card: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the catalogue and the listener that the options or the card name."""
    for options in (folder and folder.options, card.get("config")):
        if isinstance(options, dict) and {"catalogue", "user_name"} <= options.keys():
            return str(options["catalogue"]), str(options["user_name"])
    return None


def _owners(
    rest: str, said: tuple[str, str] | None, catalogue: str | None
) -> Iterator[tuple[str, str, int]]:
    """Yield each catalogue, listener and number that a folder's name can mean."""
    if said:
        pairs = [said]
    else:
        known = catalogue or rest.partition("-")[0]
        whole = rest.removeprefix(f"{known}-")
        pairs = [(known, whole), (known, re.sub(r"-\d+$", "", whole))]
    for owner, user_name in dict.fromkeys(pairs):
        named = rf"{re.escape(owner)}-{re.escape(user_name)}(?:-(\d+))?"
        if match := re.fullmatch(named, rest):
            yield owner, user_name, int(match[1] or 1)
