"""What a model says of the windows of a track: each different one is heard once, and remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.exact.windows import Segments, TrackWindow, window_waveforms
from audiolime.neighbourhood import checked_predictions
from lemons_journal import Journal
from lemons_utils import OnProgress, ParameterError

Float64 = NDArray[np.float64]
Score = Callable[[NDArray[np.float32]], Any]
States = Iterable[tuple[TrackWindow, NDArray[np.int64]]]
"""Windows, each with the states [n, segments that it sees] that it is in: subsets of stems."""

Key = tuple[int, ...]
SILENCE: Key = (-1,)
"""The key of every window in which nothing sounds; others are known by start and state."""


class WindowOutputs:
    """The outputs of a model for windows in states.

    Parameters
    ----------
    score : callable
        Maps waveforms [batch, length], float32, to outputs [batch, C] or [batch].
    stems : ndarray [shape=(S, samples)], float32
    segments : sequence of (start, end) [samples]
    length : int [samples]
        Of a window.
    batch_size : int > 0
    journal : Path, optional
        Keeps the outputs of every batch.
    on_progress : callable, optional
        Called after every batch.
    """

    def __init__(
        self,
        score: Score,
        stems: NDArray[np.float32],
        segments: Segments,
        length: int,
        *,
        batch_size: int,
        journal: Path | None,
        on_progress: OnProgress | None,
    ) -> None:
        self._score, self._stems, self._segments, self._length = score, stems, segments, length
        self._batch_size, self._on_progress = batch_size, on_progress
        self._known: dict[Key, Float64] = {}
        self._journal = None if journal is None else self._open(journal)

    @property
    def count(self) -> int:
        """Number of outputs C; silence is heard where nothing was yet."""
        if not self._known:
            self._hear([(TrackWindow(0, self._length, 0, 0, (0,)), SILENCE)])
        return len(next(iter(self._known.values())))

    def missing(self, states: States) -> list[tuple[TrackWindow, Key]]:
        """List the different states that were not heard yet, window by window."""
        found: dict[Key, TrackWindow] = {}
        for window, rows in states:
            for row in np.unique(window.heard(rows), axis=0).tolist():
                key = _key(window, row)
                if key not in self._known:
                    found.setdefault(key, window)
        return [(window, key) for key, window in found.items()]

    def ask(self, states: States) -> None:
        """Have the model hear all states that it has not heard yet, batch by batch."""
        missing = self.missing(states)
        for start in range(0, len(missing), self._batch_size):
            self._hear(missing[start : start + self._batch_size])
            if self._on_progress is not None:
                self._on_progress("windows", min(1.0, (start + self._batch_size) / len(missing)))

    def of(self, window: TrackWindow, states: NDArray[np.int64]) -> Float64:
        """Return the outputs of a window in some states that were asked for [n, C]."""
        rows = window.heard(states).tolist()
        return np.stack([self._known[_key(window, row)] for row in rows])

    def _hear(self, batch: list[tuple[TrackWindow, Key]]) -> None:
        heard = [
            self._compose(window, [key for _, key in several])
            for window, several in groupby(batch, key=lambda one: one[0])
        ]
        outputs = checked_predictions(self._score(np.concatenate(heard)), len(batch), name="score")
        if self._known and outputs.shape[1] != self.count:
            raise ParameterError(
                f"score must always return as many outputs, got {self.count} and then "
                f"{outputs.shape[1]}"
            )
        keys = [key for _, key in batch]
        self._known.update(zip(keys, outputs, strict=True))
        if self._journal is not None:
            self._journal.append({"states": keys, "outputs": outputs.tolist()})

    def _compose(self, window: TrackWindow, keys: list[Key]) -> NDArray[np.float32]:
        silence = [0] * (window.high - window.low + 1)
        rows = np.array([silence if key == SILENCE else key[1:] for key in keys], dtype=np.int64)
        return window_waveforms(self._stems, self._segments, window, rows, self._length)

    def _open(self, path: Path) -> Journal:
        """Read the outputs that a journal holds of these very windows."""
        sound = hashlib.sha256(np.ascontiguousarray(self._stems).tobytes()).hexdigest()
        about = {"stems": sound, "segments": str(list(self._segments)), "window": str(self._length)}
        journal = Journal(path, of=about)
        for record in journal.records():
            for key, outputs in zip(record["states"], record["outputs"], strict=True):
                self._known[tuple(key)] = np.array(outputs)
        return journal


def _key(window: TrackWindow, state: Sequence[int]) -> Key:
    return (window.start, *state) if any(state) else SILENCE
