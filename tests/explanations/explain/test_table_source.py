"""Tables that all listeners of a trunk share: made once, the same for each as their own."""

from dataclasses import replace

import numpy as np
import pytest

from audiolime.components import KINDS
from audiolime.exact import LocalStateEngine, TrunkTables
from explanations.explain import explain, explain_track, main, prepare
from explanations.explain.table_source import TableSource
from explanations.listeners import fellow_heads
from explanations.stems import separator_for
from explanations.store import SharedTables, Store
from lemons_utils import ParameterError
from recsys.catalogue import check_name


@pytest.fixture
def subject(house):
    track_id = house.track_ids[0]
    return prepare(
        house.catalogue.audio(track_id),
        separator_for(house.catalogue, track_id, "folder"),
        stems_folder=house.folder / "stems",
        limit_gb=1,
    )


@pytest.fixture
def sweeps(monkeypatch):
    """Count the engines that are set up: each can run the network."""
    made = []

    def engine(*arguments, **options):
        made.append(arguments[0])
        return LocalStateEngine(*arguments, **options)

    for module in ("table_source", "answers"):
        monkeypatch.setattr(f"explanations.explain.{module}.LocalStateEngine", engine)
    return made


def stores(house, listener):
    home = house.folder / "stored_explanations" / "own"
    return {"store": Store(home / listener.user_name), "shared": SharedTables(home)}


def test_a_further_listener_does_not_touch_the_network(house, on_trunk, subject, sweeps):
    listeners = on_trunk("anna", "bert", "carl")
    assert len({id(listener.trunk) for listener in listeners}) == 1
    for listener in listeners:
        for kind in KINDS[::-1]:
            found = explain(listener, subject, kind, what_if=True, **stores(house, listener))
            assert len(sweeps) == 1
            own = explain(replace(listener, trunk=None, head=None), subject, kind, what_if=True)
            del sweeps[1:]
            np.testing.assert_allclose(found.weights, own.weights, rtol=0, atol=1e-6)
            np.testing.assert_allclose(found.shapley, own.shapley, rtol=0, atol=1e-6)
            assert found.relevance == pytest.approx(own.relevance, abs=1e-6)
            assert np.abs(found.weights).max() > 1e-3
    files = [path for path in (house.folder / "stored_explanations").rglob("*") if path.is_file()]
    assert sum(path.suffix == ".json" for path in files) == 9
    checksum, track_id = listeners[0].trunk.checksum, subject.track_id
    place = house.folder / "stored_explanations/own/.trunks" / checksum[:12] / track_id
    assert [path for path in files if path.suffix != ".json"] == [place / "tables.npz"]


def test_source_alone_needs_no_tables_of_segments(house, on_trunk, subject, sweeps):
    """One sweep without segments serves all listeners; what it says is what other tables say."""
    found = {}
    for listener in on_trunk("anna", "bert"):
        found[listener.user_name] = explain(listener, subject, "source", **stores(house, listener))
    assert len(sweeps) == 1
    shared = stores(house, listener)["shared"]
    place = shared.path(subject.track_id, listener.trunk.checksum).parent
    assert [path.name for path in place.iterdir()] == ["stem_tables.npz"]
    assert (place / "stem_tables.npz").stat().st_size < 50_000
    for listener in on_trunk("anna", "bert"):
        other = explain(listener, subject, "source", what_if=True, shared=shared)
        of_stems = found[listener.user_name]
        np.testing.assert_allclose(of_stems.weights, other.weights, rtol=0, atol=1e-6)
        np.testing.assert_allclose(of_stems.shapley, other.shapley, rtol=0, atol=1e-6)
        assert of_stems.request == other.request
        assert np.abs(of_stems.weights).max() > 1e-3


def test_kept_tables_answer_without_a_store(house, on_trunk, sweeps):
    """`explain_track` keeps no explanation here, yet makes the tables for the next listener."""
    on_trunk("anna", "bert")
    options = {"catalogue": "own", "separator": "folder"}
    explain_track("anna", house.track_ids[0], **options)
    assert len(sweeps) == 1
    for kind in KINDS:
        explain_track("bert", house.track_ids[0], kind=kind, **options)
    assert len(sweeps) == 1
    explain_track("marko", house.track_ids[0], kind="time", **options)  # has no trunk
    assert len(sweeps) == 2


