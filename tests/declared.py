"""What pyproject.toml declares, and what that brings along."""

import importlib.metadata
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def requirements(*extras: str) -> list[Requirement]:
    """Return what LEMONS asks for, with the extras that its extras name."""
    found = [Requirement(text) for text in PROJECT["dependencies"]]
    waiting, seen = list(extras), set()
    while waiting:
        if (extra := waiting.pop(0)) in seen:
            continue
        seen.add(extra)
        for wanted in map(Requirement, EXTRAS[extra]):
            if wanted.name == PROJECT["name"]:
                waiting += sorted(wanted.extras)
            elif str(wanted) not in map(str, found):
                found.append(wanted)
    return found


def needed(wanted: list[Requirement]) -> Iterator[tuple[str, str]]:
    """Yield what requirements bring along, and who asks for it first; breadth first."""
    waiting, seen = [(requirement, "") for requirement in wanted], set()
    while waiting:
        requirement, parent = waiting.pop(0)
        extras = {"", *requirement.extras}
        name = canonicalize_name(requirement.name)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
            continue
        if (name, *sorted(extras)) in seen:
            continue
        seen.add((name, *sorted(extras)))
        yield name, parent
        for text in importlib.metadata.requires(name) or ():
            child = Requirement(text)
            if child.marker and not any(child.marker.evaluate({"extra": each}) for each in extras):
                continue
            child.marker = None
            waiting.append((child, name))
