"""Train several listeners' networks side by side on one device.

At every step, the batches of all listeners go through their networks as one network of many
groups: a GPU, which one listener's 20 crops leave idle, gets the work of all. Each training is
otherwise what it is alone: its weights, crops, dropout, optimiser, schedule, best epoch and state
are its own, and the weights are those of `fit` up to the rounding of sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import torch

from lemons_processes import freed_memory_kept
from lemons_utils import DataError, ParameterError
from recsys.model import FCN
from recsys.training.loop import Course
from recsys.training.trainer import Best, Step, take

Ended = Best | ParameterError | DataError


def fit_side_by_side(courses: Sequence[Course]) -> list[Ended]:
    """Train several networks to the end, each as `fit` does.

    Parameters
    ----------
    courses : sequence of Course
        From `course`, with networks that are `FCN`. Their tracks, options, states and numbers of
        epochs may differ; those whose batches are of one size take their steps together.

    Returns
    -------
    list, for every training its best epoch, or the error that ended it, while the others went on

    Raises
    ------
    ParameterError
        If a network is no `FCN`, or its spectrogram is not that of the others.
    """
    results: dict[int, Ended] = {}
    waiting: dict[int, Step] = {}

    def advance(number: int, loss: float | None) -> None:
        course = courses[number]
        waiting.pop(number, None)
        try:
            waiting[number] = next(course) if loss is None else course.send(loss)
        except StopIteration as end:
            results[number] = end.value
        except (ParameterError, DataError) as error:
            results[number] = error

    with freed_memory_kept():
        for number in range(len(courses)):
            advance(number, None)
        _check([step.trainer.network for step in waiting.values()])
        while waiting:
            for numbers in _alike(waiting):
                try:
                    losses = take([waiting[number] for number in numbers])
                except ParameterError as error:  # of the compiler
                    for number in numbers:
                        results[number] = error
                        del waiting[number]
                    continue
                for number, loss in zip(numbers, losses, strict=True):
                    advance(number, loss)
    return [results[number] for number in range(len(courses))]


def _alike(waiting: dict[int, Step]) -> list[list[int]]:
    """Return the numbers of the trainings that can take their next steps together."""
    groups = defaultdict[Hashable, list[int]](list)
    for number, step in waiting.items():
        trainer = step.trainer
        how = trainer.options.precision, trainer.options.compiled
        key = (str(trainer.device), *how, step.waveforms.shape)
        groups[key].append(number)
    return list(groups.values())


def _check(networks: Sequence[object]) -> None:
    """Raise unless all networks are `FCN` and compute the same spectrogram."""
    buffers = []
    for network in networks:
        if not isinstance(network, FCN):
            raise ParameterError(f"only an FCN trains side by side, got {type(network).__name__}")
        buffers.append([buffer.cpu() for buffer in network.spec.buffers()])
    for some in buffers:
        if not all(map(torch.equal, some, buffers[0])):
            raise ParameterError(
                "the networks' spectrograms have different filters: train them one by one"
            )