def test_a_file_has_tables_of_its_own(house, on_trunk, subject):
    """What belongs to no catalogue is shared with nobody."""
    (listener,) = on_trunk("anna")
    store = Store(house.folder / "kept")
    explain(listener, subject, "time_source", store=store, what_if=True)
    assert store.tables_path(subject.track_id).is_file()
    assert not list(house.folder.rglob(".trunks"))


def test_the_command_explains_from_shared_tables(house, on_trunk, sweeps, capsys):
    on_trunk("anna", "bert")
    arguments = ["--catalogue", "own", "--separator", "folder", "--track", house.track_ids[1]]
    for user_name in ("anna", "bert"):
        out = str(house.folder / user_name)
        assert main(["--user_name", user_name, *arguments, "--out", out, "--keep"]) == 0
        assert f"relevance to {user_name}: 0." in capsys.readouterr().out
    assert len(sweeps) == 1
    assert len(list((house.folder / "bert").rglob("time_source.json"))) == 1


@pytest.mark.parametrize("change", ["segments", "separator", "damaged", "gone"])
def test_tables_about_something_else_are_made_again(house, on_trunk, subject, sweeps, change):
    (listener,) = on_trunk("anna")
    kept = stores(house, listener)
    first = explain(listener, subject, "time_source", what_if=True, **kept)
    path = kept["shared"].path(subject.track_id, listener.trunk.checksum)
    content = path.read_bytes()
    if change == "damaged":
        path.write_bytes(path.read_bytes()[:1000])
    elif change == "gone":
        path.unlink()
    else:
        other = {"segments": [[0, 64_000]], "separator": "hybrid 1"}[change]
        TrunkTables.read(path).write(path, **{change: other})
    again = explain(listener, subject, "time_source", what_if=True, **kept)
    assert again == first and len(sweeps) == 2
    assert path.read_bytes() == content


def test_a_stop_leaves_nothing_behind(house, on_trunk, subject):
    (listener,) = on_trunk("anna")

    def stop(step, share):
        if step == "tables" and share > 0:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        explain(
            listener, subject, "time", what_if=True, on_progress=stop, **stores(house, listener)
        )
    assert not [p for p in (house.folder / "stored_explanations").rglob("*") if p.is_file()]


def test_no_listener_and_no_track_can_have_the_name_of_the_shared_folder(tmp_path):
    with pytest.raises(ParameterError, match="user_name must be"):
        check_name(".trunks", "user_name")
    for track_id in ("", "a/b", "..", ".trunks"):
        with pytest.raises(ParameterError, match="expected a track_id"):
            SharedTables(tmp_path).path(track_id, "ab" * 32)


def test_a_listener_without_tables_takes_the_engine(house, on_trunk, subject):
    """Where segments are too short for tables there is nothing to share."""
    (listener,) = on_trunk("anna")
    short = tuple((at, at + 1000) for at in range(0, 64_000, 1000))
    kept = stores(house, listener)
    source = TableSource(listener, "x", replace(subject, segments=short).about, *kept.values())
    assert source.make(subject.stems.waveforms, short, None) is None


def test_the_heads_of_a_trunk(house, on_trunk):
    carl, anna, _ = on_trunk("carl", "anna", "bert")
    heads = fellow_heads(carl)
    assert list(heads) == ["carl", "anna", "bert"]  # one's own first; marko is on no trunk
    np.testing.assert_array_equal(heads["anna"].weight, anna.head.weight)
    assert heads["anna"].bias == anna.head.bias
    assert fellow_heads(house.listener) == {}
    on_trunk("dora")
    assert list(fellow_heads(anna)) == ["anna", "bert", "carl", "dora"]
    assert list(fellow_heads(replace(anna, path=house.folder / "weights"))) == ["anna"]
