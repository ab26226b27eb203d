"""Every kind of damaged file is named, and what has a source is made again."""

import os
import time

import numpy as np
import pytest
import torch

from lemons_arrays import write_archive
from lemons_limits import with_checksum
from lemons_utils import checksum, write_json
from recsys import checkpoint, heads
from recsys.catalogue import Catalogue
from recsys.ingest.folder import main as ingest
from recsys.listening.splits import checksum_path
from recsys.model import FORMAT, STATISTICS
from recsys.track_table import TrackTable
from recsys.training import TrainingState


def change(path, at: float = 0.5) -> None:
    """Change a bit of a file; whoever shares it by a link keeps the old one."""
    content = bytearray(path.read_bytes())
    content[round(at * (len(content) - 1))] ^= 4
    path.unlink()
    path.write_bytes(content)


@pytest.fixture
def everything(data_folder, give_model) -> dict[str, object]:
    """A file of each kind that is verified."""
    folder = data_folder / "catalogues" / "tiny"
    catalogue = Catalogue("tiny", folder)
    track_id = catalogue.track_ids[0]
    blank = heads.PooledTrack(
        np.zeros(STATISTICS, np.float32), np.zeros((6, STATISTICS), np.float32), "none"
    )
    heads.write_pooled(catalogue, track_id, blank)
    model = give_model("marko") / checkpoint.BEST_MODEL
    state = model.with_name(checkpoint.LAST_STATE)
    checkpoint.save_state(state, TrainingState({"a": torch.ones(1000)}, {"epoch": 1}))
    trunk = heads.trunk_path(data_folder / "experiments", "tiny")
    about = {"format": FORMAT, "name": "tiny", "catalogue": "tiny", "sample": [track_id]}
    directions, sample = np.ones((2, STATISTICS), np.float32), np.ones((1, 7, 2), np.float32)
    heads.write_trunk(trunk, heads.Trunk("tiny", "tiny", directions, "", about, sample))
    relevance = TrackTable(folder / "relevance" / "nina.parquet", catalogue, {"model": "a"})
    relevance.note(catalogue.track_ids, [0.5] * 24)
    relevance.finish()
    stored = data_folder / "stored_explanations" / "tiny" / "nina" / track_id
    write_json(stored / "time.json", with_checksum({"name": "x" * 400}))
    for name in ("tables", "stem_tables"):
        write_archive(stored / f"{name}.npz", {}, {"sum": np.ones(999)}, json_name="meta")
    stems = data_folder / "stems" / track_id / "hybrid-1"
    stems.mkdir(parents=True)
    (stems / "drums.flac").write_bytes(bytes(100))
    write_json(stems / "stems.json", {"files": {"drums": checksum(stems / "drums.flac")}})
    return {
        "relevance": relevance.path,
        "explanation": stored / "time.json",
        "tables": stored / "tables.npz",
        "stem tables": stored / "stem_tables.npz",
        "stems": stems / "drums.flac",
        "audio": catalogue.audio_path(track_id),
        "tracks": folder / "tracks.parquet",
        "split": folder / "splits" / "nina-1057386.csv",
        "statistics": folder / "statistics" / f"{track_id}.npz",
        "model": model,
        "state": state,
        "trunk": trunk,
    }


def test_nothing_is_damaged(lemons, everything):
    for arguments in ((), ("--catalogue", "tiny"), ("--repair",)):
        before = {path: checksum(path) for path in everything.values()}
        done = lemons("verify", *arguments)
        assert (done.code, done.err) == (0, "")
        assert done.out == "tiny, experiments and explanations: nothing is damaged\n"
        assert before == {path: checksum(path) for path in everything.values()}


