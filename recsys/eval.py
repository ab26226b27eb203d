"""Evaluate relevance models on whole tracks that they were not trained on.

`python3 eval.py with user_name=marko` inside `recsys/`, or from anywhere
`python -m recsys.eval with user_name=marko`. The model is `model_load_path`, by default that of
the listener's current experiment. `user_name=all` evaluates every listener who has a model, and
prints and writes a table; `test_catalogue=demo-fresh` evaluates on the labelled tracks of that
catalogue instead of the test split; `baseline=True` also evaluates logistic regression on band
statistics and on mean spectra.
"""

from __future__ import annotations

import recsys  # noqa: F401 - first, so that an interrupt of the others is one line

# isort: split
import functools
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from sacred.run import Run

from lemons_commands import print_next
from lemons_utils import Configuration, DataError, ParameterError, command, configuration, write_csv
from recsys import experiments, listening, tracking
from recsys.catalogue import Catalogue, open_catalogue
from recsys.evaluation import Result, SpectrogramFeatures, evaluate_listener, reports
from recsys.evaluation.reliability import FEW_TRACKS
from recsys.options import EVALUATION, help_text, split_of, typed
from recsys.training_options import pick_device

_NUMBERS = ("auc", "map", "loss", "ece", "brier")


def defaults() -> dict[str, Any]:
    """Every option with its default, the published one where the published system has it."""
    return {
        "user_name": "marko",  # or "all"
        "catalogue": "demo",
        "split_seed": listening.PUBLISHED_SEED,
        "model_load_path": "",  # weights or an experiment; empty: the listener's current one
        "test_catalogue": "",  # a labelled catalogue to evaluate on; empty: the test split
        "baseline": False,
        "batch_size": 20,
        "num_workers": 0,  # published: 10; tracks are mapped from disk, which needs no help
        "device": "cuda:0" if torch.cuda.is_available() else "cpu",
        "use_tensorboard": False,
    }


