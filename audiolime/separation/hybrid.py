"""`hybrid`: vocals by Spleeter, drums and bass by signal processing. For real music."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiolime.separation import spleeter
from audiolime.separation.interface import ComputingSeparator
from audiolime.separation.spectral import drums_and_bass


class Hybrid(ComputingSeparator):
    """Vocals by Spleeter; from the rest, drums by their shape in time and bass by its band.

    Raises
    ------
    DataError
        As of `spleeter:2stems`.
    """

    name = "hybrid"
    version = f"1-{spleeter.SpleeterTwoStems.version}"
    stem_names = ("vocals", "drums", "bass", "other")

    def __init__(self) -> None:
        spleeter.find_weights()

    def estimate(self, mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Estimate vocals, drums and bass."""
        voice = spleeter.vocals(mix, sample_rate)
        return np.concatenate([voice[None], drums_and_bass(mix - voice, sample_rate)])