@pytest.mark.parametrize(
    ("kind", "at", "says"),
    [
        ("audio", 0.5, "whose checksum is its name; remove it, and run the command that made"),
        ("tracks", 0.1, "remove it, and run the command that made the catalogue again"),
        ("statistics", 0.5, "remove it, it is computed again"),
        ("split", 0.5, "has changed since it was written: make the split again"),
        ("relevance", 0.02, "remove it, it is computed again"),
        ("explanation", 0.3, "has changed: it has the checksum of other content"),
        ("tables", 0.5, "remove it, it is computed again"),
        ("stem tables", 0.5, "remove it, it is computed again"),
        ("model", 0.9, "with resume="),
        ("state", 0.9, "its checksum is that of other content: remove it"),
        ("trunk", 0.9, "make it again with `python -m recsys.trunk --anew`"),
    ],
)
def test_a_changed_bit_is_found(lemons, everything, kind, at, says):
    change(everything[kind], at)
    done = lemons("verify")
    assert (done.code, done.err) == (1, "")
    line, last = done.out.splitlines()
    assert line.startswith(f"damaged: {everything[kind]}: ") and says in line
    assert last == "tiny, experiments and explanations: 1 damaged files, 0 of them repaired"


def test_a_changed_stem_is_found(lemons, everything):
    change(everything["stems"])
    card = everything["stems"].with_name("stems.json")
    says = f"damaged: {card}: has the checksum of another drums.flac; remove it, it is computed"
    assert says in lemons("verify").out


def test_what_does_not_fit_together_is_found(lemons, everything):
    split, audio = everything["split"], everything["audio"]
    text = split.read_text()
    split.unlink()
    checksum_path(split).unlink()
    split.write_text(text.replace(text.splitlines()[1].split(",")[0], "0" * 20))
    audio.unlink()
    done = lemons("verify", "--jobs", "2")
    assert done.code == 1
    assert f"no audio of track {audio.stem}" in done.out
    assert f"damaged: {split}: lists 1 unknown tracks, the first is '{'0' * 20}'" in done.out


def test_a_model_is_trained_again_where_the_state_is_damaged_too(lemons, everything):
    change(everything["model"], 0.9)
    change(everything["state"], 0.9)
    out = lemons("verify").out
    assert "train the listener again" in out and "with resume=" not in out


def test_repair_makes_audio_again_from_its_file(lemons, data_folder, tmp_path, rng, write_media):
    music = tmp_path / "music"
    for name in ("a.wav", "b.flac", "c.wav"):
        write_media(music / name, rng.uniform(-0.5, 0.5, (2, 50_000)).astype("f4"), 22_050)
    lemons("verify")  # sets the environment
    assert ingest([str(music), "--catalogue", "mine", "--jobs", "1", "--excerpt_s", "1.5"]) == 0
    arrays = sorted((data_folder / "catalogues" / "mine" / "audio").glob("*.npy"))
    whole = [path.read_bytes() for path in arrays]
    for path in arrays:
        change(path)
    (music / "c.wav").unlink()
    arguments = ("verify", "--catalogue", "mine", "--repair")
    done = lemons(*arguments)
    assert done.code == 1
    assert [line.split(": ")[0] for line in done.out.splitlines()[:3]].count("repaired") == 2
    made_again = [path.read_bytes() == before for path, before in zip(arrays, whole, strict=True)]
    assert sorted(made_again) == [False, True, True]
    lost = arrays[made_again.index(False)]
    lost.unlink()
    assert lemons(*arguments).code == 1
    assert ingest([str(music), "--catalogue", "mine", "--jobs", "1", "--excerpt_s", "1.5"]) == 0
    assert lemons(*arguments).code == 0


def test_repair_removes_what_is_made_again_and_what_kills_have_left(lemons, everything):
    for kind in ("statistics", "relevance", "explanation", "tables"):
        change(everything[kind], 0.1)
    folder = everything["split"].parent
    old, new = (folder / f".nina.{digit * 12}.csv" for digit in "01")
    for path in (old, new, folder / ".mine"):
        path.write_text("half")
    for path in (old, folder / ".mine"):
        os.utime(path, (time.time() - 90_000,) * 2)
    done = lemons("verify", "--repair")
    assert done.code == 0
    assert "5 damaged files, 5 of them repaired" in done.out
    assert not any(everything[kind].exists() for kind in ("statistics", "relevance", "tables"))
    assert not everything["explanation"].exists() and not old.exists()
    assert new.exists() and (folder / ".mine").exists()
