"""Separators, one file each with one interface, and a cache of stems."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from lemons_places import install
from lemons_utils import DataError, ParameterError

if TYPE_CHECKING:
    from audiolime.separation.interface import Separator

# Name: (module, class, arguments). Imported on request, since each needs other libraries.
_KNOWN: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "hybrid": ("hybrid", "Hybrid", ()),
    "dsp": ("dsp", "Dsp", ()),
    "spleeter:2stems": ("spleeter", "SpleeterTwoStems", ()),
    "spleeter:5stems": ("spleeter5", "SpleeterFiveStems", ()),
    "demucs:htdemucs": ("demucs", "Demucs", ("htdemucs",)),
    "demucs:htdemucs_6s": ("demucs", "Demucs", ("htdemucs_6s",)),
}

SEPARATORS = (*_KNOWN, "folder")
"""Names that `get_separator` takes. `hybrid` is for real music, `dsp` needs no weights."""


def get_separator(name: str, *, folder: Path | None = None) -> Separator:
    """Make a separator by its name.

    Parameters
    ----------
    name : str
        One of `SEPARATORS`.
    folder : Path, for `folder` alone
        The folder of one track's stems, e.g. `stems/<track_id>`, or a `.stem.mp4` file.

    Returns
    -------
    Separator

    Raises
    ------
    ParameterError
        If there is no such separator, or `folder` is given for one that computes its stems.
    DataError
        If a package or weights that it needs are missing, or the folder holds no stems.
    """
    if name not in SEPARATORS:
        raise ParameterError(f"separator must be one of {', '.join(SEPARATORS)}, got {name!r}")
    if (folder is None) == (name == "folder"):
        raise ParameterError(
            "the separator folder needs the folder of one track's stems"
            if folder is None
            else f"the separator {name} computes its stems: leave out the folder {folder}"
        )
    if folder is not None:
        from audiolime.separation.folder import FolderStems

        return FolderStems(folder)
    module, separator, arguments = _KNOWN[name]
    try:
        home = import_module(f"{__name__}.{module}")
    except ModuleNotFoundError as error:
        raise DataError(
            f"{name} needs the package {error.name}: {install('separation')}"
        ) from error
    made: Separator = getattr(home, separator)(*arguments)
    return made