def evaluate(_run: Run, _config: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate one listener's model, or everybody's (sacred's main function)."""
    settings = configuration()
    options, catalogue, test_catalogue = _opened(_config, settings)
    features = SpectrogramFeatures() if options["baseline"] else None
    everybody = options["user_name"] == experiments.EVERYBODY
    results = []
    for user_name, found in _models(catalogue, options, settings).items():
        model = found.path
        print(f"{user_name}: {found.line}" if everybody else found.line)
        result, files = evaluate_listener(
            user_name,
            model,
            catalogue,
            split_seed=options["split_seed"],
            test_catalogue=test_catalogue,
            features=features,
            **{name: options[name] for name in ("batch_size", "num_workers", "device")},
        )
        logs = model.parent / "tensorboard" if options["use_tensorboard"] else None
        with tracking.Tracker(_run, tensorboard_folder=logs) as tracker:
            _keep(result, files, tracker, f"{user_name}-" if everybody else "")
        results.append(result)
    if everybody:
        names = [catalogue.name, options["test_catalogue"], "evaluation.csv"]
        _tabulate(results, settings.experiments / "-".join(filter(None, names)), _run)
    else:
        _print(results[0], files)
    following = f"explanations.store_explanations --catalogue {catalogue.name}"
    if not everybody:
        named = "" if found.why else f" --model {found.path}"
        following = f"recsys.predict --user_name {user_name} --catalogue {catalogue.name}{named}"
    print_next(following)
    means = {m: sum(getattr(r, m) for r in results) / len(results) for m in ("auc", "map")}
    return {**means, "listeners": {result.user_name: asdict(result) for result in results}}


def _opened(
    config: Mapping[str, Any], settings: Configuration
) -> tuple[dict[str, Any], Catalogue, Catalogue | None]:
    """Return the options with their types, the catalogue, and that to evaluate on, if named."""
    options = typed(config, defaults())
    open_one = functools.partial(open_catalogue, data_folder=settings.data_folder)
    test_catalogue = open_one(options["test_catalogue"]) if options["test_catalogue"] else None
    return options, open_one(options["catalogue"]), test_catalogue


def _understand(
    config: Mapping[str, Any], given: Collection[str], settings: Configuration
) -> dict[str, Any]:
    """Return the options with their types and the path of one listener's weights.

    Raises what is wrong with them.
    """
    options, catalogue, _ = _opened(config, settings)
    pick_device(options["device"])
    if options["user_name"] != experiments.EVERYBODY:
        (model,) = _models(catalogue, options, settings).values()
        options["model_load_path"] = str(model.path)
    return options


def _models(
    catalogue: Catalogue, options: Mapping[str, Any], settings: Configuration
) -> dict[str, experiments.FoundModel]:
    """Return the weights of one listener, or of each who has some."""
    seed, user_name, named = (options[n] for n in ("split_seed", "user_name", "model_load_path"))
    find = functools.partial(experiments.find_model, settings.experiments, catalogue=catalogue.name)
    if user_name != experiments.EVERYBODY:
        split_of(catalogue, user_name, seed)  # an unknown listener has no model either
        return {user_name: find(user_name=user_name, named=named)}
    if named:
        raise ParameterError("model_load_path is one listener's model: say whose by user_name")
    trained = experiments.trained_listeners(settings.experiments, catalogue=catalogue.name)
    users = listening.users(catalogue, seed)
    models = {name: find(user_name=name) for name in users if name in trained}
    if not models:
        raise DataError(
            f"no listener of catalogue {catalogue.name} has a model yet: train one with "
            f"`python -m recsys.experiment with catalogue={catalogue.name} user_name=NAME`"
        )
    if without := [name for name in users if name not in models]:
        print(f"no model yet: {', '.join(without)}")
    return models


def _keep(result: Result, files: list[Path], tracker: tracking.Tracker, mark: str) -> None:
    numbers = {f"test/{name}": getattr(result, name) for name in _NUMBERS}
    for baseline, metrics in (result.baselines or {}).items():
        for name, value in metrics.items():
            numbers[f"baseline/{baseline.replace(' ', '_')}/{name}"] = value
    tracker.metrics({f"{mark}{name}": value for name, value in numbers.items()}, 0)
    for path in files:
        tracker.artifact(path, name=f"{mark}{path.name}")


def _print(result: Result, files: list[Path]) -> None:
    print(
        f"{result.user_name}: AUC {result.auc:.3f}, MAP {result.map:.3f}, ECE {result.ece:.3f}, "
        f"Brier score {result.brier:.3f} on {result.tracks} tracks"
    )
    for baseline, metrics in (result.baselines or {}).items():
        print(f"{baseline}: AUC {metrics['auc']:.3f}, MAP {metrics['map']:.3f}")
    _warn_of_few([result])
    print(f"in {files[0].parent}: {', '.join(path.name for path in files)}")


def _tabulate(results: list[Result], path: Path, run: Run) -> None:
    """Print the table over listeners, and write it as CSV."""
    rows = []
    for result in results:
        row: dict[str, Any] = {"listener": result.user_name, "tracks": result.tracks}
        row |= {"AUC": result.auc, "MAP": result.map, "ECE": result.ece, "Brier": result.brier}
        for baseline, metrics in (result.baselines or {}).items():
            row |= {f"{name.upper()} {baseline}": value for name, value in metrics.items()}
        if all(each.training_seconds is not None for each in results):
            row["training s"] = round(result.training_seconds or 0)
        rows.append(row)
    table = reports.summarise(rows)
    write_csv(path, table)
    tracking.Tracker(run).artifact(path)
    print(reports.as_text(table))
    _warn_of_few(results)
    print(f"table: {path}; curves and relevance: beside each model")


def _warn_of_few(results: Sequence[Result]) -> None:
    if few := [result.user_name for result in results if result.tracks < FEW_TRACKS]:
        print(f"on under {FEW_TRACKS} tracks a reliability curve says little: {', '.join(few)}")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run sacred's command line."""
    settings = configuration()
    experiment = tracking.RecordedExperiment(settings.experiment_name, save_git_info=False)
    understand = functools.partial(_understand, settings=settings)
    tracking.set_up(
        experiment, evaluate, defaults(), settings, understand=understand, seed="split_seed"
    )
    options_help = help_text(defaults(), EVALUATION)
    return tracking.run_commandline(experiment, arguments, options_help)


if __name__ == "__main__":
    sys.exit(main())
