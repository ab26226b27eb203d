"""What all packages of LEMONS share: configuration, errors, files, links to audio.

Loads with the standard library alone; audio is in `lemons_audio`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import runpy
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec
from urllib.parse import quote

from lemons_places import HERE, default_data_folder, no_setting, settings_file
from lemons_processes import INTERRUPTED, after_imports, flushed, nobody_reads

SAMPLE_RATE = 16_000
"""Sample rate of every catalogue [Hz]."""

OnProgress = Callable[[str, float], None]
"""Callback with the name of a step and the share of it that is done, in [0, 1]; an exception that
it raises ends the work."""

_P = ParamSpec("_P")


# -- errors ------------------------------------------------------------------------------------
class ParameterError(ValueError):
    """Error of a wrong argument; its message says what was expected, what came, what to do."""


class DataError(RuntimeError):
    """Error of a wrong or missing file; its message says which, what was expected, what to do."""


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the error's name if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


_STORAGE = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EROFS: "choose a folder that can be written to (data_folder in config.py)",
    errno.EACCES: "see to it that it can be read and written",
    errno.EPERM: "see to it that it can be read and written",
}
"""What to do about errors of the operating system that are no fault of the program."""


def command(main: Callable[_P, int | None]) -> Callable[_P, int]:
    """Turn a main function into a command with the exit codes that people expect.

    A `ParameterError` or `DataError` is a mistake of the user, a disk that is full or a file that
    may not be written one of the machine: one line on stderr, exit code 2. An interrupt exits 130,
    and 141 means that whatever read the output has ended, as `head` does. Any other exception is
    a fault of the program and keeps its traceback.
    """

    @functools.wraps(main)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> int:
        after_imports()
        try:
            return flushed(main(*args, **kwargs) or 0)
        except (ParameterError, DataError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except OSError as error:
            if error.errno == errno.EPIPE and nobody_reads():
                return 141
            if error.errno not in _STORAGE:
                raise
            name = error.filename2 or error.filename  # the copy, where copying fails
            file = f"{name}: " if name else ""
            mend = f"{_STORAGE[error.errno]}, and run the same command again; what is done is kept"
            print(f"error: {file}{os.strerror(error.errno)}: {mend}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(INTERRUPTED, file=sys.stderr)
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
    host_names: str
    embedded_by: str
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


def configuration(*, folder: Path = HERE) -> Configuration:
    """Read the settings: environment before `config.py` before `config_template.py`.

    Only commands call this; functions take explicit arguments.

    Parameters
    ----------
    folder : Path
        Where the template is; `lemons_places.settings_file` finds `config.py`.

    Raises
    ------
    DataError
        If `config.py` cannot be read, has a setting that does not exist or of the wrong type.
    """
    defaults = _settings(folder / "config_template.py")
    own_file = settings_file(folder)
    own = _settings(own_file) if own_file else {}
    for name, value in own.items():
        if name not in defaults:
            raise DataError(f"{own_file} sets `{name}`, {no_setting(name, defaults)}")
        if not _is_like(value, defaults[name]):
            raise DataError(
                f"{own_file}: `{name}` must be like {defaults[name]!r} in config_template.py, "
                f"got {value!r}"
            )
    merged = {**defaults, **own}
    base = (
        own_file.parent if own_file else folder
    )  # what a relative path in config.py starts from, wherever the command runs
    if environment := os.environ.get("LEMONS_DATA_FOLDER"):
        merged["data_folder"] = environment
        merged["web_folder"] = ""
        base = Path.cwd()
    if environment := os.environ.get("LEMONS_MONGO_URL"):
        merged["mongodb_url"] = environment

    values: dict[str, Any] = {name: type(defaults[name])(merged[name]) for name in defaults}
    values["data_folder"] = _folder(values["data_folder"], base) or default_data_folder(folder)
    values["web_folder"] = _folder(values["web_folder"], base) or values["data_folder"] / "web"
    return Configuration(**values)


def _settings(path: Path) -> dict[str, Any]:
    """Run a settings file; return its names and values, without modules and functions."""
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


def _folder(value: str, base: Path) -> Path | None:
    return (base / Path(value).expanduser()).resolve() if value else None


# -- files -------------------------------------------------------------------------------------
@contextlib.contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place when the block succeeds.

    Readers see the old file or the new one, never half of it. If the block raises, the
    temporary file is removed and `path` stays as it was. The suffix is kept, so libraries
    that look at it write the right format.

    Raises
    ------
    OSError
        If the block fails because nothing can be written, whatever error the library that writes
        makes of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except Exception as error:
        if (number := getattr(error, "errno", None)) not in _STORAGE:
            number = _why_not_written(temporary)
        if number in _STORAGE and getattr(error, "filename", None) in (None, str(temporary)):
            raise OSError(number, os.strerror(number), str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


_NO_ROOM = 1 << 16  # bytes that are left on a disk that is full


def _why_not_written(path: Path) -> int | None:
    """Return the error's number if a file cannot be written, which libraries keep to themselves."""
    try:
        path.open("ab").close()
    except OSError as error:
        return error.errno
    return errno.ENOSPC if shutil.disk_usage(path.parent).free < _NO_ROOM else None


def write_csv(path: Path, table: Any) -> None:
    """Write a pandas table without its index by `write_beside`, the same bytes everywhere."""
    with write_beside(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON by `write_beside`."""
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(dict(content), indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def locked(path: Path, otherwise: Exception, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a lock file within this context; raise `otherwise` where another process holds it.

    It is raised when the other process has held the lock for `wait_s` seconds. The lock of a
    killed process is void. Where nothing can be written there is nothing to lock either.
    """
    from filelock import FileLock, Timeout

    held: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    try:
        held = FileLock(path, timeout=wait_s).acquire()
    except Timeout:
        raise otherwise from None
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
    with held:
        yield


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
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
