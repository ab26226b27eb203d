"""The commands that an installation puts on the PATH, `lemons-train` and the others; the next one.

Each is `python -m` of a module, and says which extra to install where its packages are missing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from lemons_places import install
from lemons_processes import put_off

COMMANDS = {
    "lemons-app": ("explanations.launch", "app"),
    "lemons-demo": ("explanations.demo", "app"),
    "lemons-eval": ("recsys.eval", "recsys"),
    "lemons-experiments": ("recsys.experiments.command", "recsys"),
    "lemons-explain": ("explanations.explain.command", "app"),
    "lemons-ingest": ("recsys.ingest.folder", "recsys"),
    "lemons-listening": ("recsys.listening.command", "recsys"),
    "lemons-predict": ("recsys.predict", "recsys"),
    "lemons-separate": ("audiolime.separation.__main__", "separation"),
    "lemons-train": ("recsys.experiment", "recsys"),
    "lemons-trunk": ("recsys.trunk", "recsys"),
    "lemons-verify": ("recsys.verify", "app"),
}
"""For every command the module whose `main` it runs, and the extra that brings its packages."""

_by_hand = True


@contextlib.contextmanager
def steps() -> Iterator[None]:
    """Print no next command within this context, in which one follows the other by itself."""
    global _by_hand
    before, _by_hand = _by_hand, False
    try:
        yield
    finally:
        _by_hand = before


def print_next(command: str, *, why: str = "") -> None:
    """Print the command to type next, by the kind of name that this one was called by.

    Parameters
    ----------
    command : str
        As after `python -m`.
    why : str
        What is said of it.
    """
    if _by_hand:
        print(f"next: `{_typed(command)}` {why}".rstrip(), flush=True)


def _typed(command: str) -> str:
    module = command.partition(" ")[0]
    if Path(sys.argv[0]).stem in COMMANDS:
        for name, (runs, _) in COMMANDS.items():
            if f"{runs}.".startswith(f"{module}."):
                return name + command.removeprefix(module)
    return f"python -m {command}"


def main() -> Any:
    """Run the command by whose name this was called; return its exit code."""
    name = Path(sys.argv[0]).stem
    module, extra = COMMANDS[name]
    put_off()
    try:
        run = import_module(module).main
    except ModuleNotFoundError as error:
        ours = {"audiolime", "explanations", "recsys"}
        if error.name is None or error.name.partition(".")[0] in ours:
            raise
        print(
            f"error: {name} needs the package {error.name}: {install(extra)}",
            file=sys.stderr,
        )
        return 2
    return run()
