"""Taste profiles on disk: `stored_explanations/<catalogue>/<user_name>/taste_profile.json`.

They are made of the Source explanations beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from explanations.store import Store
from explanations.taste_profile.measuring import TasteProfile, taste_profile
from lemons_limits import convert_json, read_json, with_checksum, without_checksum
from lemons_utils import DataError, write_beside

FORMAT = 1

_WHAT = "taste profile"


def profile_path(store: Store) -> Path:
    """Return the path of a listener's taste profile, kept or not."""
    return store.folder / "taste_profile.json"


def write_profile(store: Store, profile: TasteProfile) -> Path:
    """Write a taste profile with its checksum; readers see the old file or the new one."""
    path = profile_path(store)
    content = with_checksum({"format": FORMAT, **asdict(profile)})
    with write_beside(path) as temporary:
        text = json.dumps(content, indent=1, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def read_profile(store: Store, model_checksum: str) -> TasteProfile | None:
    """Read a taste profile if it is of this very model, otherwise None.

    A file that cannot be read counts as not kept: it is made again.
    """
    path = profile_path(store)
    try:
        content = without_checksum(read_json(path, dict[str, Any], _WHAT), str(path))
        if content.pop("format", None) != FORMAT:
            return None
        profile = convert_json(content, TasteProfile, str(path), _WHAT)
    except DataError:
        return None
    return profile if profile.model_checksum == model_checksum else None


def renew_profile(
    store: Store, track_ids: Iterable[str], *, user_name: str, model_checksum: str
) -> TasteProfile | None:
    """Make a taste profile of the stored Source explanations of tracks, and keep it.

    One that is kept of the same model and of more tracks stays. Explanations of sampled masks do
    not count; None where there are no others.

    Parameters
    ----------
    store : Store
        The listener's.
    track_ids : iterable of str
    user_name, model_checksum : str
    """
    found = {
        track_id: explanation
        for track_id in track_ids
        if (explanation := store.of_model(track_id, "source", model_checksum)) is not None
        and explanation.shapley is not None
    }
    kept = read_profile(store, model_checksum)
    if not found or (kept is not None and kept.tracks > len(found)):
        return kept
    profile = taste_profile(user_name, model_checksum, found)
    if profile != kept:
        write_profile(store, profile)
    return profile
