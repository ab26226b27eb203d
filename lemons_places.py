"""Where LEMONS runs: from a clone, or installed; where settings and data are in each case."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
"""The folder of the shared modules."""

PUBLISHED_SETTINGS = {
    "project_path": "`data_folder`",
    "data_path": "`data_folder`; `python -m recsys.importers.published` reads its splits",
    "models_path": "experiments/ under `data_folder`",
    "stored_explanations_path": "stored_explanations/ under `data_folder`",
    "msd_npy_path": "catalogues/msd/audio under `data_folder`; that may be a link to the folder",
    "audio_path": "nowhere: excerpts for browsers are made from the arrays",
    "musdb_storage_root": "the argument of `python -m recsys.importers.musdb`",
    "musdb_storage_cache": "nowhere: arrays of a catalogue are the cache",
}
"""Settings of the published system's config.py, and where LEMONS has what they say."""


def is_clone(folder: Path = HERE) -> bool:
    """Return whether the code is in a clone or a source archive, and not installed."""
    return (folder / "pyproject.toml").exists()


def settings_file(folder: Path = HERE) -> Path | None:
    """Return the `config.py` that holds: a clone's own, or the first one where it is installed.

    Installed, it may be in the working directory, or in the user's folder of settings.
    """
    if is_clone(folder):
        places = [folder]
    else:
        from platformdirs import user_config_path

        places = [Path.cwd(), user_config_path("lemons", appauthor=False)]
    return next((file for place in places if (file := place / "config.py").is_file()), None)


def no_setting(name: str, known: Iterable[str]) -> str:
    """Return what is wrong with a name in `config.py` that is none of the known settings."""
    if name in PUBLISHED_SETTINGS:
        here = PUBLISHED_SETTINGS[name]
        return f"a setting of the published system, which is here {here}: leave it out"
    return f"which is no setting; known are: {', '.join(sorted(known))}"


def default_data_folder(folder: Path = HERE) -> Path:
    """Return where data is when no setting says so: in a clone, or in `~/lemons`."""
    return folder if is_clone(folder) else Path.home() / "lemons"


def typed_path(text: str) -> Path:
    """Return a path as it was typed, but whole where it has a `..`, so that none is printed."""
    path = Path(text)
    return path.resolve() if ".." in path.parts else path


def how_to(target: str, folder: Path = HERE) -> str:
    """Return the command line of a Makefile's target, `demo` or `app`, for the user to type."""
    return f"make {target}" if (folder / "Makefile").exists() else f"lemons-{target}"


def install(extra: str) -> str:
    """Return the command line that installs an extra, for the user to type."""
    return f'pip install "lemons[{extra}]"'
