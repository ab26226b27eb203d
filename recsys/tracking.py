"""Where a run's configuration, metrics and files go: sacred, and TensorBoard on request.

sacred writes into a folder by default and into MongoDB where a server is named. A server
may be slow, restarted or gone: training never waits for it and never fails because of it.
"""

from __future__ import annotations

import json
import logging
import mimetypes
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pymongo
from pymongo.errors import ConnectionFailure
from sacred import SETTINGS, Experiment
from sacred.observers import FileStorageObserver, MongoObserver
from sacred.observers.mongo import parse_mongo_db_arg
from sacred.run import Run
from sacred.serializer import flatten
from sacred.utils import ConfigAddedError, SacredError

from lemons_utils import ParameterError, write_beside
from recsys import mongo

SETTINGS.CAPTURE_MODE = "sys"  # what Python prints; "fd" would start two `tee` processes a run


# -- what a run hands out ----------------------------------------------------------------------
class Tracker:
    """The one interface to whatever keeps a run's metrics and files.

    Parameters
    ----------
    run : sacred's run, or None to leave sacred out
    tensorboard_folder : Path or None
        Where TensorBoard's event file goes; None leaves TensorBoard out.
    """

    def __init__(self, run: Run | None = None, *, tensorboard_folder: Path | None = None) -> None:
        self._run = run
        self._writer: Any = None
        if tensorboard_folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(tensorboard_folder))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers under their names, the same names for every keeper.

        Parameters
        ----------
        values : mapping from name, e.g. `valid/auc`, to number
        step : int >= 0
            Training step, or epoch for what is measured once an epoch.
        """
        for name, value in values.items():
            if self._run is not None:
                self._run.log_scalar(name, float(value), int(step))
            if self._writer is not None:
                self._writer.add_scalar(name, float(value), int(step))

    def artifact(self, path: Path, *, name: str = "") -> None:
        """Keep a copy of a file with the run, under its own name or another."""
        if self._run is not None:
            # Said here, or sacred prints a line about it.
            content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            self._run.add_artifact(str(path), name or path.name, content_type=content_type)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()


# -- sacred's command line ---------------------------------------------------------------------
class _Quiet(logging.Filter):
    """Drop what our own messages say better."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        return not said.startswith(("Failed after", "Aborted after", "Changed type of config"))


def watch(
    experiment: Experiment,
    *,
    mongodb_url: str,
    mongodb_db_name: str,
    runs_folder: Path,
) -> None:
    """Let every run of `experiment` be kept: in MongoDB where a server is named, or in files.

    One of the two, never both: sacred would name the folder by the server's number, and stop
    where a folder of that name exists. `-F folder`, `-m host:port:database` and `-u` on the
    command line come before `mongodb_url`.

    Parameters
    ----------
    experiment : sacred.Experiment
    mongodb_url : str
        Empty for files.
    mongodb_db_name : str
    runs_folder : Path
        Parent of the file observer's folders, and of `unsent/`, where a run is kept whose
        server died.
    """
    logger = logging.getLogger("lemons")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.addFilter(_Quiet())
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    experiment.logger = logger

    def observe(options: dict[str, Any]) -> None:
        experiment.observers.clear()
        if options.get("help") or options.get("--unobserved") or _only_prints(options):
            return
        folder, server = options.get("--file_storage"), options.get("--mongo_db")
        if folder and server:
            raise ParameterError("-F and -m exclude each other: keep the run in one place")
        if folder:
            return  # sacred adds this one itself
        if server:
            options["--mongo_db"] = None  # sacred's own would wait a minute for a dead server
            named = _parse_server(server)
        else:
            named = {"url": mongodb_url, "db_name": mongodb_db_name}
        if named.get("url"):
            mongo.ping(named["url"], named["db_name"])
            observer = PatientMongoObserver(**named, failure_folder=runs_folder / "unsent")
            experiment.observers.append(observer)
        else:
            experiment.observers.append(FileStorageObserver(runs_folder))

    experiment.option_hook(observe)


def run_commandline(experiment: Experiment, arguments: Sequence[str] | None = None) -> int:
    """Run sacred's command line with the exit codes that people expect.

    `ParameterError` and `DataError` pass through for `lemons_utils.command`; so does
    everything else, with its whole traceback. What sacred itself finds wrong with the
    command line becomes a `ParameterError`.

    Parameters
    ----------
    experiment : sacred.Experiment
    arguments : sequence of str, default `sys.argv`

    Returns
    -------
    int, the exit code
    """
    program, *rest = sys.argv if arguments is None else ["", *arguments]
    if not {"help", "-h", "--help"} & set(rest):
        rest = ["--debug", *rest]  # sacred leaves exceptions alone
    try:
        experiment.run_commandline([program, *rest])
    except ConfigAddedError as error:
        unknown = ", ".join(map(str, error.__conflicting_configs__))
        known = ", ".join(sorted(set().union(*(scope() for scope in experiment.configurations))))
        raise ParameterError(f"unknown option {unknown}; known are: {known}") from error
    except SacredError as error:
        raise ParameterError(" ".join(str(error).split())) from error
    except SystemExit as stop:
        if stop.code not in (None, 0):
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
            return 2
    return 0


def _only_prints(options: Mapping[str, Any]) -> bool:
    printing = {"print_config", "print_dependencies", "print_named_configs", "save_config"}
    return options.get("COMMAND") in printing


