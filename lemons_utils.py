"""What all packages of LEMONS share: configuration, errors, files, progress, links to audio.

Imports the standard library alone; audio is in `lemons_audio`.
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
from types import ModuleType
from typing import ParamSpec
from urllib.parse import quote

SAMPLE_RATE = 16_000
"""Sample rate of every catalogue [Hz]."""

OnProgress = Callable[[str, float], None]
"""Called with the name of a step and the share of it that is done, in [0, 1]; what it raises ends
the work."""

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


def configuration(*, folder: Path = _HERE) -> Configuration:
    """Read the settings: environment before `config.py` before `config_template.py`.

    Only commands call this; functions take explicit arguments.

    Parameters
    ----------
    folder : Path
        Where the two files are.

    Raises
    ------
    DataError
        If `config.py` cannot be read, has a setting that does not exist or of the wrong type.
    """
    defaults = _settings(folder / "config_template.py")
    own_file = folder / "config.py"
    own = _settings(own_file) if own_file.exists() else {}
    for name, value in own.items():
        if name not in defaults:
            known = ", ".join(sorted(defaults))
            raise DataError(f"{own_file} sets `{name}`, which is no setting; known are: {known}")
        if not _is_like(value, defaults[name]):
            raise DataError(
                f"{own_file}: `{name}` must be like {defaults[name]!r} in config_template.py, "
                f"got {value!r}"
            )
    merged = {**defaults, **own}
    base = folder  # what a relative path in config.py starts from, wherever the command runs
    if environment := os.environ.get("LEMONS_DATA_FOLDER"):
        merged["data_folder"] = environment
        merged["web_folder"] = ""
        base = Path.cwd()
    if environment := os.environ.get("LEMONS_MONGO_URL"):
        merged["mongodb_url"] = environment

    data_folder = _folder(merged["data_folder"], base) or _default_data_folder(folder)
    return Configuration(
        data_folder=data_folder,
        web_folder=_folder(merged["web_folder"], base) or data_folder / "web",
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
    """Run a settings file; what it imports or defines to compute its values is no setting."""
    try:
        values = runpy.run_path(str(path))
    except Exception as error:
        raise DataError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return {
        name: value
        for name, value in values.items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and not callable(value)
    }


def _is_like(value: object, default: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, int):
        return isinstance(value, int)
    return isinstance(value, (str, Path))


def _folder(value: object, base: Path) -> Path | None:
    return (base / Path(str(value)).expanduser()).resolve() if str(value) else None


def _default_data_folder(folder: Path) -> Path:
    return folder if (folder / "pyproject.toml").exists() else Path.home() / "lemons"


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


# -- links -------------------------------------------------------------------------------------
# Python's own table depends on the machine's /etc/mime.types. Files of other types are sent as
# plain bytes, so that nothing in the web folder can run as a page of the app.
MEDIA_TYPES = {
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".m4a": "audio/mp4",
    ".json": "application/json",
    ".npz": "application/octet-stream",
    ".bin": "application/octet-stream",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
"""Media types of the files that a browser may fetch, by suffix."""


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
        If the path is empty, absolute or leads out of the folder.
    """
    parts = relative_path.split("/")
    if {"", ".", ".."} & set(parts) or "\\" in relative_path or "\0" in relative_path:
        raise ParameterError(f"expected a path inside the web folder, got {relative_path!r}")
    return f"{(base_url or '/audio').rstrip('/')}/{quote(relative_path)}"
