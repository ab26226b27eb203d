"""Map over independent items: on processes of this machine, or on a Dask cluster on request.

Processes are those of loky (the copy that joblib hands out), a cluster is a `distributed.Client`;
both take calls and return futures, and one loop serves both. An item may run twice, when the worker
that had it died; so what it writes is written beside its name and renamed, and what is there
already is not made again.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import logging
import os
import queue
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from lemons_places import install
from lemons_processes import adapt_memory, end_with, without_interrupts
from lemons_utils import DataError, ParameterError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

ATTEMPTS = 3
"""Deaths of workers with nothing done in between, before the items that they had run one at a time;
and items that kill a worker which has nothing else, before the map gives up."""

ONE_THREAD = {
    f"{library}_THREADS": "1"
    for library in (
        "OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "NUMBA_NUM", "NUMEXPR_NUM",
        "VECLIB_MAXIMUM",
    )
}  # fmt: skip
"""Environment of the processes of this machine."""

IDLE_S = 300.0
"""Time that a process of this machine waits for further items before it ends [s]."""

ANSWER_S = 10.0
"""Time that a scheduler may take to answer [s]."""

WORKERS_S = 600.0
"""Time that a cluster may take to start its first worker [s]: some start them on demand."""


@dataclass(frozen=True)
class Workers:
    """The processes or the cluster that items run on.

    Parameters
    ----------
    jobs : int
        Processes of this machine, each on one thread, so that N take N cores; 1 for this
        process alone, with all the threads it has; -1 for one process per core.
    cluster : str
        Address of a Dask scheduler (`tcp://host:8786`), or the path of its scheduler file;
        then the cluster's workers do the work, whatever `jobs` says. They see the same folders.
    """

    jobs: int = 1
    cluster: str = ""

    def __post_init__(self) -> None:
        if self.jobs == 0 or self.jobs < -1:
            raise ParameterError(f"jobs must be 1 or more, or -1 for all cores, got {self.jobs}")

    @property
    def is_here(self) -> bool:
        """Whether this very process does the work."""
        return self.jobs == 1 and not self.cluster


HERE = Workers()
"""This process alone."""


@dataclass(frozen=True)
class Outcome(Generic[_Result]):
    """What the function returned for the item at `index`, or the error that it raised."""

    index: int
    result: _Result | None = None
    error: ParameterError | DataError | None = None

    def get(self) -> _Result:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


def add_options(parser: argparse.ArgumentParser, *, jobs: int, what: str = "processes") -> None:
    """Give a command `--jobs`, by default `jobs` of `what` (plural), and `--cluster`."""
    default = "one per core" if jobs == -1 else str(jobs)
    parser.add_argument(
        "--jobs", type=int, default=jobs, metavar="N",
        help=f"{what} on this machine, -1 for one per core (default: {default})",
    )  # fmt: skip
    parser.add_argument(
        "--cluster", default="", metavar="ADDRESS",
        help="work on this Dask cluster instead: tcp://host:8786, or its scheduler file",
    )  # fmt: skip


def workers_of(options: argparse.Namespace) -> Workers:
    """Read what `add_options` has added."""
    return Workers(options.jobs, options.cluster)


def run(
    work: Callable[[_Item], _Result], items: Sequence[_Item], workers: Workers
) -> Generator[Outcome[_Result], None, None]:
    """Apply a function to every item; yield each outcome as soon as it is there.

    A worker that dies loses the item it had, and that runs again. (When a process of this
    machine dies, loky ends the others, and what they had in work runs again, too.) Where workers
    die again and again, the items that they had run one at a time: what kills a worker that has
    nothing else is put aside, and all others are done.

    Parameters
    ----------
    work : callable
        A module's function, or a `functools.partial` of one. Its items do not depend on each
        other, and doing one twice comes to the same as doing it once. It raises `ParameterError`
        or `DataError` where an item is at fault, which ends only that item.
    items : sequence
    workers : Workers

    Yields
    ------
    Outcome
        In the order in which they are done; `index` says which item it is of.

    Raises
    ------
    DataError
        At the end, if an item kills every worker that has it, or as soon as `ATTEMPTS` items do;
        or if the cluster is not there or lost.
    """
    if not items:
        return
    if workers.is_here:
        yield from (_attempt(work, index, item) for index, item in enumerate(items))
        return
    todo = dict(enumerate(items))
    deaths, deadly = 0, 0
    with _cluster(workers.cluster) if workers.cluster else _processes(workers.jobs) as pool:
        while todo and deadly < ATTEMPTS:
            count = len(todo)
            lost = yield from _work_off(pool, work, todo, [*todo])
            deaths = deaths + 1 if len(todo) == count else 1
            if deaths < pool.patience:
                continue
            deaths = 0
            for index in lost:
                if (yield from _work_off(pool, work, todo, [index])):
                    del todo[index]
                    deadly += 1
                    break
    if deadly:
        raise DataError(
            f"worker processes died of {deadly} of {len(items)} items, also of each alone, perhaps "
            f"for want of memory, with {len(todo)} more to do: what is done is kept; run the same "
            "command again, with more memory"
        )


@dataclass(frozen=True)
class _Pool:
    """Processes that take calls."""

    submit: Callable[[Callable[[], Any]], Any]  # returns the future of a call's result
    died: type[Exception]  # raised by a future whose process died
    ahead: int  # calls that are submitted at the same time
    is_one: bool  # whether a process that dies takes all others with it
    patience: int  # times in a row that calls may be lost before they run one at a time


def _work_off(
    pool: _Pool, work: Callable[[Any], Any], todo: dict[int, Any], indices: Sequence[int]
) -> Generator[Outcome[Any], None, list[int]]:
    """Work on some items, and take from `todo` what is done; return those that were lost.

    It ends when processes have died `ATTEMPTS` times with nothing done in between; in a pool where
    one death ends all processes, at the first.
    """
    finished: queue.SimpleQueue[int] = queue.SimpleQueue()
    waiting, deaths = iter(indices), 0
    running: dict[int, Any] = {}
    lost: list[int] = []
    try:
        while True:
            has_ended = bool(lost) if pool.is_one else deaths >= ATTEMPTS
            for index in itertools.islice(waiting, 0 if has_ended else pool.ahead - len(running)):
                call = functools.partial(_on_one_thread, work, index, todo[index])
                running[index] = future = pool.submit(call)
                future.add_done_callback(lambda _, index=index: finished.put(index))
            if not running or (has_ended and not pool.is_one):
                return lost
            index = finished.get()
            try:
                outcome = running.pop(index).result()
            except pool.died:
                lost.append(index)
                deaths += 1
                continue
            deaths = 0
            del todo[index]
            yield outcome
    finally:
        for future in running.values():
            future.cancel()


def _on_one_thread(work: Callable[[Any], Any], index: int, item: Any) -> Outcome[Any]:
    """Work on an item in a worker, on one thread: there is a worker for every core."""
    if "MALLOC_TRIM_THRESHOLD_" in os.environ:
        adapt_memory()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    return _attempt(work, index, item)


def _attempt(work: Callable[[Any], Any], index: int, item: Any) -> Outcome[Any]:
    try:
        return Outcome(index, work(item))
    except (ParameterError, DataError) as error:
        return Outcome(index, error=error)


# -- processes of this machine -----------------------------------------------------------------
_QUIET = "ignore:resource_tracker:UserWarning"
"""Option of interpreters that are started: loky's tracker cleans up what an interrupt leaves, and
need not say so."""


@contextlib.contextmanager
def _processes(jobs: int) -> Iterator[_Pool]:
    """Make a pool of loky's processes, which stay for the next one."""
    from multiprocessing import resource_tracker

    from joblib.externals.loky import cpu_count, get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # loky replaces a worker whose memory has grown, between two items: nothing is lost.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    if _QUIET not in sys.warnoptions:
        sys.warnoptions.append(_QUIET)
    count = cpu_count() if jobs == -1 else jobs
    executors: list[Any] = []

    def submit(call: Callable[[], Any]) -> Any:
        while True:
            with without_interrupts():
                executors[:] = [  # the one there is, or another in place of one that is broken
                    get_reusable_executor(
                        count, timeout=IDLE_S, env=ONE_THREAD,
                        initializer=end_with, initargs=(os.getpid(),),
                    )
                ]  # fmt: skip
            resource_tracker.ensure_running()  # starts, like loky's, and lets interrupts through
            with without_interrupts(), contextlib.suppress(TerminatedWorkerError):
                return executors[0].submit(call)  # unless it broke just now

    try:
        yield _Pool(
            submit, died=TerminatedWorkerError, ahead=2 * count, is_one=True, patience=ATTEMPTS
        )
    except BaseException:
        with without_interrupts():
            for executor in executors:
                executor.shutdown(kill_workers=True)
        raise


