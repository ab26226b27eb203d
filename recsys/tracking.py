"""Keep the configuration, metrics and files of a run with sacred, and TensorBoard on request.

sacred writes into a folder by default and into MongoDB where a server is named. A server
may be slow, restarted or gone: training never waits for it and never fails because of it.
"""

from __future__ import annotations

import logging
import mimetypes
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from sacred import SETTINGS, Experiment
from sacred.observers import FileStorageObserver
from sacred.observers.mongo import parse_mongo_db_arg
from sacred.run import Run
from sacred.utils import ConfigAddedError, SacredError

from lemons_places import HERE, PUBLISHED_SETTINGS
from lemons_utils import Configuration, ParameterError
from lemons_versions import git_commit

SETTINGS.CAPTURE_MODE = "sys"  # what Python prints; "fd" would start two `tee` processes a run


PUBLISHED_METRICS = {
    "train/loss": "train.loss",
    "train/epoch_loss": "train.avg_loss",
    "valid/loss": "val.avg_loss",
    "valid/auc": "val.roc_auc",
    "valid/map": "val.avg_prec",
    "test/loss": "test.avg_loss",
    "test/auc": "test.roc_auc",
    "test/map": "test.avg_prec",
}
"""Names that the published system logs metrics under; sacred keeps both."""

PUBLISHED_OPTIONS = {
    "uid": "the name of the experiment's folder, and no option",
    "model_save_path": "the experiment's folder, and no option",
    "user_id": "left to `python -m recsys.importers.msd splits`: say user_name alone",
    "input_length": "of no effect: whole tracks are evaluated, as in the published system",
    "results_path": "a file beside the model, and no option",
}
"""Options of the published system that a command does not have, and what they are here."""


# -- what a run hands out ----------------------------------------------------------------------
class Tracker:
    """Interface to sacred and TensorBoard, which keep the metrics and files of a run.

    Parameters
    ----------
    run : sacred's run, or None to leave sacred out
    tensorboard_folder : Path or None
        Where TensorBoard's event file goes; None leaves TensorBoard out.
    afresh : bool
        TensorBoard hides what is in that folder: a training that goes on logs it again.
    """

    def __init__(
        self,
        run: Run | None = None,
        *,
        tensorboard_folder: Path | None = None,
        afresh: bool = False,
    ) -> None:
        self._run = run
        self._writer: Any = None
        if tensorboard_folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(tensorboard_folder), purge_step=0 if afresh else None)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers by name, e.g. `valid/auc`, in sacred and TensorBoard.

        sacred keeps them under their published names as well, so that views of published runs
        show them.
        `step` is a training step, or an epoch for what is measured once an epoch.
        """
        for name, value in values.items():
            if self._run is not None:
                for each in (name, PUBLISHED_METRICS.get(name)):
                    if each is not None:
                        self._run.log_scalar(each, float(value), int(step))
            if self._writer is not None:
                self._writer.add_scalar(name, float(value), int(step))

    def artifact(self, path: Path, *, name: str = "") -> None:
        """Keep a copy of a file with the run, under its own name or another."""
        if self._run is not None:
            # Without a content type, sacred prints a line about the one it guesses.
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
    """Filter that drops lines of sacred which the messages of LEMONS replace."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        # Of an observer, after the error that ends the run; its cause may come first.
        if "Traceback (most recent call last)" in said:
            record.msg = f"the record of this run is not complete: {said.strip().splitlines()[-1]}"
            record.args = ()
        return not said.startswith(("Failed after", "Aborted after", "Changed type of config"))


class RecordedExperiment(Experiment):  # type: ignore[misc]
    """sacred's experiment, whose record has the commit, and options as a command understands them.

    `set_up` sets `understand` and `seed`. The module of a command makes its own experiment: sacred
    keeps the sources of that module.
    """

    understand: Callable[[Mapping[str, Any], Collection[str]], Mapping[str, Any]]
    seed: str

    def get_usage(self, program_name: str | None = None) -> tuple[str, str, str]:
        """Return sacred's usage, of a command by its name instead of a path from these sources."""
        name = Path(program_name or sys.argv[0] or self.path).name
        usage: tuple[str, str, str] = super().get_usage(str(Path(self.base_dir) / name))
        return usage

    def get_experiment_info(self) -> dict[str, Any]:
        """Return what sacred knows of the sources, with the commit of LEMONS where it is known."""
        info: dict[str, Any] = super().get_experiment_info()
        if found := git_commit():
            commit, changes, _ = found.partition("+")
            info["repositories"] = [{"url": str(HERE), "commit": commit, "dirty": bool(changes)}]
        return info

    def _create_run(self, *arguments: Any, **more: Any) -> Run:
        run = super()._create_run(*arguments, **more)
        given = run.meta_info.get("config_updates", {})
        if "seed" in given:
            raise ParameterError(f"unknown option seed: the seed is {self.seed}")
        if not _only_prints({"COMMAND": run.meta_info["command"]}):
            run.config.update(self.understand(run.config, given))
        # sacred draws one of its own, which nothing here uses.
        run.config["seed"] = run.config[self.seed]
        return run


