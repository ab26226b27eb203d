"""What all rooms of LEMONS share: configuration, errors, files, audio, links to audio.

Imports numpy alone; the audio libraries load when a function needs them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import runpy
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Sample rate of every catalogue [Hz]."""

_HERE = Path(__file__).resolve().parent
_P = ParamSpec("_P")


# -- errors ------------------------------------------------------------------------------------
class ParameterError(ValueError):
    """An argument is wrong: says what was expected, what came and what to do."""


class DataError(RuntimeError):
    """A file is wrong or missing: says which, what was expected and what to do."""


def command(main: Callable[_P, int | None]) -> Callable[_P, int]:
    """Turn a main function into a command with the exit codes that people expect.

    A `ParameterError` or `DataError` is a person's mistake: one line on stderr, exit code 2.
    An interrupt exits 130. Anything else is ours and keeps its traceback.
    """

    @functools.wraps(main)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> int:
        try:
            return main(*args, **kwargs) or 0
        except (ParameterError, DataError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("interrupted; run the same command again to go on", file=sys.stderr)
            return 130

    return run


# -- configuration -----------------------------------------------------------------------------
@dataclass(frozen=True)
class Configuration:
    """The settings of `config.py`, with the defaults of `config_template.py`."""

    data_folder: Path
    web_folder: Path
    mongodb_url: str
    mongodb_db_name: str
    experiment_name: str
    app_host: str
    app_port: int
    webserver_host: str
    webserver_port: int
    audio_base_url: str
    stems_cache_gb: float

    @property
    def catalogues(self) -> Path:
        """Folder of all catalogues."""
        return self.data_folder / "catalogues"

    @property
    def experiments(self) -> Path:
        """Folder of trained models, one folder per training run."""
        return self.data_folder / "experiments"

    @property
    def runs(self) -> Path:
        """Folder of sacred's file observer."""
        return self.data_folder / "runs"

    @property
    def stems(self) -> Path:
        """Folder of the cache of separated stems."""
        return self.data_folder / "stems"

    @property
    def stored_explanations(self) -> Path:
        """Folder of stored explanations."""
        return self.data_folder / "stored_explanations"


def configuration() -> Configuration:
    """Read the settings: environment before `config.py` before `config_template.py`.

    Only commands call this; functions take explicit arguments.

    Raises
    ------
    DataError
        If `config.py` has a setting that does not exist or has the wrong type.
    """
    defaults = _settings(_HERE / "config_template.py")
    own_file = _HERE / "config.py"
    own = _settings(own_file) if own_file.exists() else {}
    for name, value in own.items():
        if name not in defaults:
            known = ", ".join(sorted(defaults))
            raise DataError(f"{own_file} sets `{name}`, which is no setting; known are: {known}")
        if not isinstance(value, (str, Path, int, float)) or (
            isinstance(defaults[name], (int, float)) != isinstance(value, (int, float))
        ):
            raise DataError(
                f"{own_file}: `{name}` must be like {defaults[name]!r} in config_template.py, "
                f"got {value!r}"
            )
    merged = {**defaults, **own}
    if environment := os.environ.get("LEMONS_DATA_FOLDER"):
        merged["data_folder"] = environment
        merged["web_folder"] = ""
    if environment := os.environ.get("LEMONS_MONGO_URL"):
        merged["mongodb_url"] = environment

    data_folder = _folder(merged["data_folder"]) or _default_data_folder()
    return Configuration(
        data_folder=data_folder,
        web_folder=_folder(merged["web_folder"]) or data_folder / "web",
        mongodb_url=str(merged["mongodb_url"]),
        mongodb_db_name=str(merged["mongodb_db_name"]),
        experiment_name=str(merged["experiment_name"]),
        app_host=str(merged["app_host"]),
        app_port=int(str(merged["app_port"])),
        webserver_host=str(merged["webserver_host"]),
        webserver_port=int(str(merged["webserver_port"])),
        audio_base_url=str(merged["audio_base_url"]),
        stems_cache_gb=float(str(merged["stems_cache_gb"])),
    )


def _settings(path: Path) -> dict[str, object]:
    values = runpy.run_path(str(path))
    return {
        name: value
        for name, value in values.items()
        if not name.startswith("_") and isinstance(value, (str, Path, int, float, list, dict))
    }


def _folder(value: object) -> Path | None:
    return Path(str(value)).expanduser().resolve() if str(value) else None


def _default_data_folder() -> Path:
    return _HERE if (_HERE / "pyproject.toml").exists() else Path.home() / "lemons"


# -- files -------------------------------------------------------------------------------------
@contextlib.contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place when the block succeeds.

    Readers see the old file or the new one, never half of it. If the block raises, the
    temporary file is removed and `path` stays as it was. The suffix is kept, so libraries
    that look at it write the right format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def claim_folder(parent: Path, name: str) -> Path:
    """Make a new folder `parent/name`, or `name-2`, `name-3` ... where it is taken.

    Atomic: two processes that ask at the same moment get two folders.
    """
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def checksum(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- audio -------------------------------------------------------------------------------------
def audio_checksum(audio: NDArray[np.int16]) -> str:
    """Name a recording by its sound: the `track_id` of 16 kHz mono audio.

    Parameters
    ----------
    audio : ndarray [shape=(samples,)], int16

    Returns
    -------
    str of 20 hexadecimal digits, the same for the same samples on every machine
    """
    return hashlib.sha256(np.ascontiguousarray(audio, dtype="<i2").tobytes()).hexdigest()[:20]


def to_int16(waveform: NDArray[np.floating]) -> NDArray[np.int16]:
    """Round a waveform in [-1, 1] to 16 bits; what lies outside is clipped."""
    scaled = np.rint(np.asarray(waveform, dtype=np.float64) * 32768.0)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def to_float32(audio: NDArray[np.int16]) -> NDArray[np.float32]:
    """Map 16-bit samples to [-1, 1): division by 32768, exact in float32."""
    return audio.astype(np.float32) / np.float32(32768.0)


def read_audio(
    path: Path, *, start_s: float = 0.0, duration_s: float | None = None
) -> tuple[NDArray[np.float32], int]:
    """Decode an audio file, or a part of it.

    wav, flac, ogg, opus and mp3 are read by libsndfile; m4a, aac, wma, mp4 and whatever else
    FFmpeg knows by PyAV, the first audio stream.

    Parameters
    ----------
    path : Path
    start_s : float >= 0 [s]
    duration_s : float > 0 [s], or None for everything that follows

    Returns
    -------
    waveform : ndarray [shape=(channels, samples)], float32
    sample_rate : int [Hz]

    Raises
    ------
    DataError
        If the file is missing, or neither library can decode it.
    """
    import soundfile

    if not path.is_file():
        raise DataError(f"{path} is not a file: name an audio file")
    try:
        with soundfile.SoundFile(str(path)) as file:
            sample_rate = int(file.samplerate)
            file.seek(min(round(start_s * sample_rate), file.frames))
            frames = -1 if duration_s is None else round(duration_s * sample_rate)
            audio = file.read(frames, dtype="float32", always_2d=True)
            return np.ascontiguousarray(audio.T), sample_rate
    except soundfile.LibsndfileError:
        return _read_with_ffmpeg(path, start_s, duration_s)


def _read_with_ffmpeg(
    path: Path, start_s: float, duration_s: float | None
) -> tuple[NDArray[np.float32], int]:
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise DataError(f"{path} holds no audio")
            stream = container.streams.audio[0]
            sample_rate = int(stream.rate)
            first = round(start_s * sample_rate)
            last = None if duration_s is None else first + round(duration_s * sample_rate)
            resampler = av.AudioResampler(format="fltp", rate=sample_rate)
            blocks: list[NDArray[np.float32]] = []
            position = 0
            for frame in container.decode(stream):
                for block in resampler.resample(frame):
                    samples = block.to_ndarray().astype(np.float32, copy=False)
                    begin = max(first - position, 0)
                    end = None if last is None else max(last - position, 0)
                    blocks.append(samples[:, begin:end])
                    position += samples.shape[1]
                if last is not None and position >= last:
                    break
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be decoded as audio: {error}") from error
    if not blocks:
        raise DataError(f"{path} holds no audio")
    return np.concatenate(blocks, axis=1), sample_rate


def to_catalogue_audio(waveform: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Mix to mono by the mean of the channels and resample to 16 kHz.

    Parameters
    ----------
    waveform : ndarray [shape=(channels, samples)], float32
    sample_rate : int > 0 [Hz]

    Returns
    -------
    ndarray [shape=(samples at 16 kHz,)], float32
    """
    import soxr

    mono: NDArray[np.float32] = waveform.mean(axis=0, dtype=np.float32)
    if sample_rate == SAMPLE_RATE:
        return mono
    resampled = soxr.resample(mono, sample_rate, SAMPLE_RATE, quality="HQ")
    return np.asarray(resampled, dtype=np.float32)


def write_audio(path: Path, waveform: NDArray[np.floating], *, sample_rate: int) -> None:
    """Write mono or multichannel audio; the suffix says the format (flac, wav, ogg, mp3).

    FLAC and WAV are written with 24 bits; MP3 and Ogg as libsndfile does by default.

    Parameters
    ----------
    path : Path
    waveform : ndarray [shape=(samples,) or (channels, samples)] in [-1, 1]
    sample_rate : int > 0 [Hz]
    """
    import soundfile

    subtype = {".flac": "PCM_24", ".wav": "PCM_24"}.get(path.suffix.lower())
    with write_beside(path) as temporary:
        soundfile.write(str(temporary), np.asarray(waveform).T, sample_rate, subtype=subtype)


# -- links -------------------------------------------------------------------------------------
def generate_audio_link(relative_path: str, *, base_url: str = "") -> str:
    """Make the link under which a browser finds an audio file of `web_folder`.

    Every link comes from here: this, and `audio_base_url` in `config.py`, is what to change
    when audio lives elsewhere.

    Parameters
    ----------
    relative_path : str
        Path below `web_folder`, with forward slashes.
    base_url : str
        Address that serves `web_folder`; empty for `/audio` on the app's own port.

    Raises
    ------
    ParameterError
        If the path is absolute or leads out of the folder.
    """
    parts = relative_path.split("/")
    if relative_path.startswith("/") or ".." in parts:
        raise ParameterError(f"expected a path inside the web folder, got {relative_path!r}")
    return f"{(base_url or '/audio').rstrip('/')}/{quote(relative_path)}"
