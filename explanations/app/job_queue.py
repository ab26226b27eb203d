"""Long work beside the page: one queue for all viewers, progress by steps, cancelling.

Two viewers who ask for the same thing wait for the same job. A job ends early when everybody
who waited for it has cancelled; until then one viewer's change of mind is theirs alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lemons_utils import DataError, ParameterError

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
_ENDED = (DONE, FAILED, CANCELLED)
_KEPT_S = 600.0
_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Nobody waits for this job any more."""


class Job:
    """One piece of work, and how far it is.

    Parameters
    ----------
    steps : sequence of str
        Names of what it does, in order.
    """

    def __init__(self, steps: Sequence[str]) -> None:
        self.steps = tuple(steps)
        self.step = 0
        self.within = 0.0
        self.state = QUEUED
        self.error = ""
        self.viewers: set[str] = set()
        self.asked_at = self.ended_at = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether it is done, has failed or was cancelled."""
        return self.state in _ENDED

    @property
    def fraction(self) -> float:
        """How much is done, in [0, 1]: every step counts the same."""
        return min((self.step + self.within) / len(self.steps), 1.0)

    @property
    def seconds(self) -> float:
        """Time since somebody asked for it [s]."""
        return (self.ended_at if self.ended else time.monotonic()) - self.asked_at

    def progress(self, step: str, within: float = 0.0) -> None:
        """Say which step begins, or how much of it is done.

        Raises
        ------
        Cancelled
            If nobody waits for the result any more.
        """
        if not self.viewers:
            raise Cancelled
        if step in self.steps:
            self.step = self.steps.index(step)
            self.within = within


Work = Callable[[Job], None]


class Workers:
    """The queue of jobs that all viewers share.

    Parameters
    ----------
    count : int > 0
        Jobs that run at once; torch and NumPy spread one over all cores already.
    """

    def __init__(self, count: int = 1) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="lemons")
        self._lock = threading.Lock()
        self._jobs: dict[Hashable, Job] = {}

    def ask(self, key: Hashable, viewer: str, steps: Sequence[str], work: Work) -> Job:
        """Start a job, or wait for the one that does the same.

        Parameters
        ----------
        key : hashable
            Says what the result is; equal keys, one job.
        viewer : str
            Who waits.
        steps : sequence of str
        work : callable
            Gets the job, to report progress to.
        """
        with self._lock:
            self._forget_old()
            job = self._jobs.get(key)
            if job is None or job.ended or not job.viewers:
                job = self._jobs[key] = Job(steps)
                job.viewers.add(viewer)
                self._pool.submit(self._run, job, work)
            job.viewers.add(viewer)
            return job

    def job(self, key: Hashable, viewer: str) -> Job | None:
        """Find the job that a viewer waits for, or whose end they have not acknowledged."""
        with self._lock:
            job = self._jobs.get(key)
        return job if job is not None and viewer in job.viewers else None

    def leave(self, key: Hashable, viewer: str) -> None:
        """Stop waiting: cancels the job if nobody else waits, acknowledges its end otherwise."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                job.viewers.discard(viewer)

    def ahead_of(self, job: Job) -> int:
        """Count the jobs that come first."""
        with self._lock:
            return sum(
                not other.ended and bool(other.viewers) and other.asked_at < job.asked_at
                for other in self._jobs.values()
            )

    def _run(self, job: Job, work: Work) -> None:
        try:
            job.progress("")  # cancelled while it was queued
            job.state = RUNNING
            work(job)
        except Cancelled:
            self._end(job, CANCELLED)
        except (DataError, ParameterError) as error:
            self._end(job, FAILED, str(error))
        except Exception as error:
            _log.exception("a job of the page failed")
            self._end(job, FAILED, f"{type(error).__name__}: {error}; the log has more")
        else:
            self._end(job, DONE)

    def _end(self, job: Job, state: str, error: str = "") -> None:
        job.error, job.ended_at = error, time.monotonic()
        job.state = state  # last: who sees the end sees the rest

    def _forget_old(self) -> None:
        now = time.monotonic()
        self._jobs = {
            key: job
            for key, job in self._jobs.items()
            if not job.ended or (job.viewers and now - job.ended_at < _KEPT_S)
        }
