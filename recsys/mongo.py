"""Runs in MongoDB: reach a server, and keep what it does not get until it can be sent.

A run outlives its server. What the server has not acknowledged when the run ends is written into
`runs/unsent/`, and `python -m recsys.mongo send` sends it. Sending can be interrupted and repeated:
it asks the server what it has before it sends more.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pymongo
from bson import ObjectId, json_util
from pymongo.errors import ConnectionFailure, PyMongoError
from sacred.observers import MongoObserver
from sacred.serializer import flatten

from lemons_utils import DataError, ParameterError, command, configuration, locked, write_beside

PING_MS = 2_000
"""Time that a command waits for the server before it starts [ms]."""

PATIENCE_MS = 8_000
"""Time that a request of a running command waits: enough for a server to restart [ms]."""


def ping(url: str, db_name: str) -> None:
    """Raise within about 2 s unless a server answers and accepts the login.

    Raises
    ------
    ParameterError
        If no server answers, or it refuses.
    """
    shown = re.sub(r"//[^/]*@", "//", url)
    advice = (
        "start the server, or correct `mongodb_url` in config.py or LEMONS_MONGO_URL "
        "(empty: runs are kept in files)"
    )
    try:
        with contextlib.closing(connect(url, timeout_ms=PING_MS)) as client:
            client[db_name]["runs"].find_one({}, {"_id": 1})
    except ConnectionFailure as error:
        raise ParameterError(
            f"no MongoDB answers at {shown} within {PING_MS // 1000} s: {advice}"
        ) from error
    except (PyMongoError, ValueError) as error:
        reason = " ".join(str(error).partition(", full error")[0].split())
        raise ParameterError(f"MongoDB at {shown} cannot be used ({reason}): {advice}") from error


def connect(url: str, *, timeout_ms: int) -> pymongo.MongoClient[dict[str, Any]]:
    """Make a client whose requests all end within `timeout_ms`.

    What the server has acknowledged is in its journal: a run drops what it has sent, and a server
    that dies the moment after must not have kept it in memory alone.
    """
    return pymongo.MongoClient(
        url,
        journal=True,
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        socketTimeoutMS=timeout_ms,
    )


# -- a run that outlives its server ------------------------------------------------------------
class PatientMongoObserver(MongoObserver):  # type: ignore[misc]
    """A MongoDB observer that outlives its server.

    sacred gives up on an observer after its first error. This one keeps what it could not
    send and sends it when the server is back; if the server is not back when the run ends,
    everything unsent goes into a JSON file in `failure_folder`, and the command ends within
    seconds. `options` are further arguments of sacred's observer.
    """

    def __init__(self, url: str, db_name: str, *, failure_folder: Path, **options: Any) -> None:
        client = connect(url, timeout_ms=PATIENCE_MS)
        super().__init__(client=client, db_name=db_name, failure_dir=str(failure_folder), **options)
        self._lock = threading.RLock()  # sacred's heartbeat is a thread of its own
        self._away = False  # did not answer the last time
        self._gone = False  # and the run is over
        self._info: dict[str, Any] = {}  # the run's own: sacred lists the metrics in it
        self._unsent_metrics: list[tuple[str, dict[str, Any]]] = []
        self._sent = Counter[str]()  # points of every metric that the server has acknowledged
        self._in_doubt = 0  # how many of the first unsent ones it may have got all the same
        self._unsent_artifacts: list[dict[str, Any]] = []

    # -- sacred's events
    def log_metrics(
        self, metrics_by_name: Mapping[str, dict[str, Any]], info: dict[str, Any]
    ) -> None:
        """Send new points, after all that is still here."""
        with self._lock:
            self._info = info
            self._unsent_metrics += metrics_by_name.items()
            if self._gone:  # the last heartbeat may come after the run's end
                self._write_unsent()
            else:
                self._send()

    def artifact_event(
        self, name: str, filename: str, metadata: Any = None, content_type: str | None = None
    ) -> None:
        """Note a file for the next heartbeat: training does not wait for a server."""
        artifact = {"name": name, "filename": filename, "metadata": metadata}
        artifact |= {"content_type": content_type, "file_id": ObjectId()}
        self._unsent_artifacts.append(artifact)

    def heartbeat_event(self, info: Any, captured_out: str, beat_time: Any, result: Any) -> None:
        """Send what the run printed and that it is alive."""
        with self._lock:
            super().heartbeat_event(info, captured_out, beat_time, result)

    def save(self) -> None:
        """Send the run's entry unless the server was away a moment ago."""
        if not self._away:
            super().save()

    def final_save(self, attempts: int = 2) -> None:
        """Send the rest; if that fails, write it into a file."""
        with self._lock:
            # The first of two may only find out that an old connection is dead.
            attempts = 1 if self._away else 2
            if not any(self._send_and_save() for _ in range(attempts)):
                self._gone = True
                path = self._write_unsent()
                _print(
                    f"MongoDB is gone; what it did not get of this run is in {path}; "
                    "`python -m recsys.mongo send` sends it"
                )

    # -- sending
    def _send(self, *, patience_ms: int | None = None) -> bool:
        # A server known to be away is asked again at every heartbeat: no need to wait long.
        patience_ms = patience_ms or (PING_MS if self._away else PATIENCE_MS)
        try:
            with pymongo.timeout(patience_ms / 1000):
                self._client.admin.command("ping")
            self._send_waiting()
        except ConnectionFailure:
            if not self._away:
                _print("MongoDB does not answer; training goes on, metrics wait")
            self._away = True
        else:
            if self._away:
                _print("MongoDB is back; what waited has been sent")
            self._away = False
        return not self._away

    def _send_waiting(self) -> None:
        while self._unsent_metrics:
            self._push(*self._unsent_metrics[0])
            del self._unsent_metrics[0]
        while self._unsent_artifacts:
            self._store(**self._unsent_artifacts[0])
            del self._unsent_artifacts[0]

    def _push(self, name: str, points: dict[str, Any]) -> None:
        """Send some points of a metric, once: an answer may be lost where the points are not."""
        missing = self._not_there(name, points) if self._in_doubt else points
        self._in_doubt = self._in_doubt or 1
        if missing["steps"]:
            super().log_metrics({name: missing}, self._info)
        self._in_doubt -= 1
        self._sent[name] += len(points["steps"])

    def _not_there(self, name: str, points: dict[str, Any]) -> dict[str, Any]:
        """Leave out what the server has got, although it could not say so."""
        there = self.metrics.find_one({"run_id": self.run_entry["_id"], "name": name})
        if there is None:
            return points
        listed = self._info.setdefault("metrics", [])
        if name not in [entry["name"] for entry in listed]:
            listed.append({"name": name, "id": str(there["_id"])})
        got = max(len(there["steps"]) - self._sent[name], 0)
        return {key: points[key][got:] for key in ("steps", "values", "timestamps")}

    def _store(self, name: str, filename: str, file_id: ObjectId, **about: Any) -> None:
        """Send a file, once: its number tells whether the server has it."""
        if not self.fs.exists(file_id):
            self.fs.delete(file_id)  # parts of it that came before the server went away
            stored_as = f"artifact://{self.runs.name}/{self.run_entry['_id']}/{name}"
            with open(filename, "rb") as file:
                self.fs.put(file, _id=file_id, filename=stored_as, **about)
        entry = {"name": name, "file_id": file_id}
        if entry not in self.run_entry["artifacts"]:
            self.run_entry["artifacts"].append(entry)
        self.save()

    def _save_run(self) -> None:
        self.run_entry["info"] = flatten(self._info)
        self.runs.update_one({"_id": self.run_entry["_id"]}, {"$set": self.run_entry}, upsert=True)

    def _send_and_save(self) -> bool:
        if not self._send(patience_ms=PATIENCE_MS):
            return False
        try:
            self._save_run()
        except ConnectionFailure:
            return False
        return True

    # -- what is unsent
    def _write_unsent(self) -> Path:
        number = self.run_entry["_id"]
        started = self.run_entry["start_time"].strftime("%Y-%m-%d_%H-%M-%S")
        path = Path(self.failure_dir) / f"run-{number}-{started}.json"
        record = {
            "run": self.run_entry,
            "metrics": [{"name": name, **points} for name, points in self._unsent_metrics],
            "artifacts": self._unsent_artifacts,
            "acknowledged": self._sent,
        }
        with write_beside(path) as temporary:
            temporary.write_text(json_util.dumps(record, indent=1, default=str), encoding="utf-8")
        return path

    def send_record(self, record: Mapping[str, Any]) -> None:
        """Send a record of `runs/unsent/`, the content of a file.

        Raises
        ------
        pymongo.errors.ConnectionFailure
            If the server goes away; what it has got by then is not sent again.
        DataError
            If the server has another run of this number, or a file of the run is gone.
        """
        self.run_entry = record["run"]
        number, started = self.run_entry["_id"], self.run_entry["start_time"]
        there = self.runs.find_one({"_id": number}, {"start_time": 1})
        if there is not None and there["start_time"] != started:
            raise DataError(f"the server has another run {number}, begun {there['start_time']}")
        self._info = self.run_entry["info"]
        self._unsent_metrics = [(points["name"], points) for points in record["metrics"]]
        self._unsent_artifacts = [*record["artifacts"]]
        self._sent = Counter(record["acknowledged"])
        self._in_doubt = len(self._unsent_metrics)  # an earlier attempt may have been cut off
        try:
            self._send_waiting()
        except FileNotFoundError as error:
            raise DataError(f"{error.filename}, which run {number} has kept, is gone") from error
        self._save_run()


