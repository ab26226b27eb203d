"""Maps over independent items: on this machine's processes, or on a Dask cluster on request.

joblib does the scheduling. An item may run twice, when the worker that had it died; so what it
writes is written beside its name and renamed, and what is there already is not made again.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import functools
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from lemons_utils import DataError, ParameterError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

ATTEMPTS = 3
"""Times in a row that workers may die without anything done in between, before items run one at
a time to find which of them kills; and items that may kill a worker which has nothing else."""

SUSPECTS = 160
"""Items that run one at a time then: no fewer than a cluster has in work or waiting."""

ANSWER_S = 10.0
"""How long a scheduler may take to answer [s]."""

WORKERS_S = 600.0
"""How long a cluster may take to start its first worker [s]: some start them on demand."""


@dataclass(frozen=True)
class Workers:
    """Where items are worked on.

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
    """What came of one item.

    Parameters
    ----------
    index : int
        Place of the item in the sequence.
    result : what the function returned; None where it failed
    error : ParameterError or DataError that it raised, or None
    """

    index: int
    result: _Result | None = None
    error: ParameterError | DataError | None = None

    def get(self) -> _Result:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


def add_options(parser: argparse.ArgumentParser, *, jobs: int, what: str = "processes") -> None:
    """Give a command `--jobs` and `--cluster`; `workers_of` reads them.

    Parameters
    ----------
    parser : ArgumentParser
    jobs : int
        The default.
    what : str
        What there are `jobs` of, in the plural.
    """
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
    """Apply a function to every item; hand out what comes of them as it comes.

    A worker that dies loses the item it had, and that runs again. (When a process of this
    machine dies, joblib starts the others anew, and what they had in work runs again, too.)
    Where workers die again and again, the items that may be to blame run one at a time: what
    kills a worker that has nothing else is put aside, and all others are done.

    Parameters
    ----------
    work : callable
        A module's function, or a `functools.partial` of one. Its items do not depend on each
        other, and doing one twice comes to the same as doing it once. It says `ParameterError`
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
    from joblib import delayed

    todo = dict(enumerate(items))
    deaths, deadly = 0, 0
    with _backend(workers) as (make_parallel, worker_died), _interrupts() as interrupted:

        def together(some: Sequence[int]) -> Iterator[Outcome[_Result]]:
            calls = [delayed(_on_one_thread)(work, index, items[index]) for index in some]
            try:
                for outcome in make_parallel()(calls):
                    del todo[outcome.index]
                    yield outcome
            except worker_died as error:
                if interrupted.is_set():  # workers die of it, too
                    raise KeyboardInterrupt from error
                raise

        while todo and deadly < ATTEMPTS:
            if deaths < ATTEMPTS:
                try:
                    for outcome in together([*todo]):
                        deaths = 0
                        yield outcome
                except worker_died:
                    deaths += 1
                continue
            deaths = 0
            for index in [*todo][:SUSPECTS]:
                try:
                    yield from together([index])
                except worker_died:
                    del todo[index]
                    deadly += 1
                    break
    if deadly:
        raise DataError(
            f"worker processes died of {deadly} of {len(items)} items, also of each alone, perhaps "
            f"for want of memory, with {len(todo)} more to do: what is done is kept; run the same "
            "command again, with more memory"
        )


@contextlib.contextmanager
def _backend(workers: Workers) -> Iterator[tuple[Callable[[], Any], type[Exception]]]:
    """Make ready to work; hand out what makes a Parallel, and what it raises when workers die."""
    from joblib import Parallel, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    unordered = functools.partial(Parallel, return_as="generator_unordered", batch_size=1)
    if workers.cluster:
        with _connected(workers.cluster) as (make_backend, killed_worker):
            # Enough waiting that a cluster which grows with its work has a reason to.
            ahead = "128 + 2*n_jobs"
            yield lambda: unordered(backend=make_backend(), pre_dispatch=ahead), killed_worker
        return

    def on_processes() -> Any:
        # joblib replaces a worker whose memory has grown, between two items: nothing is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        with parallel_config(backend="loky", inner_max_num_threads=1):
            return unordered(n_jobs=workers.jobs)

    yield on_processes, TerminatedWorkerError


@contextlib.contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Note that somebody interrupts, which the error of dying workers may hide."""
    came = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield came
        return

    def note(number: int, frame: Any) -> Any:
        came.set()
        return before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield came
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _on_one_thread(work: Callable[[Any], Any], index: int, item: Any) -> Outcome[Any]:
    """Attempt an item in a worker, which has as many neighbours as there are cores."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    return _attempt(work, index, item)


def _attempt(work: Callable[[Any], Any], index: int, item: Any) -> Outcome[Any]:
    try:
        return Outcome(index, work(item))
    except (ParameterError, DataError) as error:
        return Outcome(index, error=error)


# -- a Dask cluster ----------------------------------------------------------------------------
@contextlib.contextmanager
def _connected(cluster: str) -> Iterator[tuple[Callable[[], Any], type[Exception]]]:
    """Connect to a scheduler; hand out what makes a backend, and what it raises as above."""
    try:
        import distributed
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise DataError('--cluster needs Dask: pip install "lemons[cluster]"') from error

    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # said in one line below
    with _client(distributed, cluster) as client:
        if not client.ncores():
            print(f"{cluster} has no workers yet; waiting for the first", file=sys.stderr)
        try:
            yield functools.partial(_dask_backend, client), KilledWorker
        except TimeoutError as error:
            raise DataError(
                f"{cluster} has no workers after {WORKERS_S:g} s: start some with `dask worker "
                f"{cluster} --nthreads 1`"
            ) from error
        except FutureCancelledError as error:
            raise DataError(
                f"the scheduler of {cluster} is gone: run the same command again when it is "
                "back; what is done is kept"
            ) from error
        except (ModuleNotFoundError, RuntimeError) as error:  # a worker's; the scheduler's
            missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
            if not isinstance(missing, ModuleNotFoundError):
                raise
            raise DataError(
                f"{cluster} has no module {missing.name}: install this version of LEMONS where "
                "its scheduler and its workers run"
            ) from error


def _client(distributed: Any, cluster: str) -> Any:
    is_file = "://" not in cluster and cluster.endswith(".json")
    if is_file and not Path(cluster).is_file():
        raise DataError(f"there is no scheduler file {cluster}: start the cluster, or name another")
    where = {"scheduler_file": cluster} if is_file else {"address": cluster}
    try:
        return distributed.Client(**where, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"no Dask scheduler answers at {cluster} ({reason}): start one with `dask scheduler`, "
            "or name the address that it prints"
        ) from error


def _dask_backend(client: Any) -> Any:
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):  # type: ignore[misc]
        """joblib's, but for two things that lose work."""

        def effective_n_jobs(self, n_jobs: int) -> int:
            # With one worker so far, joblib would do everything in this process.
            return max(2, int(super().effective_n_jobs(n_jobs)))

        def submit(self, func: Any, callback: Any = None) -> Any:
            # Nobody is told of an item that Dask gives up: joblib would wait for it for ever.
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: callback(done) if done.exception() else None)
            return future

        def retrieve_result_callback(self, out: Any) -> Any:
            if isinstance(out, concurrent.futures.Future):
                return out.result()  # raises
            return super().retrieve_result_callback(out)

    return Backend(client=client, wait_for_workers_timeout=WORKERS_S)