# -- a Dask cluster ----------------------------------------------------------------------------
@contextlib.contextmanager
def _cluster(address: str) -> Iterator[_Pool]:
    """Connect to a scheduler, whose `allowed-failures` say how many workers an item may kill."""
    try:
        import distributed
    except ImportError as error:
        raise DataError(f"--cluster needs Dask: {install('cluster')}") from error

    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # said in one line below
    with _client(distributed, address) as client:
        try:
            # Enough waiting that a cluster which grows with its work has a reason to.
            ahead = 128 + 2 * _count_cores(client, address)
            yield _Pool(
                functools.partial(client.submit, pure=False),
                died=distributed.KilledWorker, ahead=ahead, is_one=False, patience=1,
            )  # fmt: skip
        except distributed.CancelledError as error:
            raise DataError(
                f"the scheduler of {address} is gone: run the same command again when it is "
                "back; what is done is kept"
            ) from error
        except (ModuleNotFoundError, RuntimeError) as error:  # a worker's; the scheduler's
            missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
            if not isinstance(missing, ModuleNotFoundError):
                raise
            raise DataError(
                f"{address} has no module {missing.name}: install this version of LEMONS where "
                "its scheduler and its workers run"
            ) from error


def _count_cores(client: Any, address: str) -> int:
    """Count the cores of a cluster, once it has a worker."""
    if not client.ncores():
        print(f"{address} has no workers yet; waiting for the first", file=sys.stderr)
        try:
            client.submit(int, pure=False).result(timeout=WORKERS_S)
        except TimeoutError as error:
            raise DataError(
                f"{address} has no workers after {WORKERS_S:g} s: start some with `dask worker "
                f"{address} --nthreads 1`"
            ) from error
    return sum(client.ncores().values())


def _client(distributed: Any, address: str) -> Any:
    is_file = "://" not in address and address.endswith(".json")
    if is_file and not Path(address).is_file():
        raise DataError(f"there is no scheduler file {address}: start the cluster, or name another")
    where = {"scheduler_file": address} if is_file else {"address": address}
    try:
        return distributed.Client(**where, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"no Dask scheduler answers at {address} ({reason}): start one with `dask scheduler`, "
            "or name the address that it prints"
        ) from error
