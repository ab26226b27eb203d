"""`hybrid`: vocals by Spleeter, drums and bass by signal processing. For real music."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiolime.separation import spleeter
from audiolime.separation.interface import separate_with
from audiolime.separation.spectral import drums_and_bass


@dataclass(frozen=True)
class Hybrid:
    """Vocals by Spleeter; of the rest, drums by their shape in time and bass by its band.

    Raises
    ------
    DataError
        If Spleeter's weights are missing.
    """

    name: str = "hybrid"
    version: str = f"1-{spleeter.SpleeterTwoStems.version}"
    stem_names: tuple[str, ...] = ("vocals", "drums", "bass", "other")

    def __post_init__(self) -> None:
        spleeter.networks()

    def separate(self, waveform: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
        """See `Separator.separate`."""
        return separate_with(_estimate, waveform, sample_rate)


def _estimate(mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    voice = spleeter.vocals(mix, sample_rate)
    return np.concatenate([voice[None], drums_and_bass(mix - voice, sample_rate)])
