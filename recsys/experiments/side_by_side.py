"""Train the networks of several experiments side by side, in one process and on one device.

What is left in the folders is what a training leaves that was stopped after its last epoch: model
and last state, with all metrics. `experiment.train_in_background`, which goes on from there without
another epoch, keeps the run's record and settles which experiment is current.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lemons_utils import DataError, ParameterError, checksum
from recsys import checkpoint, listening, tracking, training
from recsys.catalogue import Catalogue
from recsys.dataset import Audio, ResidentAudio
from recsys.experiments import recipes
from recsys.experiments.folder import ExperimentFolder
from recsys.options import split_of
from recsys.training_options import pick_device


@dataclass(frozen=True)
class Planned:
    """A folder to train in, and the listener's split with its checksum."""

    folder: ExperimentFolder
    split: pd.DataFrame
    split_checksum: str


def planned(folders: Sequence[ExperimentFolder], catalogue: Catalogue) -> list[Planned]:
    """Return the trainings that can begin; why others cannot is said when they are tried alone."""
    plans = []
    for folder in folders:
        options = folder.options
        with contextlib.suppress(ParameterError, DataError):
            path = split_of(catalogue, options["user_name"], options["split_seed"])
            split = listening.read_split(path)
            recipes.check(options, catalogue, split)
            plans.append(Planned(folder, split, checksum(path)))
    return plans


def audio_of(plans: Sequence[Planned], catalogue: Catalogue) -> Audio:
    """Return audio that is resident on a GPU; print why not, and return the catalogue's, if not."""
    device = pick_device(plans[0].folder.options["device"]) if plans else None
    if device is None or device.type == "cpu":  # to which the catalogue's arrays are mapped
        return catalogue.audio
    used = pd.concat([plan.split for plan in plans])
    used = used[used["split"].isin(["train", "valid"])]
    try:
        return ResidentAudio(catalogue.audio, used["track_id"].tolist(), device)
    except ParameterError as error:
        print(f"loading crops from disk: {error}")
        return catalogue.audio


def train_side_by_side(plans: Sequence[Planned], audio: Audio) -> None:
    """Train to the last epoch in every folder, as far as that can be done.

    A training that cannot go on, or whose folder another command uses, does not end the others.

    Parameters
    ----------
    plans : sequence of Planned
        From `planned`, of the published recipe.
    audio : Audio
        From `audio_of`.
    """
    with contextlib.ExitStack() as stack:
        courses = []
        for plan in plans:
            with contextlib.suppress(ParameterError, DataError):
                stack.enter_context(plan.folder.in_use())
                begun = _begin(plan, audio)
                stack.callback(begun.log.bar.close)
                courses.append(begun.course)
        training.fit_side_by_side(courses)


def _begin(plan: Planned, audio: Audio) -> recipes.Begun:
    folder = plan.folder.go_on(plan.folder.options)
    checkpoint.remove_leftovers(folder.path)
    no_run = tracking.Tracker()
    return recipes.published_course(folder, no_run, audio, plan.split, plan.split_checksum)
