"""audiolime around each listener's model, and the demo app.

`explain_track` is imported when it is first asked for: much here needs no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lemons_processes import before_imports, on_demand

before_imports(__name__)

if TYPE_CHECKING:
    from explanations.explain import explain_track as explain_track

__all__ = ["explain_track"]


def __getattr__(name: str) -> Any:
    return on_demand(__name__, {"explain_track": "explain"}, name)
