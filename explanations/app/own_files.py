"""Audio files that a viewer uploads: kept, scored by every model, explained like any track."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import torch

from explanations.listeners import ListenerModel
from lemons_audio import audio_length_s, read_audio, to_catalogue_audio, to_float32, to_int16
from lemons_limits import read_json
from lemons_utils import SAMPLE_RATE, DataError, OnProgress, ParameterError, write_beside
from recsys.catalogue import Catalogue, save_audio
from recsys.inference import relevance, track_logits

NAME = "own_files"
"""Name of the catalogue of own files; it lies beside `catalogues/`, not in it."""

EXCERPT_S = 30.0
KEPT = 200
"""Number of files that are kept; beyond it the oldest is deleted."""

SUFFIXES = ("mp3", "wav", "flac", "ogg", "opus", "m4a", "aac", "wma")


def own_files(data_folder: Path) -> Catalogue:
    """Open the catalogue of own files; it may be empty."""
    return Catalogue(NAME, data_folder / NAME)


def take_in(file: BinaryIO, name: str, data_folder: Path) -> str:
    """Decode a file and keep the 30 s in its middle.

    Parameters
    ----------
    name : str
        Name of the uploaded file; its suffix helps to decode it.

    Returns
    -------
    str
        Its `track_id`.

    Raises
    ------
    DataError
        If it is not audio, or shorter than a second.
    """
    catalogue = own_files(data_folder)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix.lower()}"
        with path.open("wb") as target:
            shutil.copyfileobj(file, target)
        try:
            start_s = max((audio_length_s(path) - EXCERPT_S) / 2, 0.0)
            waveform, sample_rate = read_audio(path, start_s=start_s, duration_s=EXCERPT_S)
            audio = to_int16(to_catalogue_audio(waveform, sample_rate))
        except (DataError, ParameterError) as error:
            raise DataError(str(error).replace(str(path), name)) from error
    if len(audio) < SAMPLE_RATE:
        raise DataError(f"{name} is shorter than a second: choose a longer file")
    track_id = save_audio(catalogue.folder, audio)
    with write_beside(_card(catalogue, track_id)) as temporary:
        temporary.write_text(json.dumps({"title": Path(name).stem}), encoding="utf-8")
    _forget_oldest(catalogue, keep=track_id)
    return track_id


def is_kept(catalogue: Catalogue, track_id: str) -> bool:
    """Return whether a file is still kept; a text that is no `track_id` never is."""
    try:
        return catalogue.audio_path(track_id).is_file()
    except ParameterError:
        return False


def title_of(catalogue: Catalogue, track_id: str) -> str:
    """Return the name that a file had, without its suffix."""
    try:
        return read_json(_card(catalogue, track_id), dict[str, str], "title")["title"]
    except (DataError, KeyError):
        return "Your file"


def relevance_of(
    catalogue: Catalogue,
    track_id: str,
    listeners: Sequence[ListenerModel],
    on_progress: OnProgress,
) -> list[float]:
    """Score one track by the models of several listeners.

    Parameters
    ----------
    on_progress : callable
        Called with "ask" and the share that is done; what it raises ends the work.

    Returns
    -------
    list of float in [0, 1], in the order of the listeners
    """
    waveform = torch.from_numpy(to_float32(catalogue.audio(track_id)))[None]
    relevances = []
    for number, listener in enumerate(listeners):
        on_progress("ask", number / len(listeners))
        logit = track_logits(listener.network, waveform).double().numpy()
        relevances.append(float(relevance(logit)[0]))
    return relevances


def _card(catalogue: Catalogue, track_id: str) -> Path:
    return catalogue.folder / "titles" / f"{track_id}.json"


def _forget_oldest(catalogue: Catalogue, *, keep: str) -> None:
    arrays = sorted(
        (catalogue.folder / "audio").glob("[!.]*.npy"), key=lambda path: path.stat().st_mtime
    )
    for path in arrays[:-KEPT]:
        if path.stem != keep:
            path.unlink(missing_ok=True)
            _card(catalogue, path.stem).unlink(missing_ok=True)
