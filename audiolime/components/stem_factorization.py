"""Components that are stems: over the whole track, or within segments."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiolime.components.factorization import CompositionFn, Factorization
from audiolime.components.segmentation import Segment, SegmentationParams
from audiolime.data_provider import Waveform, as_waveform, cut_window
from lemons_utils import ParameterError

MISSING_ENERGY = 1e-3
"""Stems that leave out more of the input's energy than this earn a warning (-30 dB)."""


class SourceSeparationBasedFactorization(Factorization):
    """Stems within segments: vocals0, piano0, ..., vocals1, ...

    Component index = segment * number of stems + stem. A subclass overrides
    `initialize_components` to separate `self._original_mix`; stems that are there already go
    into `TimeSourceFactorization`.

    Parameters
    ----------
    input, target_sr, temporal_segmentation_params, composition_fn : see `Factorization`

    Attributes
    ----------
    original_components : list of ndarray [shape=(samples,)], float32
        The stems.
    """

    def _set_up(self) -> None:
        stems, names = self.initialize_components()
        self._take_stems(stems, names)
        self._whole = self.original_components, list(names)
        self._warn_if_incomplete()

    def prepare_components(self, start_sample: int, y_length: int) -> None:
        """Cut mix and stems, which are not separated anew: see `set_analysis_window`."""
        stems, names = self._whole
        self._original_mix = cut_window(self._whole_mix, start_sample, y_length)
        self._segment()
        self._take_stems([cut_window(stem, start_sample, y_length) for stem in stems], names)

    def initialize_components(self) -> tuple[Sequence[Any], Sequence[str]]:
        """Separate the mix: a waveform and a name for every stem."""
        raise NotImplementedError(f"{type(self).__name__} must override initialize_components")

    @property
    def components(self) -> list[Waveform]:
        """All components over the whole length, made anew at every call."""
        return self.retrieve_components()

    @property
    def component_bounds(self) -> list[Segment]:
        """The segment of every component."""
        return self._in_every_segment(len(self.original_components))

    def retrieve_components(self, selection_order: Iterable[int] | None = None) -> list[Waveform]:
        """Give each chosen component by itself over the whole length; silence for none.

        Returns
        -------
        list of ndarray [shape=(samples,)], float32
        """
        indices = self._chosen(selection_order)
        found = [np.zeros(self.explained_length, np.float32) for _ in indices or [0]]
        for waveform, index in zip(found, indices, strict=False):
            self._add_components(waveform, np.array([index]))
        return found

    def _add_components(self, waveform: Waveform, indices: NDArray[np.intp]) -> None:
        for index in indices:
            segment, stem = divmod(int(index), len(self.original_components))
            start, end = self.temporal_segments[segment]
            waveform[start:end] += self.original_components[stem][start:end]

    def _stems_of_cells(self) -> NDArray[np.float32]:
        return np.stack(self.original_components)

    def _take_stems(self, stems: Sequence[Any], names: Sequence[str]) -> None:
        if len(stems) == 0 or len(stems) != len(names):
            raise ParameterError(
                f"expected a name for every stem, got {len(stems)} stems and {len(names)} names"
            )
        length = self.explained_length
        self.original_components: list[Waveform] = []
        for stem, name in zip(stems, names, strict=True):
            waveform = as_waveform(stem, name=f"stem {name!r}")
            if len(waveform) < length:
                raise ParameterError(
                    f"stem {name!r} must be as long as the input, {length:,} samples, "
                    f"got {len(waveform):,}"
                )
            self.original_components.append(waveform[:length])
        self._components_names = [
            f"{name}{segment}" for segment in range(len(self.temporal_segments)) for name in names
        ]

    def _warn_if_incomplete(self) -> None:
        missing = self._original_mix - self.mix
        energy = float(np.square(self._original_mix, dtype=np.float64).sum())
        left_out = float(np.square(missing, dtype=np.float64).sum())
        if left_out > MISSING_ENERGY * energy:
            share = f"{left_out / energy:.1%} of the input's energy" if energy else "silence alone"
            warnings.warn(
                f"the stems and the input differ by {share}: what is explained is the sum of "
                "the stems; add the difference to one of them, or as a stem of its own",
                stacklevel=4,
            )


class TimeSourceFactorization(SourceSeparationBasedFactorization):
    """Stems that are there already, within segments: vocals0, piano0, ..., vocals1, ...

    Parameters
    ----------
    stems : mapping of name to waveform [shape=(samples,)], all of the same length
    target_sr : int > 0 [Hz]
        The stems' sample rate; they are not resampled.
    temporal_segmentation_params, composition_fn : see `Factorization`
    """

    def __init__(
        self,
        stems: Mapping[str, Any],
        target_sr: int = 16_000,
        temporal_segmentation_params: SegmentationParams = None,
        composition_fn: CompositionFn | None = None,
    ) -> None:
        if not isinstance(stems, Mapping) or not stems:
            raise ParameterError("stems must map names to waveforms, such as {'vocals': vocals}")
        self._stems = {
            name: as_waveform(stem, name=f"stem {name!r}") for name, stem in stems.items()
        }
        lengths = {name: len(stem) for name, stem in self._stems.items()}
        if len(set(lengths.values())) > 1:
            raise ParameterError(f"stems must be of the same length, got {lengths}")
        mix = np.zeros(next(iter(lengths.values())), np.float32)
        for stem in self._stems.values():
            mix += stem
        super().__init__(mix, target_sr, temporal_segmentation_params, composition_fn)

    def initialize_components(self) -> tuple[Sequence[Any], Sequence[str]]:
        """Give the stems as they came."""
        return list(self._stems.values()), list(self._stems)


class SourceFactorization(TimeSourceFactorization):
    """Stems over the whole track, under their own names: vocals, piano, ...

    Parameters
    ----------
    stems, target_sr, composition_fn : see `TimeSourceFactorization`
    """

    def __init__(
        self,
        stems: Mapping[str, Any],
        target_sr: int = 16_000,
        composition_fn: CompositionFn | None = None,
    ) -> None:
        super().__init__(stems, target_sr, 1, composition_fn)

    def _take_stems(self, stems: Sequence[Any], names: Sequence[str]) -> None:
        super()._take_stems(stems, names)
        self._components_names = list(names)
