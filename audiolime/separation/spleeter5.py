"""`spleeter:5stems`: Spleeter's own command, installed in a separate environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation.interface import ComputingSeparator, estimate_in_stereo, resample
from lemons_audio import read_audio
from lemons_utils import DataError, checksum

_MODEL = "5stems"
_SAMPLE_RATE = 44_100


class SpleeterFiveStems(ComputingSeparator):
    """Vocals, piano, drums, bass and other by Spleeter (Hennequin et al., JOSS 2020).

    Spleeter 2.4 needs NumPy 1 and TensorFlow 2.12, which cannot be installed beside LEMONS. Its
    command `spleeter` is therefore called from the PATH, with its weights in the folder `5stems`
    under `MODEL_PATH` (`pretrained_models` where that is not set).

    Raises
    ------
    DataError
        If the command or its weights are missing, or the command fails.
    """

    name = "spleeter:5stems"
    stem_names = ("vocals", "piano", "drums", "bass", "other")

    def __init__(self) -> None:
        _command()
        self.version = f"1-{checksum(_weights())[:8]}"

    def estimate(self, mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Estimate vocals, piano, drums and bass."""
        return estimate_in_stereo(self._run, mix, sample_rate, network_rate=_SAMPLE_RATE)

    def _run(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        import soundfile

        with tempfile.TemporaryDirectory(prefix="lemons-spleeter-") as name:
            folder = Path(name)
            soundfile.write(str(folder / "mix.wav"), stereo.T, _SAMPLE_RATE, subtype="FLOAT")
            _run(folder, seconds=stereo.shape[1] / _SAMPLE_RATE)
            out = folder / "out" / "mix"
            return np.stack([_read(out / f"{stem}.wav") for stem in self.stem_names[:-1]])


def _command() -> str:
    command = shutil.which("spleeter")
    if command is None:
        raise DataError(
            "spleeter:5stems needs Spleeter's command, which cannot be installed beside LEMONS: "
            "python3.11 -m venv spleeter && spleeter/bin/pip install spleeter==2.4.2, then put "
            "spleeter/bin on the PATH; or use the separator hybrid"
        )
    return command


def _weights() -> Path:
    folder = Path(os.environ.get("MODEL_PATH") or "pretrained_models") / _MODEL
    files = sorted(folder.glob("model.data-*"))
    if not files or not (folder / "checkpoint").is_file():
        raise DataError(
            f"spleeter:5stems needs the weights {_MODEL} in {folder.absolute()}: unpack "
            f"{_MODEL}.tar.gz of Spleeter's release v1.4.0 there, or set MODEL_PATH to the folder "
            f"above {_MODEL}"
        )
    return files[0]


def _run(folder: Path, *, seconds: float) -> None:
    # Without --duration Spleeter stops after ten minutes.
    options = ["-p", f"spleeter:{_MODEL}", "-c", "wav", "-d", f"{seconds + 1:.0f}"]
    done = subprocess.run(
        [_command(), "separate", *options, "-o", str(folder / "out"), str(folder / "mix.wav")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise DataError(f"spleeter exited with {done.returncode}; it said: {lines[-1]}")


def _read(path: Path) -> NDArray[np.float32]:
    if not path.is_file():
        raise DataError(f"spleeter made no {path.name}: run `spleeter --version`, 2.4.2 is known")
    stem, rate = read_audio(path)
    return resample(stem, rate, _SAMPLE_RATE)
