"""audiolime around each listener's model, and the demo app.

`explain_track` is imported when it is first asked for: much here needs no model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lemons_processes import before_imports

before_imports(__name__)

if TYPE_CHECKING:
    from explanations.explain import explain_track as explain_track

__all__ = ["explain_track"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("explanations.explain"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