def set_up(
    experiment: RecordedExperiment,
    main: Callable[..., Any],
    defaults: Mapping[str, Any],
    settings: Configuration,
    *,
    understand: Callable[[Mapping[str, Any], Collection[str]], Mapping[str, Any]],
    seed: str,
) -> RecordedExperiment:
    """Give an experiment its main function and options, and keep its runs; return it.

    Parameters
    ----------
    experiment : RecordedExperiment
    main : callable
        Takes sacred's `_run`, whose `config` has what `understand` returns.
    defaults : mapping
    settings : Configuration
    understand : callable
        Takes the options and the names of those that are not defaults, raises what is wrong with
        them before a run of them is kept, and returns them as the record shall have them.
    seed : str
        The option that the record has as sacred's `seed`, too.
    """
    experiment.understand, experiment.seed = understand, seed
    experiment.add_config(dict(defaults))
    experiment.main(main)
    watch(
        experiment,
        mongodb_url=settings.mongodb_url,
        mongodb_db_name=settings.mongodb_db_name,
        runs_folder=settings.runs,
    )
    return experiment


def watch(
    experiment: Experiment, *, mongodb_url: str, mongodb_db_name: str, runs_folder: Path
) -> None:
    """Keep every run of `experiment`: in MongoDB where a server is named, otherwise in files.

    One of the two, never both: sacred would name the folder by the server's number, and stop
    where a folder of that name exists. `-F folder`, `-m host:port:database` and `-u` on the
    command line come before `mongodb_url`.

    Parameters
    ----------
    experiment : sacred.Experiment
    mongodb_url, mongodb_db_name : str
        The URL is empty for files.
    runs_folder : Path
        Parent of the file observer's folders, and of `unsent/`, where a run is kept whose
        server died, until `python -m recsys.mongo send`.
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
            from recsys import mongo  # its packages wait until a server is named

            mongo.ping(named["url"], named["db_name"])
            observer = mongo.PatientMongoObserver(**named, failure_folder=runs_folder / "unsent")
            experiment.observers.append(observer)
        else:
            experiment.observers.append(FileStorageObserver(runs_folder))

    experiment.option_hook(observe)


_HELP = {"help", "-h", "--help"}


def run_commandline(
    experiment: Experiment, arguments: Sequence[str] | None = None, options_help: str = ""
) -> int:
    """Run sacred's command line with the exit codes that people expect.

    `ParameterError` and `DataError` pass through for `lemons_utils.command`; so does
    everything else, with its whole traceback. What sacred itself finds wrong with the
    command line becomes a `ParameterError`. The arguments are `sys.argv` by default. sacred's
    help lists its flags alone; `options_help` follows it.
    """
    program, *rest = sys.argv if arguments is None else ["", *arguments]
    if not _HELP & set(rest):
        rest = ["--debug", *rest]  # sacred leaves exceptions alone
    try:
        experiment.run_commandline([program, *rest])
    except ConfigAddedError as error:
        names = [*map(str, error.__conflicting_configs__)]
        for name in names:
            if here := PUBLISHED_OPTIONS.get(name) or PUBLISHED_SETTINGS.get(name):
                raise ParameterError(f"{name} is here {here}: leave it out") from error
        unknown = ", ".join(names)
        known = ", ".join(sorted(set().union(*(scope() for scope in experiment.configurations))))
        raise ParameterError(f"unknown option {unknown}; known are: {known}") from error
    except SacredError as error:
        raise ParameterError(" ".join(str(error).split())) from error
    except SystemExit as stop:
        if stop.code not in (None, 0):
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
            return 2
    if rest and set(rest) <= _HELP:
        print(f"\n{options_help}")
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