def _print(line: str) -> None:
    # Not through sys.stderr: sacred would capture it and send it to the server it is about.
    print(line, file=sys.__stderr__, flush=True)


# -- the command -------------------------------------------------------------------------------
def send_unsent(folder: Path, *, url: str, db_name: str) -> None:
    """Send all runs of `runs/unsent/`, print each, and remove what the server has got.

    Raises
    ------
    ParameterError
        If no server answers.
    DataError
        If another command is sending, the server goes away, or some run cannot be sent; it stays.
    """
    if not any(folder.glob("run-*.json")):
        print(f"nothing is unsent in {folder}")
        return
    ping(url, db_name)
    busy = DataError(f"another command is sending what is in {folder}")
    failed = []
    try:
        with locked(folder / ".send.lock", busy):
            for path in sorted(folder.glob("run-*.json")):
                if reason := _send_file(path, url, db_name):
                    failed.append(f"{path}: {reason}")
    except ConnectionFailure as error:
        raise DataError(
            f"MongoDB went away: run this again when it is back; the rest stays in {folder}"
        ) from error
    if failed:
        raise DataError(f"not sent: {'; '.join(failed)}")


def _send_file(path: Path, url: str, db_name: str) -> str:
    """Send one run; return why it cannot be sent, if so."""
    text = path.read_text(encoding="utf-8")
    try:
        record = json_util.loads(text)
        points = sum(len(metric["steps"]) for metric in record["metrics"])
        files = len(record["artifacts"])
        observer = PatientMongoObserver(url, db_name, failure_folder=path.parent)
        with contextlib.closing(observer._client):
            observer.send_record(record)
    except (KeyError, TypeError, ValueError) as error:
        return f"it is no record of a run ({type(error).__name__}: {error})"
    except DataError as error:
        return str(error)
    if path.read_text(encoding="utf-8") == text:  # or its run has ended only now, and written more
        path.unlink()
    print(f"sent run {record['run']['_id']} (points: {points:,}, files: {files:,})")
    return ""


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m recsys.mongo`."""
    parser = argparse.ArgumentParser(
        prog="python -m recsys.mongo", description="Send runs that MongoDB has not received."
    )
    parser.add_argument("action", choices=["send"], help="send all that is in runs/unsent/")
    parser.parse_args(arguments)
    settings = configuration()
    if not settings.mongodb_url:
        raise ParameterError(
            "no MongoDB server is named: set `mongodb_url` in config.py or LEMONS_MONGO_URL"
        )
    send_unsent(
        settings.runs / "unsent", url=settings.mongodb_url, db_name=settings.mongodb_db_name
    )


if __name__ == "__main__":
    sys.exit(main())
