"""Interpretable components of a track: what all kinds share, and segments of time.

A factorization says what an explanation can switch off, and composes the waveform that is left
when some of it is off. Components always add up to `mix`, sample for sample, and nothing left
on is silence. Stems are in `audiolime.components.stem_factorization`, tiles of time and frequency
in `audiolime.components.tiles`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.components.segmentation import Segment, SegmentationParams, compute_segments
from audiolime.data_provider import Waveform, audio_of, cut_window
from lemons_utils import ParameterError

CompositionFn = Callable[[Any], Any]


class Factorization:
    """A waveform, its temporal segments, and what a model is given of it.

    A subclass fills `_components_names` and overrides `retrieve_components`; that is all
    that `LimeAudioExplainer` needs.

    Parameters
    ----------
    input : str, Path, ndarray [shape=(samples,)] or object with `get_mix`
        A file is decoded, mixed to mono and resampled to `target_sr`; an array is taken as it is.
    target_sr : int > 0 [Hz]
    temporal_segmentation_params : see `audiolime.components.segmentation.compute_segments`
        Five equal segments if None.
    composition_fn : callable, optional
        Turns a composed waveform into what the model takes, for instance a spectrogram.

    Attributes
    ----------
    temporal_segments : list of (start, end) [samples]
    explained_length : int [samples]
    has_sound : bool
        Whether `compose` gives waveforms.
    """

    has_sound = True

    def __init__(
        self,
        input: Any,
        target_sr: int = 16_000,
        temporal_segmentation_params: SegmentationParams = None,
        composition_fn: CompositionFn | None = None,
    ) -> None:
        if target_sr < 1:
            raise ParameterError(f"target_sr must be a sample rate in Hz, got {target_sr!r}")
        self.target_sr = int(target_sr)
        self.data_provider = input if hasattr(input, "get_mix") else None
        self._original_mix, self._audio_path = audio_of(input, self.target_sr)
        self._whole_mix = self._original_mix
        self._composition_fn = composition_fn or _as_it_is
        self._components_names: list[str] = []
        self._segmentation_params = temporal_segmentation_params
        self._segment()
        self._set_up()

    def _segment(self) -> None:
        self.temporal_segments, self.explained_length = compute_segments(
            self._original_mix, self.target_sr, self._segmentation_params
        )

    def _set_up(self) -> None:
        """Name the components, once the segments are known."""

    def set_analysis_window(self, start_sample: int, y_length: int) -> None:
        """Explain `y_length` samples from `start_sample` on, in segments of their own.

        A data provider that has windows looks at the same one.

        Raises
        ------
        ParameterError
            If the window does not lie inside the track.
        """
        move = getattr(self.data_provider, "set_analysis_window", None)
        if move is not None:
            move(start_sample, y_length)
        self.prepare_components(start_sample, y_length)

    def prepare_components(self, start_sample: int, y_length: int) -> None:
        """Cut the track, and make segments and components of what is left: see above."""
        self._original_mix = cut_window(self._whole_mix, start_sample, y_length)
        self._segment()
        self._set_up()

    @property
    def mix(self) -> Waveform:
        """What all components add up to [shape=(samples,)]."""
        mix: Waveform = self.compose(self._mask_of(None)[None])[0]
        return mix

    @property
    def component_bounds(self) -> list[Segment]:
        """First and last sample of every component, half-open, for a player."""
        return [(0, self.explained_length)] * self.get_number_components()

    def get_number_components(self) -> int:
        """Count the components."""
        return len(self._components_names)

    def get_ordered_component_names(self) -> list[str]:
        """Name the components, in the order of the columns of a mask."""
        return list(self._components_names)

    def retrieve_components(self, selection_order: Iterable[int] | None = None) -> Any:
        """Give the chosen components: one waveform of them all, or a list with one each."""
        raise NotImplementedError(f"{type(self).__name__} must override retrieve_components")

    def compose(self, masks: ArrayLike) -> Waveform:
        """Compose the waveforms of a batch of masks.

        Every row is composed for itself, by the same additions in the same order, so it does
        not depend on its neighbours.

        Parameters
        ----------
        masks : array-like [shape=(n, components)] of 0 and 1

        Returns
        -------
        ndarray [shape=(n, samples)], float32
        """
        rows = self.checked_masks(masks)
        waveforms = np.zeros((len(rows), self.explained_length), np.float32)
        for waveform, row in zip(waveforms, rows, strict=True):
            self._add_components(waveform, np.flatnonzero(row))
        return waveforms

    def compose_model_input(self, components: Iterable[int] | None = None) -> Any:
        """Compose what the model is given when `components` are on (all of them if None)."""
        return self._composition_fn(self.compose(self._mask_of(components)[None])[0])

    def cells(self) -> tuple[NDArray[np.float32], list[Segment]]:
        """Give stems and segments whose cells the components are, for engines that need these.

        Returns
        -------
        stems : ndarray [shape=(S, samples)], float32
        segments : list of (start, end) [samples]
            Component index = segment * S + stem.

        Raises
        ------
        ParameterError
            If components are anything else, or the model is given no waveforms.
        """
        stems = self._stems_of_cells()
        if stems is None or self._composition_fn is not _as_it_is:
            what = "a composition_fn" if stems is not None else type(self).__name__
            raise ParameterError(
                "windows are cut from waveforms of stems and segments: use a factorization of "
                f"time or sources without a composition_fn, got {what}"
            )
        return stems, list(self.temporal_segments)

    def _stems_of_cells(self) -> NDArray[np.float32] | None:
        """Give the stems, if all components are stems within segments."""
        return None

    def checked_masks(self, masks: ArrayLike) -> NDArray[np.bool_]:
        """Check that masks are 0 and 1, with one column for every component."""
        rows = np.asarray(masks)
        n = self.get_number_components()
        if rows.ndim != 2 or rows.shape[1] != n:
            raise ParameterError(f"masks must have the shape (masks, {n}), got {rows.shape}")
        on: NDArray[np.bool_] = rows != 0
        if not np.array_equal(on, rows):
            raise ParameterError("masks must hold 0 and 1 only: a component is on or off")
        return on

    def _in_every_segment(self, count: int) -> list[Segment]:
        return [segment for segment in self.temporal_segments for _ in range(count)]

    def _add_components(self, waveform: Waveform, indices: NDArray[np.intp]) -> None:
        found = self.retrieve_components(indices)
        for part in found if isinstance(found, (list, tuple)) else [found]:
            waveform += np.asarray(part, np.float32)

    def _mask_of(self, components: Iterable[int] | None) -> NDArray[np.bool_]:
        mask = np.zeros(self.get_number_components(), np.bool_)
        mask[self._chosen(components)] = True
        return mask

    def _chosen(self, components: Iterable[int] | None) -> list[int]:
        """Check component indices and list them, all of them for None."""
        n = self.get_number_components()
        indices = [int(index) for index in (range(n) if components is None else components)]
        if outside := [index for index in indices if not 0 <= index < n]:
            raise ParameterError(f"components are numbered 0 to {n - 1}, got {outside}")
        return indices


def _as_it_is(waveform: Waveform) -> Waveform:
    return waveform


class TimeOnlyFactorization(Factorization):
    """Segments of time: T1, T2, ..."""

    def _set_up(self) -> None:
        count = len(self.temporal_segments)
        self._components_names = [f"T{number}" for number in range(1, count + 1)]

    @property
    def component_bounds(self) -> list[Segment]:
        """The segments themselves."""
        return list(self.temporal_segments)

    def retrieve_components(self, selection_order: Iterable[int] | None = None) -> Waveform:
        """Give the track with only the chosen segments on [shape=(samples,)]."""
        waveform: Waveform = self.compose(self._mask_of(selection_order)[None])[0]
        return waveform

    def _stems_of_cells(self) -> NDArray[np.float32]:
        return self._original_mix[None, : self.explained_length]

    def _add_components(self, waveform: Waveform, indices: NDArray[np.intp]) -> None:
        for index in indices:
            start, end = self.temporal_segments[index]
            waveform[start:end] += self._original_mix[start:end]