def _parse_server(argument: str) -> dict[str, Any]:
    try:
        named: dict[str, Any] = parse_mongo_db_arg(argument)
    except (AttributeError, ValueError) as error:
        raise ParameterError(f"-m expects host:port:database, got {argument!r}") from error
    return {"url": "mongodb://127.0.0.1:27017", "db_name": "sacred", **named}


# -- MongoDB -----------------------------------------------------------------------------------
class PatientMongoObserver(MongoObserver):  # type: ignore[misc]
    """A MongoDB observer that outlives its server.

    sacred gives up on an observer after its first error. This one keeps what it could not
    send and sends it when the server is back; if the server is not back when the run ends,
    everything unsent goes into a JSON file, and the command ends within seconds.

    Parameters
    ----------
    url, db_name : str
    failure_folder : Path
        Where the file goes.
    **options
        Further arguments of sacred's `MongoObserver`.
    """

    def __init__(self, url: str, db_name: str, *, failure_folder: Path, **options: Any) -> None:
        client = mongo.connect(url, timeout_ms=mongo.PATIENCE_MS)
        super().__init__(client=client, db_name=db_name, failure_dir=str(failure_folder), **options)
        self._lock = threading.RLock()  # sacred's heartbeat is a thread of its own
        self._away = False  # did not answer the last time
        self._gone = False  # and the run is over
        self._info: dict[str, Any] = {}  # the run's own: sacred lists the metrics in it
        self._unsent_metrics: list[tuple[str, dict[str, Any]]] = []
        self._sent = Counter[str]()  # points of every metric that the server has acknowledged
        self._in_doubt = False  # whether it has got the first of the unsent ones
        self._unsent_artifacts: list[dict[str, Any]] = []

    def log_metrics(
        self, metrics_by_name: Mapping[str, dict[str, Any]], info: dict[str, Any]
    ) -> None:
        """Send new points, after all that is still here."""
        with self._lock:
            self._info = info
            self._unsent_metrics += metrics_by_name.items()
            if self._gone:  # the last heartbeat may come after the run's end
                self._write_failure()
            else:
                self._send()

    def artifact_event(
        self, name: str, filename: str, metadata: Any = None, content_type: str | None = None
    ) -> None:
        """Note a file for the next heartbeat: training does not wait for a server."""
        self._unsent_artifacts.append(
            {
                "name": name,
                "filename": filename,
                "metadata": metadata,
                "content_type": content_type,
            }
        )

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
            if not any(self._send_everything() for _ in range(attempts)):
                self._gone = True
                path = self._write_failure()
                _say(f"MongoDB is gone; what it did not get of this run is in {path}")

    def _send(self, *, patience_ms: int | None = None) -> bool:
        # A server known to be away is asked again at every heartbeat: no need to wait long.
        patience_ms = patience_ms or (mongo.PING_MS if self._away else mongo.PATIENCE_MS)
        try:
            with pymongo.timeout(patience_ms / 1000):
                self._client.admin.command("ping")
            while self._unsent_metrics:
                self._push(*self._unsent_metrics[0])
                del self._unsent_metrics[0]
            while self._unsent_artifacts:
                super().artifact_event(**self._unsent_artifacts[0])
                del self._unsent_artifacts[0]
        except ConnectionFailure:
            if not self._away:
                _say("MongoDB does not answer; training goes on, metrics wait")
            self._away = True
        else:
            if self._away:
                _say("MongoDB is back; what waited has been sent")
            self._away = False
        return not self._away

    def _push(self, name: str, points: dict[str, Any]) -> None:
        """Send some points of a metric, once: an answer may be lost where the points are not."""
        missing = self._not_there(name, points) if self._in_doubt else points
        self._in_doubt = True
        if missing["steps"]:
            super().log_metrics({name: missing}, self._info)
        self._in_doubt = False
        self._sent[name] += len(points["steps"])

    def _not_there(self, name: str, points: dict[str, Any]) -> dict[str, Any]:
        """Leave out what the server has got, although it could not say so."""
        there = self.metrics.find_one({"run_id": self.run_entry["_id"], "name": name})
        if there is None:
            return points
        listed = self._info.setdefault("metrics", [])
        if name not in [entry["name"] for entry in listed]:
            listed.append({"name": name, "id": str(there["_id"])})
        got = len(there["steps"]) - self._sent[name]
        return {key: points[key][got:] for key in ("steps", "values", "timestamps")}

    def _send_everything(self) -> bool:
        if not self._send(patience_ms=mongo.PATIENCE_MS):
            return False
        self.run_entry["info"] = flatten(self._info)
        try:
            self.runs.update_one(
                {"_id": self.run_entry["_id"]}, {"$set": self.run_entry}, upsert=True
            )
        except ConnectionFailure:
            return False
        return True

    def _write_failure(self) -> Path:
        number = self.run_entry["_id"]
        started = self.run_entry["start_time"].strftime("%Y-%m-%d_%H-%M-%S")
        path = Path(self.failure_dir) / f"run-{number}-{started}.json"
        kept = {
            "run": self.run_entry,
            "metrics": [{"name": name, **points} for name, points in self._unsent_metrics],
            "artifacts": self._unsent_artifacts,
        }
        with write_beside(path) as temporary:
            temporary.write_text(json.dumps(kept, indent=1, default=str))
        return path


def _say(line: str) -> None:
    # Not through sys.stderr: sacred would capture it and send it to the server it is about.
    print(line, file=sys.__stderr__, flush=True)
