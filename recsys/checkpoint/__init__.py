"""Files of weights, the JSON cards that describe them, and files of training states.

`best_model.safetensors` holds the weights under their published names, `best_model.json`
beside it the card. Nothing is pickled; a published `.pth` is read as tensors alone. What takes
torch is imported when it is first asked for: who lists experiments reads cards alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lemons_processes import on_demand
from recsys.checkpoint.card import BEST_MODEL as BEST_MODEL
from recsys.checkpoint.card import LAST_STATE as LAST_STATE
from recsys.checkpoint.card import make_card as make_card
from recsys.checkpoint.card import read_card as read_card
from recsys.checkpoint.card import remove_leftovers as remove_leftovers
from recsys.checkpoint.card import stored_card as stored_card
from recsys.checkpoint.card import trained_epochs as trained_epochs
from recsys.checkpoint.card import utc_now as utc_now
from recsys.checkpoint.card import weights_path as weights_path

if TYPE_CHECKING:  # type checkers see what `__getattr__` hands out
    from recsys.checkpoint.state import load_state as load_state
    from recsys.checkpoint.state import save_state as save_state
    from recsys.checkpoint.weights import load_model as load_model
    from recsys.checkpoint.weights import load_weights as load_weights
    from recsys.checkpoint.weights import read_tensors as read_tensors
    from recsys.checkpoint.weights import save_model as save_model

_WITH_TORCH = {
    "load_model": "weights",
    "load_state": "state",
    "load_weights": "weights",
    "read_tensors": "weights",
    "save_model": "weights",
    "save_state": "state",
}


def __getattr__(name: str) -> Any:
    return on_demand(__name__, _WITH_TORCH, name)
