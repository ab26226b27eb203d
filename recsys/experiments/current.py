"""Which experiment of a listener is current: the one whose model everything loads.

`<catalogue>-current.json` beside the folders names it for each listener. A training that has ended
becomes current by `settle`, any other by `make_current`; where nothing is recorded, the newest
finished experiment is current.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from lemons_limits import read_json
from lemons_utils import DataError, ParameterError, locked, write_json
from recsys.experiments.folder import ExperimentFolder
from recsys.experiments.listing import ListedExperiment, list_experiments, read_experiment

WAIT_S = 60.0
"""The time to wait for another command that changes the same record [s]."""


# -- which is current --------------------------------------------------------------------------
def current_experiment(
    experiments: Path, *, catalogue: str, user_name: str
) -> tuple[ListedExperiment, str] | None:
    """Return a listener's current experiment and why it is, or None if none is finished."""
    listed = list_experiments(experiments, catalogue=catalogue, user_name=user_name)
    return pick_current(listed, read_record(experiments, catalogue).get(user_name))


def current_experiments(experiments: Path, *, catalogue: str) -> dict[str, ListedExperiment]:
    """Return the current experiments of all listeners with a model of a catalogue, by listener."""
    record, of_listener = read_record(experiments, catalogue), dict[str, list[ListedExperiment]]()
    for each in list_experiments(experiments, catalogue=catalogue):
        of_listener.setdefault(each.user_name, []).append(each)
    found = {
        name: pick_current(of_listener[name], record.get(name)) for name in sorted(of_listener)
    }
    return {user_name: current[0] for user_name, current in found.items() if current}


def pick_current(
    listed: list[ListedExperiment], recorded: str | None
) -> tuple[ListedExperiment, str] | None:
    """Return the current one of a listener's experiments and why it is, or None.

    Parameters
    ----------
    listed : list of ListedExperiment
        All experiments of the listener, the oldest first.
    recorded : str, optional
        The folder's name in the record.
    """
    known = {each.name: each for each in listed}
    finished = [each for each in listed if each.finished]
    if recorded in known and known[recorded].finished:
        return known[recorded], "current"
    if not finished:
        return None
    if recorded is None:
        return finished[-1], "the newest: none is recorded as current"
    problem = "has not ended" if recorded in known else "is gone"
    return finished[-1], f"the newest: {recorded}, recorded as current, {problem}"


def record_path(experiments: Path, catalogue: str) -> Path:
    """Return the path of the record of a catalogue's current experiments."""
    return experiments / f"{catalogue}-current.json"


def read_record(experiments: Path, catalogue: str) -> dict[str, str]:
    """Return the name of the folder that is recorded as current, by listener.

    Raises
    ------
    DataError
        If the record cannot be read.
    """
    path = record_path(experiments, catalogue)
    if not path.is_file():
        return {}
    try:
        return read_json(path, dict[str, str], "record of current experiments")
    except DataError as error:
        raise DataError(f"{error}: remove it, and the newest experiments are current") from error


# -- changing it -------------------------------------------------------------------------------
def settle(folder: ExperimentFolder, *, use: bool = False) -> str:
    """Record that a training has ended, and whether it is the listener's current one from now on.

    It is if there was none on its split, if its validation score (mean of AUC and MAP) is at least
    that of the current one, or if `use` is set.

    Returns
    -------
    str, a line that says which experiment is current, and why

    Raises
    ------
    DataError
        If another command keeps the record locked.
    """
    new, experiments = read_experiment(folder.path), folder.path.parent
    if new is None:
        folder.finish()
        return f"{folder.path} has no name of an experiment, so nothing loads it by itself"
    with _alone(experiments, new.catalogue):
        record = read_record(experiments, new.catalogue)
        found = current_experiment(experiments, catalogue=new.catalogue, user_name=new.user_name)
        recorded = record.get(new.user_name)
        chosen, why = _better(new, found and found[0], is_recorded=recorded == new.name, use=use)
        _write(record, chosen)
        # After that: a training that is killed in between is taken up, and settled, again.
        folder.finish()
    return f"current experiment: {chosen.name} ({why})"


def _better(
    new: ListedExperiment, before: ListedExperiment | None, *, is_recorded: bool, use: bool
) -> tuple[ListedExperiment, str]:
    """Return the experiment that is current once a new one has ended, and why."""
    if use:
        return new, "this one, by use=True"
    if is_recorded:
        return new, "this one, as before"
    if before is None:
        return new, "this one, the first that has ended"
    if before.split_checksum != new.split_checksum:
        return new, f"this one; {before.name} is of another split"
    score, other = (f"{each.score or 0:.3f}" for each in (new, before))
    if (new.score or 0.0) >= (before.score or 0.0):
        return new, f"this one, of validation score {score}; {before.name}: {other}"
    use_it = f"`python -m recsys.experiments use {new.name}` makes it current"
    return before, f"validation score {other}; this one: {score}; {use_it}"


def make_current(path: Path) -> str:
    """Make a finished experiment its listener's current one, and return a line that says so.

    Raises
    ------
    DataError
        If the path is no experiment, or another command keeps the record locked.
    ParameterError
        If the training has not ended.
    """
    chosen = read_experiment(path)
    if chosen is None:
        raise DataError(
            f"{path} is no experiment: `python -m recsys.experiments` lists what there is"
        )
    if not chosen.finished:
        raise ParameterError(
            f"the training of {chosen.name} has not ended: `python -m recsys.experiment with "
            f"resume={chosen.name}` goes on"
        )
    experiments, catalogue = chosen.path.parent, chosen.catalogue
    with _alone(experiments, catalogue):
        found = current_experiment(experiments, catalogue=catalogue, user_name=chosen.user_name)
        _write(read_record(experiments, catalogue), chosen)
    name = found[0].name if found else "none"
    before = "as before" if name == chosen.name else f"before: {name}"
    return f"current experiment of {chosen.user_name}: {chosen.name} ({before})"


def _alone(experiments: Path, catalogue: str) -> AbstractContextManager[None]:
    """Keep other commands from changing a catalogue's record within this context."""
    path = record_path(experiments, catalogue)
    busy = f"another command holds {path} locked: run this one again, or end that one"
    return locked(path.with_name(f".{path.stem}.lock"), DataError(busy), wait_s=WAIT_S)


def _write(record: dict[str, str], chosen: ListedExperiment) -> None:
    """Write a record with another current experiment, unless it is in it already."""
    changed = {**record, chosen.user_name: chosen.name}
    if changed != record:
        write_json(record_path(chosen.path.parent, chosen.catalogue), dict(sorted(changed.items())))
