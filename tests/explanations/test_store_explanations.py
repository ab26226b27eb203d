import importlib
import json
import shutil
import threading

import pytest

from audiolime.exact import LocalStateEngine, PlainEngine
from explanations.explain import main as explain
from explanations.store import Store, from_json
from explanations.store_explanations import main, track_jobs
from explanations.taste_profile import read_profile
from lemons_jobs import Workers

ARGUMENTS = ["--user_name", "marko", "--catalogue", "own", "--separator", "folder"]


def stored(house):
    # Names that begin with a dot are files half written by somebody who was killed.
    found = (house.folder / "stored_explanations").rglob("[!.]*.json")
    return sorted(path for path in found if path.name != "taste_profile.json")


def test_every_type_of_every_track_and_nothing_twice(house, capsys):
    assert main([*ARGUMENTS, "--top_n", "5"]) == 0
    out = capsys.readouterr().out
    assert "marko: model: 2026-01-02_03-04-05-own-marko (" in out and "6 explanations" in out
    files = stored(house)
    assert [path.name for path in files] == ["source.json", "time.json", "time_source.json"] * 2
    assert {path.parent.name for path in files} == set(house.track_ids)
    for track_id in house.track_ids:
        home = house.folder / "stored_explanations" / "own" / "marko" / track_id
        assert (home / "tables.npz").exists()
    assert not list((house.folder / "stored_explanations").rglob("*.flac"))
    times = {path: path.stat().st_mtime_ns for path in files}
    assert main([*ARGUMENTS, "--top_n", "5"]) == 0
    assert {path: path.stat().st_mtime_ns for path in stored(house)} == times


def test_a_taste_profile_is_made_of_the_source_explanations(house, on_trunk, capsys):
    on_trunk("anna")
    arguments = ["--catalogue", "own", "--separator", "folder"]
    assert main([*arguments, "--types", "time", "--top_n", "1"]) == 0
    home = house.folder / "stored_explanations" / "own"
    assert not list(home.rglob("taste_profile.*"))
    assert main([*arguments, "--types", "source"]) == 0
    assert "taste profile of marko, over 2 tracks:" in capsys.readouterr().out
    for name in ("anna", "marko"):
        store, path = Store(home / name), home / name / "taste_profile.json"
        profile = read_profile(store, json.loads(path.read_text())["model_checksum"])
        assert profile.tracks == 2
        drums = {
            track_id: from_json(json.loads(store.path(track_id, "source").read_text()))
            for track_id in house.track_ids
        }
        shares = [e.shapley[e.stem_names.index("drums")] / e.relevance for e in drums.values()]
        (part,) = [part for part in profile.stems if part.stems == ("drums",)]
        assert part.share == pytest.approx(sum(shares) / 2)
        assert path.with_suffix(".png").stat().st_size > 10_000
    assert main(["--user_name", "marko", *arguments, "--types", "source", "--top_n", "1"]) == 0
    assert "over 2 tracks" in capsys.readouterr().out, "one of more tracks stays"


@pytest.fixture
def answered_on(monkeypatch) -> list[str]:
    """Note the type of the device of every network that an engine is made of."""
    found: list[str] = []
    for engine in (LocalStateEngine, PlainEngine):

        def noted(self, network, *arguments, make=engine.__init__, **options):
            found.append(network.window.device.type)
            make(self, network, *arguments, **options)

        monkeypatch.setattr(engine, "__init__", noted)
    return found


@pytest.mark.parametrize("engine", ["exact", "plain"])
def test_on_a_gpu_explanations_are_those_of_the_cpu(gpu, engine, house, on_trunk, answered_on):
    on_trunk("anna")
    arguments = ["--catalogue", "own", "--separator", "folder", "--engine", engine]

    def explained(device):
        answered_on.clear()
        assert main([*arguments, "--top_n", "1", "--types", "time_source", "--device", device]) == 0
        found = {path: from_json(json.loads(path.read_text())) for path in stored(house)}
        for folder in ("stored_explanations", "catalogues/own/relevance"):
            shutil.rmtree(house.folder / folder)
        return found, answered_on[:]

    (here, on_cpu), (there, on_gpu) = explained("cpu"), explained(str(gpu))
    assert on_cpu == ["cpu"] * 2 and on_gpu == ["cuda"] * 2
    assert here.keys() == there.keys() and len(here) == 2
    for path, found in here.items():
        assert there[path].weights == pytest.approx(found.weights, abs=1e-5)
        assert there[path].relevance == pytest.approx(found.relevance, abs=1e-5)


def test_one_track_is_explained_on_a_gpu(gpu, house, answered_on, capsys):
    track = ["--catalogue", "own", "--track", house.track_ids[0], "--separator", "folder"]
    assert explain(["--user_name", "marko", *track, "--device", str(gpu)]) == 0
    assert answered_on == ["cuda"] and "relevance to marko" in capsys.readouterr().out


