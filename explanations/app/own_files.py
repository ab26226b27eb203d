"""Audio files that a viewer uploads: kept, scored by every model, explained like any track."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from explanations.listeners import ListenerModel
from lemons_audio import audio_length_s, read_audio, to_catalogue_audio, to_float32, to_int16
from lemons_limits import read_json
from lemons_utils import SAMPLE_RATE, DataError, OnProgress, ParameterError, write_beside
from recsys.catalogue import Catalogue, save_audio
from recsys.heads.features import coordinates_of
from recsys.inference import relevance, track_logits
from recsys.ingest.decoding import SILENCE

NAME = "own_files"
"""Name of the catalogue of own files; it lies beside `catalogues/`, not in it."""

EXCERPT_S = 30.0
KEPT = 200
"""Number of files that are kept; beyond it the oldest is deleted."""

SUFFIXES = ("mp3", "wav", "flac", "ogg", "opus", "m4a", "aac", "wma")


def own_files(data_folder: Path) -> Catalogue:
    """Open the catalogue of own files; it may be empty."""
    return Catalogue(NAME, data_folder / NAME)


def take_in(
    file: BinaryIO, name: str, data_folder: Path, *, start_s: float | None = None
) -> tuple[str, float]:
    """Decode a file and keep 30 s of it.

    Parameters
    ----------
    name : str
        Name of the uploaded file; its suffix helps to decode it.
    start_s : float >= 0 [s], optional
        Where they begin; by default they are in the middle.

    Returns
    -------
    track_id : str
    length_s : float [s]
        Length of the whole file.

    Raises
    ------
    DataError
        If it is not audio, silent, or shorter than a second.
    """
    catalogue = own_files(data_folder)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix.lower()}"
        with path.open("wb") as target:
            shutil.copyfileobj(file, target)
        try:
            length_s = audio_length_s(path)
            latest_s = max(length_s - EXCERPT_S, 0.0)
            start_s = latest_s / 2 if start_s is None else min(start_s, latest_s)
            waveform, sample_rate = read_audio(path, start_s=start_s, duration_s=EXCERPT_S)
            audio = to_int16(to_catalogue_audio(waveform, sample_rate))
        except (DataError, ParameterError) as error:
            raise DataError(str(error).replace(str(path), name)) from error
    if len(audio) < SAMPLE_RATE:
        raise DataError(f"{name} is shorter than a second: choose a longer file")
    if max(int(audio.max()), -int(audio.min())) <= SILENCE:
        raise DataError(f"{name} is silent there: choose another part, or another file")
    track_id = save_audio(catalogue.folder, audio)
    with write_beside(_card(catalogue, track_id)) as temporary:
        temporary.write_text(json.dumps({"title": Path(name).stem}), encoding="utf-8")
    _forget_oldest(catalogue, keep=track_id)
    return track_id, length_s


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
    """Score one track by the models of several listeners, those of a trunk in one pass.

    Parameters
    ----------
    on_progress : callable
        Called with "ask" and the share that is done; what it raises ends the work.

    Returns
    -------
    list of float in [0, 1], in the order of the listeners
    """
    waveform = torch.from_numpy(to_float32(catalogue.audio(track_id)))[None]
    coordinates: dict[str, NDArray[np.float32]] = {}
    relevances = []
    for number, listener in enumerate(listeners):
        on_progress("ask", number / len(listeners))
        if listener.on_trunk is None:
            logit = track_logits(listener.network, waveform).double().numpy()
        else:
            trunk, head = listener.on_trunk
            if trunk.checksum not in coordinates:
                coordinates[trunk.checksum] = coordinates_of(trunk, catalogue, [track_id])
            logit = head.logits(coordinates[trunk.checksum])
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
