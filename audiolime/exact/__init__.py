"""Engines that answer every mask exactly, and the tables that they leave behind.

The derivation, with a drawing, is in `docs/exact.md`; in short:

1. the STFT is linear, so a masked track's spectrum is a sum of spectra   (`spectra`)
2. the network is local, so a column depends on the segments it sees      (`receptive_field`)
   and has to be computed once per distinct state of those                (`local_states`)
3. the head is a sum and a maximum over columns, so both come from parts  (`tables`)

`sweep` goes through a track that way; `all_masks` sums up all 2^n masks. Engine and tables give
the same `answers`: relevances, linear models, Shapley values, interactions. So do the `windowed`
engine of any model that hears windows, and the `plain` engine, slowly.
"""

from audiolime.components import Components
from audiolime.exact.adapt import adapt
from audiolime.exact.engine import LocalStateEngine
from audiolime.exact.network import Network, Stage
from audiolime.exact.plain import PlainEngine
from audiolime.exact.pooled_tables import LinearHead
from audiolime.exact.tables import Tables
from audiolime.exact.trunk_tables import TrunkTables
from audiolime.exact.windowed import WindowedEngine

__all__ = [
    "Components",
    "LinearHead",
    "LocalStateEngine",
    "Network",
    "PlainEngine",
    "Stage",
    "Tables",
    "TrunkTables",
    "WindowedEngine",
    "adapt",
]
