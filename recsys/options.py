"""Types of command options, and the path of a listener's split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lemons_utils import DataError, ParameterError
from recsys import listening
from recsys.catalogue import Catalogue


def typed(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with the types of their defaults.

    A user name of digits is a name, `n_epochs=1e3` is a whole number, `lr=1` is a float.

    `config` is sacred's: values are Python literals where they look like one. The result has the
    keys of `defaults`, of which None stands for an option that is off or a whole number.

    Raises
    ------
    ParameterError
        If a value has another type; the message names the option and what it takes.
    """
    return {name: _typed(name, config[name], default) for name, default in defaults.items()}


def split_of(catalogue: Catalogue, user_name: str, seed: int) -> Path:
    """Return the path of a listener's split.

    Raises
    ------
    DataError
        If the listener has none in this catalogue; the message names those who have one.
    """
    path = listening.split_path(catalogue, user_name, seed)
    if not path.is_file():
        there = ", ".join(listening.users(catalogue, seed)) or "none"
        raise DataError(
            f"no listener {user_name!r} in catalogue {catalogue.name} (there with split_seed "
            f"{seed}: {there}); `python -m recsys.listening plays.csv --catalogue "
            f"{catalogue.name}` adds listeners"
        )
    return path


def _typed(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, str):
        return "" if value is None else str(value)
    if isinstance(default, bool):
        return _switch(name, value)
    if default is None and value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(default, float) and is_number:
        return float(value)
    if not isinstance(default, float) and is_number and value == value // 1:
        return int(value)
    kind = "a number" if isinstance(default, float) else "a whole number"
    also = ", or None" if default is None else ""
    raise ParameterError(f"{name} must be {kind}{also}, got {value!r}")


def _switch(name: str, value: Any) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False, "none": False}
    if (text := str(value).lower()) not in known:
        raise ParameterError(f"{name} must be True or False, got {value!r}")
    return known[text]
