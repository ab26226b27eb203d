"""Explanations on disk: a small JSON each, what-if tables beside it, never audio.

`stored_explanations/<catalogue>/<user_name>/<track_id>/<type>.json` holds one explanation and
how it came about; `tables.npz` beside it serves every type of that track. Listeners whose models
share a trunk share a track's tables as well: `stored_explanations/<catalogue>/.trunks/<first 12
digits of the trunk's checksum>/<track_id>/tables.npz`, and `stem_tables.npz` where Source alone was
asked for. Stems are not here: they are cached once per
track, and the listener's browser mixes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from audiolime.components import KINDS
from audiolime.exact import Tables, TrunkTables
from explanations.explanation import NEGLIGIBLE, TITLES, Explanation, Request
from explanations.pairs import Pair
from lemons_limits import convert_json, read_json, with_checksum, without_checksum
from lemons_utils import SAMPLE_RATE, DataError, ParameterError, write_beside

__all__ = [
    "FORMAT", "NEGLIGIBLE", "TITLES", "Explanation", "Pair", "Request", "SharedTables", "Store",
    "from_json", "to_json",
]  # fmt: skip

FORMAT = 2
"""Of the files: since 2 they have a checksum."""

_WHAT = "explanation"


def to_json(explanation: Explanation) -> dict[str, Any]:
    """Turn an explanation into what its file holds: also a checksum of the rest."""
    content = asdict(explanation)
    request = content["request"]
    content["request"] = {"type": request.pop("kind"), **request}
    content = {"format": FORMAT, "sample_rate": SAMPLE_RATE, **content}
    return with_checksum(content)


def from_json(content: Mapping[str, Any], name: str = "this") -> Explanation:
    """Rebuild an explanation from what its file holds.

    Parameters
    ----------
    content : mapping
    name : str
        What to call the file in an error message.

    Raises
    ------
    DataError
        If it holds something else, or has changed since it was written.
    """
    if content.get("format") != FORMAT:
        raise DataError(f"{name} is no {_WHAT} of format {FORMAT}, got {content.get('format')}")
    content = without_checksum(content, name)
    request = content.get("request")
    if isinstance(request, dict):
        content["request"] = {**request, "kind": request.get("type")}
    explanation = convert_json(content, Explanation, name, _WHAT)
    try:
        names = explanation.components.names
    except ParameterError as error:
        raise DataError(f"{name} is no {_WHAT}: {error}") from error
    lists = explanation.component_names, explanation.weights, explanation.shapley or names
    if {*map(len, lists)} != {len(names)}:
        raise DataError(f"{name} is no {_WHAT}: it must have {len(names)} components and weights")
    if not {each for pair in explanation.pairs or () for each in (pair.first, pair.second)} <= {
        *range(len(names))
    }:
        raise DataError(f"{name} is no {_WHAT}: pairs must be of its components")
    return explanation


@dataclass(frozen=True)
class Store:
    """The stored explanations of one listener in one catalogue.

    Parameters
    ----------
    folder : Path
        `stored_explanations/<catalogue>/<user_name>`.
    """

    folder: Path

    def path(self, track_id: str, kind: str) -> Path:
        """Where an explanation lies, stored or not."""
        if kind not in KINDS:
            raise ParameterError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        return self._track(track_id) / f"{kind}.json"

    def tables_path(self, track_id: str) -> Path:
        """Where the what-if tables of a track lie."""
        return self._track(track_id) / "tables.npz"

    def load(self, track_id: str, request: Request) -> Explanation | None:
        """Read an explanation if it answers this very request, otherwise None.

        Another model, other audio, another separator or other parameters: None. A file that
        cannot be read counts as not stored, so it is simply computed again.
        """
        stored = self._read(track_id, request.kind)
        return stored if stored and stored.request == request else None

    def of_model(self, track_id: str, kind: str, model_checksum: str) -> Explanation | None:
        """Read an explanation if it is of a model, whatever else was asked for; otherwise None."""
        stored = self._read(track_id, kind)
        return stored if stored and stored.request.model_checksum == model_checksum else None

    def save(self, track_id: str, explanation: Explanation) -> Path:
        """Write an explanation; readers see the old file or the new one."""
        path = self.path(track_id, explanation.kind)
        with write_beside(path) as temporary:
            text = json.dumps(to_json(explanation), indent=1, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")
        return path

    def load_tables(self, track_id: str, about: Mapping[str, object]) -> Tables | None:
        """Read the what-if tables of a track if they are about the very same, otherwise None.

        Parameters
        ----------
        track_id : str
        about : dict
            Model, audio, separator, segments and stems.
        """
        try:
            tables = Tables.read(self.tables_path(track_id))
        except DataError:
            return None
        return tables if _is_about(tables.meta, about) else None

    def save_tables(self, track_id: str, tables: Tables, about: Mapping[str, object]) -> Path:
        """Write the what-if tables of a track, with what they are about."""
        path = self.tables_path(track_id)
        tables.write(path, **about)
        return path

    def _read(self, track_id: str, kind: str) -> Explanation | None:
        path = self.path(track_id, kind)
        try:
            return from_json(read_json(path, dict[str, Any], _WHAT), str(path))
        except DataError:
            return None

    def _track(self, track_id: str) -> Path:
        return self.folder / _folder_name(track_id)


@dataclass(frozen=True)
class SharedTables:
    """The tables of a catalogue's tracks that all listeners of a trunk share.

    Parameters
    ----------
    folder : Path
        `stored_explanations/<catalogue>`; a name that begins with a dot is no listener's.
    file : str
        `tables.npz`, or `stem_tables.npz` for those that tell no segments apart: they answer
        Source explanations alone, and cost a quarter.
    """

    folder: Path
    file: str = "tables.npz"

    @property
    def of_stems(self) -> SharedTables:
        """The tables of the same tracks that tell no segments apart."""
        return replace(self, file="stem_tables.npz")

    def path(self, track_id: str, trunk_checksum: str) -> Path:
        """Where the tables of a track lie, stored or not."""
        name = _folder_name(track_id)
        return self.folder / ".trunks" / trunk_checksum[:12] / name / self.file

    def load(self, track_id: str, about: Mapping[str, object]) -> TrunkTables | None:
        """Read the tables of a track if they are about the very same, otherwise None.

        Parameters
        ----------
        track_id : str
        about : dict
            `trunk_checksum`, audio, separator, segments and stems.
        """
        try:
            tables = TrunkTables.read(self.path(track_id, str(about["trunk_checksum"])))
        except DataError:
            return None
        return tables if _is_about(tables.meta, about) else None

    def save(self, track_id: str, tables: TrunkTables, about: Mapping[str, object]) -> None:
        """Write the tables of a track, with what they are about."""
        tables.write(self.path(track_id, str(about["trunk_checksum"])), **about)


def _is_about(meta: Mapping[str, object], about: Mapping[str, object]) -> bool:
    return {name: meta.get(name) for name in about} == about


def _folder_name(track_id: str) -> str:
    if not track_id or "/" in track_id or "\\" in track_id or track_id.startswith("."):
        raise ParameterError(f"expected a track_id, got {track_id!r}")
    return track_id
