"""The trainings of the two recipes: what happens in an experiment's folder, and what they leave."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lemons_utils import ParameterError
from recsys import checkpoint, heads, tracking, training
from recsys.catalogue import Catalogue
from recsys.dataset import Audio, Crops, Tracks
from recsys.experiments.folder import ExperimentFolder
from recsys.experiments.log import EpochLog, ModelLog
from recsys.metrics import crop_loss, evaluate
from recsys.model import LocalStatistics, Network
from recsys.training_options import Options, pick_device

RECIPES = ("published", "lemons")
"""The published network and training; or a head on local statistics, which knows removals."""

TUNING = {"lr": 1e-4, "input_length": 160_000}
"""Options of fine-tuning that take the place of published defaults, in smaller steps: what a head
was fitted to are means over whole tracks, which a second does not tell."""

Train = Callable[[ExperimentFolder, tracking.Tracker, str], dict[str, Any]]
"""Trains in a folder; takes the tracker and the checksum of the split, returns the numbers."""


def prepare(
    options: Mapping[str, Any], catalogue: Catalogue, split: pd.DataFrame, experiments: Path
) -> Train:
    """Return the training of some options; what `check` raises is raised before a folder is made.

    Parameters
    ----------
    options : mapping
        From `experiment.options_of`.
    catalogue : Catalogue
    split : DataFrame
        The listener's.
    experiments : Path
        Parent of the experiments' folders; that of the trunks is beside it.
    """
    check(options, catalogue, split)
    if options["recipe"] == "published":
        return _published(catalogue, split)
    trunk = heads.open_trunk(experiments, catalogue, options["trunk"])
    fit = functools.partial(
        heads.train_head, trunk, catalogue, split, is_strength_chosen=options["choose_strength"]
    )
    if options["finetune_epochs"]:
        return _fine_tuned(options, catalogue, split, trunk, fit)
    return _head(split, trunk, fit)


def check(options: Mapping[str, Any], catalogue: Catalogue, split: pd.DataFrame) -> None:
    """Raise `ParameterError` or `DataError` for options or a split that cannot be trained with."""
    if options["recipe"] == "lemons":
        if options["model_load_path"]:
            raise ParameterError("recipe=lemons starts from nothing: leave model_load_path out")
        heads.check_split(split)
    if options["recipe"] == "published" or options["finetune_epochs"]:
        loop_options(options)
        pick_device(options["device"])
        _datasets(catalogue.audio, split, options)
    if options["model_load_path"]:
        checkpoint.load_weights(training.fresh_network(0), Path(options["model_load_path"]))


def loop_options(options: Mapping[str, Any]) -> Options:
    """Return the options of the training loop, or raise `ParameterError`."""
    chosen = {name: options[name] for name in Options.__dataclass_fields__}
    return Options(**{**chosen, "n_epochs": options["finetune_epochs"] or options["n_epochs"]})


def _published(catalogue: Catalogue, split: pd.DataFrame) -> Train:
    """Prepare the training of the published network, epoch by epoch."""

    def train(
        folder: ExperimentFolder, tracker: tracking.Tracker, split_checksum: str
    ) -> dict[str, Any]:
        begun = published_course(folder, tracker, catalogue.audio, split, split_checksum)
        return begun.log.finish(_run(begun))

    return train


@dataclass(frozen=True)
class Begun:
    """A training in a folder, from its beginning or its last state, and what it writes."""

    course: training.Course
    log: EpochLog


def published_course(
    folder: ExperimentFolder,
    tracker: tracking.Tracker,
    audio: Audio,
    split: pd.DataFrame,
    split_checksum: str,
) -> Begun:
    """Begin the training of the published network in a folder, or go on with it.

    `audio` is `catalogue.audio`, or what takes its place.
    """
    options = folder.options
    network = training.fresh_network(options["training_seed"])
    if options["model_load_path"]:
        checkpoint.load_weights(network, Path(options["model_load_path"]))
    crops, valid = _datasets(audio, split, options)
    log = EpochLog(folder, network, split_checksum, tracker, len(crops))
    return _begin(network, crops, valid, loop_options(options), log)


def _head(split: pd.DataFrame, trunk: heads.Trunk, fit: Callable[[], heads.HeadTraining]) -> Train:
    """Prepare the fit of a head on a trunk, in one go."""

    def train(
        folder: ExperimentFolder, tracker: tracking.Tracker, split_checksum: str
    ) -> dict[str, Any]:
        network = LocalStatistics()
        log = ModelLog(folder, network, split_checksum, tracker)
        trained = fit()
        network.load_state_dict(trained.network.state_dict())
        numbers = trained.valid.numbers()
        tracker.metrics({f"valid/{name}": value for name, value in numbers.items()}, 1)
        best = training.Best(1, **numbers)
        return log.keep(best, _fitted(trained, trunk, split), epochs=1, **trained.about)

    return train


def _fine_tuned(
    options: Mapping[str, Any],
    catalogue: Catalogue,
    split: pd.DataFrame,
    trunk: heads.Trunk,
    fit: Callable[[], heads.HeadTraining],
) -> Train:
    """Prepare the fit of a head, and epochs that go on from it: the convolution learns, too."""

    def train(
        folder: ExperimentFolder, tracker: tracking.Tracker, split_checksum: str
    ) -> dict[str, Any]:
        trained = fit()
        print(_fitted(trained, trunk, split))
        network = heads.tunable(trained.network)
        crops, valid = _datasets(catalogue.audio, split, options)
        log = EpochLog(folder, network, split_checksum, tracker, len(crops))
        how = loop_options(options)
        best = _run(_begin(network, crops, valid, how, log, start=trunk.checksum))
        about = {name: value for name, value in trained.about.items() if name != "trunk"}
        origin = {"name": trunk.name, "checksum": trunk.checksum}
        return log.finish(best, **about, fine_tuned_from=origin)

    return train


def _begin(
    network: Network,
    crops: Crops,
    valid: Tracks,
    options: Options,
    log: EpochLog,
    *,
    start: str = "",
) -> Begun:
    """Begin to train a network in a folder, or go on from its last state."""
    if log.state is None and not start:
        names = ("batch_size", "num_workers", "device")
        how: dict[str, Any] = {name: getattr(options, name) for name in names}
        log.on_start(evaluate(network, valid, **how), crop_loss(network, crops, **how))
    course = training.course(
        network,
        crops,
        valid,
        options,
        start=start,
        resume=log.state,
        on_step=log.on_step,
        on_epoch=log.on_epoch,
    )
    return Begun(course, log)


def _run(begun: Begun) -> training.Best:
    """Train to the end; if that is interrupted, print how to go on."""
    try:
        return training.run(begun.course)
    except KeyboardInterrupt:
        print(f"\nstopped; `resume={begun.log.folder.name}` goes on", file=sys.stderr)
        raise
    finally:
        begun.log.bar.close()


def _fitted(trained: heads.HeadTraining, trunk: heads.Trunk, split: pd.DataFrame) -> str:
    count = (split["split"] == "train").sum()
    return f"head fitted to {count} tracks on trunk {trunk.name}, removals by {trained.stems}"


def _datasets(
    audio: Audio, split: pd.DataFrame, options: Mapping[str, Any]
) -> tuple[Crops, Tracks]:
    train, valid = (split[split["split"] == part] for part in ("train", "valid"))
    more = {"input_length": options["input_length"], "seed": options["training_seed"]}
    crops = Crops(audio, train["track_id"].tolist(), train["label"].tolist(), **more)
    return crops, Tracks(audio, valid["track_id"].tolist(), valid["label"].tolist())
