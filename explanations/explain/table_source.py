"""The tables of a track for a listener: kept ones, or such as are made now and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from audiolime.exact import LocalStateEngine, Tables
from explanations.listeners import ListenerModel
from explanations.store import SharedTables, Store
from lemons_utils import OnProgress
from recsys.heads import Trunk


@dataclass(frozen=True)
class TableSource:
    """Where the tables of a track for a listener are kept.

    Listeners of a trunk share a track's tables, of which each takes those of their head; whoever
    has no trunk, and whoever shares nothing, has tables of their own.

    Parameters
    ----------
    listener : ListenerModel
    name : str
        The track's name in the store.
    about : dict
        Audio, separator, segments and stems.
    store : Store or None
        Where tables of the listener's own are kept.
    shared : SharedTables or None
        Where tables that listeners of a trunk share are kept.
    """

    listener: ListenerModel
    name: str
    about: Mapping[str, object]
    store: Store | None
    shared: SharedTables | None

    def of_trunk(self) -> Tables | None:
        """Return the listener's part of kept tables that are shared; None if there are none."""
        trunk, head = self.listener.trunk, self.listener.head
        if self.shared is None or trunk is None or head is None:
            return None
        found = self.shared.load(self.name, self._about_trunk(trunk))
        return None if found is None else found.of_head(head.weight, [], head.bias)

    def of_stems(self, stems: NDArray[np.float32], on_progress: OnProgress | None) -> Tables | None:
        """Return the listener's part of shared tables that tell no segments apart.

        They are made and kept where there are none; None without a trunk.
        """
        if self.shared is None or self.listener.trunk is None:
            return None
        whole = (0, stems.shape[1])
        about = {**self.about, "segments": [list(whole)]}
        source = replace(self, about=about, shared=self.shared.of_stems)
        return source.make(stems, [whole], on_progress)

    def make(
        self,
        stems: NDArray[np.float32],
        segments: Sequence[tuple[int, int]],
        on_progress: OnProgress | None,
    ) -> Tables | None:
        """Return kept tables, or make and keep them; None where none can exist."""
        shared, trunk = self.shared, self.listener.trunk
        kept = self.of_trunk if shared is not None and trunk is not None else self._of_own
        if (tables := kept()) is not None:
            return tables
        if on_progress:
            on_progress("tables", 0.0)
        engine = LocalStateEngine(self.listener.network, stems, segments)
        if not engine.closed:
            return None
        if shared is not None and trunk is not None:
            directions = torch.from_numpy(trunk.directions)
            made = engine.trunk_tables(directions, on_progress=on_progress)
            shared.save(self.name, made, self._about_trunk(trunk))
        else:
            tables = engine.tables(on_progress=on_progress)
            if self.store is None:
                return tables
            self.store.save_tables(self.name, tables, self._about_own)
        return kept()  # rounded as stored: the same on every later run

    def _of_own(self) -> Tables | None:
        """Return kept tables of the listener's own; None if there are none."""
        return self.store.load_tables(self.name, self._about_own) if self.store else None

    @property
    def _about_own(self) -> dict[str, object]:
        return {"model_checksum": self.listener.checksum, **self.about}

    def _about_trunk(self, trunk: Trunk) -> dict[str, object]:
        return {"trunk_checksum": trunk.checksum, **self.about}
