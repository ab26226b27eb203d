"""Long work beside the page: one queue for all viewers, progress by steps, cancelling.

Viewers who ask for the same result wait for the same job. A job ends early only when all
viewers who waited for it have cancelled.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lemons_utils import DataError, OnProgress, ParameterError

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
_KEPT_S = 600.0
_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """No viewer waits for this job any more."""


@dataclass(eq=False)
class Job:
    """One piece of work, and its progress.

    Parameters
    ----------
    steps : tuple of str
        Names of what it does, in order.
    """

    steps: tuple[str, ...]
    step: int = 0
    share: float = 0.0
    state: str = QUEUED
    error: str = ""
    viewers: set[str] = field(default_factory=set)
    asked_at: float = field(default_factory=time.monotonic)
    ended_at: float = 0.0

    @property
    def ended(self) -> bool:
        """Return whether it is done, has failed or was cancelled."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def fraction(self) -> float:
        """Return how much is done, in [0, 1]; all steps count the same."""
        return min((self.step + self.share) / len(self.steps), 1.0)

    @property
    def seconds(self) -> float:
        """Return the time since it was asked for, up to its end [s]."""
        return (self.ended_at if self.ended else time.monotonic()) - self.asked_at

    def on_progress(self, step: str, share: float) -> None:
        """Take the name of the current step and the share of it that is done.

        Raises
        ------
        Cancelled
            If no viewer waits for the result any more.
        """
        if not self.viewers:
            raise Cancelled
        if step in self.steps:
            self.step = self.steps.index(step)
            self.share = share


Work = Callable[[OnProgress], object]
"""Gets `Job.on_progress`, which it calls while it works."""


class JobQueue:
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
            What the result is; equal keys share one job.
        viewer : str
            The viewer who waits.
        """
        with self._lock:
            self._forget_old()
            job = self._jobs.get(key)
            if job is None or job.ended or not job.viewers:
                job = self._jobs[key] = Job(tuple(steps), viewers={viewer})
                self._pool.submit(self._run, job, work)
            job.viewers.add(viewer)
            return job

    def job(self, key: Hashable, viewer: str) -> Job | None:
        """Return the job that a viewer waits for or has not acknowledged the end of, or None."""
        with self._lock:
            job = self._jobs.get(key)
        return job if job is not None and viewer in job.viewers else None

    def leave(self, key: Hashable, viewer: str) -> None:
        """Stop waiting: acknowledge the end of a job, or cancel it if no other viewer waits."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                job.viewers.discard(viewer)

    def ahead_of(self, job: Job) -> int:
        """Count the jobs that run or wait before this one."""
        with self._lock:
            return sum(
                not other.ended and bool(other.viewers) and other.asked_at < job.asked_at
                for other in self._jobs.values()
            )

    def _run(self, job: Job, work: Work) -> None:
        try:
            job.on_progress("", 0.0)  # cancelled while it was queued
            job.state = RUNNING
            work(job.on_progress)
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
        job.state = state  # last, so that a reader who sees the end sees the rest

    def _forget_old(self) -> None:
        now = time.monotonic()
        self._jobs = {
            key: job
            for key, job in self._jobs.items()
            if not job.ended or (job.viewers and now - job.ended_at < _KEPT_S)
        }
