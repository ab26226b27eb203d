"""`spleeter:5stems`: Spleeter's own command, which lives in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation.interface import fit_length, resample, separate_with
from lemons_audio import read_audio
from lemons_utils import DataError, checksum

_MODEL = "5stems"
_SAMPLE_RATE = 44_100


@dataclass(frozen=True)
class SpleeterFiveStems:
    """Vocals, piano, drums, bass and other by Spleeter (Hennequin et al., JOSS 2020).

    Spleeter 2.4 needs NumPy 1 and TensorFlow 2.12, which cannot be installed beside LEMONS. So
    its command `spleeter` is called, wherever the PATH finds it, with its weights in the folder
    `5stems` under `MODEL_PATH` (`pretrained_models` where that is not set).

    Raises
    ------
    DataError
        If the command or its weights are missing, or the command fails.
    """

    name: str = "spleeter:5stems"
    version: str = field(init=False)
    stem_names: tuple[str, ...] = ("vocals", "piano", "drums", "bass", "other")

    def __post_init__(self) -> None:
        _command()
        object.__setattr__(self, "version", f"1-{checksum(_weights())[:8]}")

    def separate(self, waveform: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
        """See `Separator.separate`."""
        return separate_with(self._estimate, waveform, sample_rate)

    def _estimate(self, mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        import soundfile

        wide = resample(mix, sample_rate, _SAMPLE_RATE)
        stereo = wide if len(wide) == 2 else np.repeat(wide.mean(axis=0, keepdims=True), 2, axis=0)
        with tempfile.TemporaryDirectory(prefix="lemons-spleeter-") as name:
            folder = Path(name)
            soundfile.write(str(folder / "mix.wav"), stereo.T, _SAMPLE_RATE, subtype="FLOAT")
            _run(folder, seconds=stereo.shape[1] / _SAMPLE_RATE)
            stems = [_read(folder / "out" / "mix" / f"{stem}.wav") for stem in self.stem_names[:-1]]
        estimates = []
        for stem in stems:
            channels = stem if len(mix) == 2 else stem.mean(axis=0, keepdims=True)
            narrow = fit_length(resample(channels, _SAMPLE_RATE, sample_rate), mix.shape[1])
            estimates.append(np.broadcast_to(narrow, mix.shape))
        return np.stack(estimates)


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
    found = sorted(folder.glob("model.data-*"))
    if not found or not (folder / "checkpoint").is_file():
        raise DataError(
            f"spleeter:5stems needs the weights {_MODEL} in {folder.absolute()}: unpack "
            f"{_MODEL}.tar.gz of Spleeter's release v1.4.0 there, or set MODEL_PATH to the folder "
            f"above {_MODEL}"
        )
    return found[0]


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
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise DataError(f"spleeter exited with {done.returncode}; it said: {said[-1]}")


def _read(path: Path) -> NDArray[np.float32]:
    if not path.is_file():
        raise DataError(f"spleeter made no {path.name}: run `spleeter --version`, 2.4.2 is known")
    stem, rate = read_audio(path)
    return resample(stem, rate, _SAMPLE_RATE)