def test_the_best_tracks_come_first(house):
    assert main([*ARGUMENTS, "--top_n", "1", "--types", "source"]) == 0
    (path,) = stored(house)
    (relevance,) = (house.folder / "catalogues" / "own" / "relevance").glob("*.parquet")
    import pandas as pd

    assert path.parent.name == pd.read_parquet(relevance)["track_id"].iloc[0]


def test_what_is_stored_by_another_model_is_made_again(house):
    assert main([*ARGUMENTS, "--types", "source"]) == 0
    path = stored(house)[0]
    content = json.loads(path.read_text())
    content["request"]["model_checksum"] = "0" * 64
    path.write_text(json.dumps(content))
    assert main([*ARGUMENTS, "--types", "source"]) == 0
    assert json.loads(path.read_text())["request"]["model_checksum"] == house.listener.checksum


def test_one_pass_over_tracks_for_all_listeners(house, on_trunk, monkeypatch, capsys):
    """Stems are read once a track, the network runs once for everybody on the trunk."""
    on_trunk("anna", "bert")
    asked = []
    for name in ("LocalStateEngine", "prepare"):
        module = "table_source" if name == "LocalStateEngine" else "job"
        place = f"explanations.explain.{module}.{name}"
        original = getattr(importlib.import_module(f"explanations.explain.{module}"), name)

        def count(*arguments, _name=name, _original=original, **options):
            asked.append(_name)
            return _original(*arguments, **options)

        monkeypatch.setattr(place, count)
    arguments = ["--catalogue", "own", "--separator", "folder"]
    assert main(arguments) == 0  # anna, bert and marko, who has a network of his own
    assert "18 explanations" in capsys.readouterr().out
    assert asked.count("prepare") == 2 and asked.count("LocalStateEngine") == 4
    assert len(stored(house)) == 18
    home = house.folder / "stored_explanations" / "own"
    tables = {path.relative_to(home).parts[0] for path in home.rglob("tables.npz")}
    assert tables == {"marko", ".trunks"}
    times = {path: path.stat().st_mtime_ns for path in home.rglob("*.*")}
    asked.clear()
    assert main([*arguments, "--user_name", "all"]) == 0
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*.*")} == times
    assert "LocalStateEngine" not in asked


def test_jobs_are_tracks_with_all_who_have_them_on_top(tmp_path):
    tops = {"anna": ["a", "b", "c"], "bert": ["b", "d"], "carl": []}
    models = {name: tmp_path / name for name in tops}
    jobs = track_jobs(tops, models)
    assert [job.track_id for job in jobs] == ["a", "b", "d", "c"]
    assert [list(job.models) for job in jobs] == [["anna"], ["bert", "anna"], ["bert"], ["anna"]]
    assert jobs[1].models["anna"] == tmp_path / "anna"


@pytest.mark.parametrize("workers", ["processes", "cluster"])
def test_many_explain_the_same_when_one_of_them_dies(house, workers, request, kill_a_worker):
    """One is killed as soon as something is stored."""
    assert main(ARGUMENTS) == 0
    alone = {path: path.read_bytes() for path in stored(house)}
    for path in alone:
        path.unlink()
        path.with_name("tables.npz").unlink(missing_ok=True)
    address = request.getfixturevalue("cluster") if workers == "cluster" else ""
    how = (Workers(2, address), lambda: stored(house))
    killer = threading.Thread(target=kill_a_worker, args=how)
    killer.start()
    assert main([*ARGUMENTS, *(["--cluster", address] if address else ["--jobs", "2"])]) == 0
    killer.join()
    assert {path: path.read_bytes() for path in stored(house)} == alone


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--user_name", "paige", "--catalogue", "own"], "has no model"),
        (["--user_name", "all", "--catalogue", "own", "--trained_on", "x"], "nobody has a model"),
        (["--user_name", "marko", "--catalogue", "nowhere"], "no catalogue"),
        ([*ARGUMENTS, "--top_n", "0"], "top_n"),
        ([*ARGUMENTS, "--jobs", "0"], "jobs must be 1 or more"),
        ([*ARGUMENTS, "--device", "cuda:99"], "device must be cpu, cuda or auto, got 'cuda:99'"),
    ],
)
def test_one_line_for_a_mistake(house, capsys, arguments, expected):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert expected in error.splitlines()[-1]


def test_a_track_that_cannot_be_explained_does_not_stop_the_others(house, capsys):
    broken = house.catalogue.folder / "stems" / house.track_ids[0]
    for path in broken.iterdir():
        path.unlink()
    assert main([*ARGUMENTS, "--types", "source"]) == 2
    error = capsys.readouterr().err
    assert house.track_ids[0] in error and "1 of 2 tracks" in error
    assert len(stored(house)) == 1
