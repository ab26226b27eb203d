"""The band's tables: TOML files beside the modules, each with a comment on its keys and units.

A change of a table changes the songs: record the catalogue again with `python -m recsys.demo`.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from lemons_utils import DataError

_T = TypeVar("_T")


@cache
def read(file: str) -> dict[str, Any]:
    """Return a file's tables as dicts, its arrays as tuples.

    Raises
    ------
    DataError
        If the file is not TOML.
    """
    text = files("recsys.demo").joinpath(file).read_text(encoding="utf-8")
    try:
        return {name: _frozen(value) for name, value in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{file} must be TOML: {error}") from error


def records(kind: Callable[..., _T], file: str, table: str | None = None) -> dict[str, _T]:
    """Return the rows of a table, or of a whole file, as records by name.

    Parameters
    ----------
    kind : dataclass or NamedTuple
        Its fields are the keys of a row; those with a default may be left out.
    file : str
        The file's name, e.g. "genres.toml".
    table : str, optional

    Raises
    ------
    DataError
        If a row has an unknown key or lacks one.
    """
    rows = read(file) if table is None else read(file)[table]
    known = inspect.signature(kind).parameters
    needed = {name for name, field in known.items() if field.default is field.empty}
    for name, row in rows.items():
        if unknown := row.keys() - known:
            raise DataError(
                f"{file}: the keys of {name!r} must be from {', '.join(known)}, got "
                f"{', '.join(sorted(unknown))}"
            )
        if missing := needed - row.keys():
            raise DataError(f"{file}: {name!r} lacks {', '.join(sorted(missing))}")
    return {name: kind(**row) for name, row in rows.items()}


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
