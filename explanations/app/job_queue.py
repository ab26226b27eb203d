"""Long work beside the page: one queue for all viewers, progress by steps, cancelling.

Viewers who ask for the same result wait for the same job, and one job runs at a time. Of those
that wait, the one goes first whose result would be due first if all had started when they were
asked for: short work goes before long work, and long work is not put off for ever. A running job
gives way at its next report of progress. A job ends early when no viewer waits for it any more:
one who leaves says so, and one who is gone is not heard of.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
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
    cost_s : float [s]
        The time that it takes, roughly.
    """

    steps: tuple[str, ...]
    cost_s: float = 10.0
    step: int = 0
    share: float = 0.0
    state: str = QUEUED
    error: str = ""
    seen: dict[str, float] = field(default_factory=dict)
    asked_at: float = field(default_factory=time.monotonic)
    ended_at: float = 0.0
    worked_s: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        """Return whether it is done, has failed or was cancelled."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def due(self) -> float:
        """Return when it would be done if it had started when it was asked for."""
        return self.asked_at + self.cost_s

    @property
    def fraction(self) -> float:
        """Return how much is done, in [0, 1]; all steps count the same."""
        return min((self.step + self.share) / len(self.steps), 1.0)

    @property
    def seconds(self) -> float:
        """Return the time since it was asked for, up to its end [s]."""
        return (self.ended_at if self.ended else time.monotonic()) - self.asked_at

    @property
    def left_s(self) -> float | None:
        """Return the time that the current step will still take [s]; None if that is unknown."""
        if self.state != RUNNING or self.share < 0.05:
            return None
        worked = self.worked_s + time.monotonic() - self._since
        return worked * (1 - self.share) / self.share

    def go_on(self) -> None:
        """Begin to work, or to work again."""
        self.state, self._since = RUNNING, time.monotonic()

    def rest(self) -> None:
        """Stop working for a while."""
        self.worked_s += time.monotonic() - self._since
        self.state = QUEUED

    def advance(self, step: str, share: float) -> None:
        """Take the name of the current step and the share of it that is done."""
        if step in self.steps:
            if self.steps[self.step] != step:
                self.worked_s, self._since = 0.0, time.monotonic()
            self.step, self.share = self.steps.index(step), share


Work = Callable[[OnProgress], object]
"""Gets a function that it calls with a step and the share of it that is done while it works."""


class JobQueue:
    """The queue of jobs that all viewers share; one runs at a time.

    Parameters
    ----------
    gone_s : float > 0 [s]
        A viewer who has not looked for so long does not wait any more.
    """

    def __init__(self, gone_s: float = 10.0) -> None:
        self._gone_s = gone_s
        self._turn = threading.Condition()
        self._jobs: dict[Hashable, Job] = {}
        self._running: Job | None = None

    def ask(
        self, key: Hashable, viewer: str, steps: Sequence[str], work: Work, *, cost_s: float = 10.0
    ) -> Job:
        """Start a job, or wait for the one that does the same.

        Parameters
        ----------
        key : hashable
            What the result is; equal keys share one job.
        viewer : str
            The viewer who waits, and looks after the job again and again.
        cost_s : float [s]
            The time that it takes, roughly: short work goes first.
        """
        with self._turn:
            self._forget_old()
            job = self._jobs.get(key)
            if job is None or job.ended or not self._is_wanted(job):
                job = self._jobs[key] = Job(tuple(steps), cost_s)
                job.seen[viewer] = time.monotonic()
                threading.Thread(
                    target=self._run, args=(job, work), name="lemons", daemon=True
                ).start()
            job.seen[viewer] = time.monotonic()
            return job

    def job(self, key: Hashable, viewer: str) -> Job | None:
        """Return the job that a viewer waits for or has not acknowledged the end of, or None."""
        with self._turn:
            job = self._jobs.get(key)
            if job is None or viewer not in job.seen:
                return None
            job.seen[viewer] = time.monotonic()
            return job

    def leave(self, key: Hashable, viewer: str) -> None:
        """Stop waiting: acknowledge the end of a job, or cancel it if no other viewer waits."""
        with self._turn:
            if (job := self._jobs.get(key)) is not None:
                job.seen.pop(viewer, None)
            self._turn.notify_all()

    def leave_all_but(self, viewer: str, key: Hashable = None) -> None:
        """Stop waiting for everything but one job: a viewer looks at one thing at a time."""
        with self._turn:
            others = [other for other, job in self._jobs.items() if viewer in job.seen]
        for other in others:
            if other != key:
                self.leave(other, viewer)

    def ahead_of(self, job: Job) -> int:
        """Count the jobs that run before this one."""
        with self._turn:
            return sum(
                other is not job
                and not other.ended
                and self._is_wanted(other)
                and (other.state == RUNNING or other.due < job.due)
                for other in self._jobs.values()
            )

    # -- the turns -----------------------------------------------------------------------------

    def _run(self, job: Job, work: Work) -> None:
        state, error = DONE, ""
        try:
            self._wait_for_turn(job)
            work(functools.partial(self._on_progress, job))
        except Cancelled:
            state = CANCELLED
        except (DataError, ParameterError) as problem:
            state, error = FAILED, str(problem)
        except Exception as problem:
            _log.exception("a job of the page failed")
            state, error = FAILED, f"{type(problem).__name__}: {problem}; the log has more"
        with self._turn:
            job.error, job.ended_at = error, time.monotonic()
            job.state = state  # last, so that a reader who sees the end sees the rest
            if self._running is job:
                self._running = None
            self._turn.notify_all()

    def _on_progress(self, job: Job, step: str, share: float) -> None:
        with self._turn:
            if not self._is_wanted(job):
                raise Cancelled
            job.advance(step, share)
            if any(other.due < job.due for other in self._waiting()):
                job.rest()
                self._running = None
                self._turn.notify_all()
                self._wait_for_turn(job)

    def _wait_for_turn(self, job: Job) -> None:
        with self._turn:
            while self._running is not None or self._next() is not job:
                if not self._is_wanted(job):
                    raise Cancelled
                self._turn.wait(0.5)
            self._running = job
            job.go_on()

    def _next(self) -> Job | None:
        return min(self._waiting(), key=lambda job: job.due, default=None)

    def _waiting(self) -> list[Job]:
        jobs = self._jobs.values()
        return [job for job in jobs if job.state == QUEUED and self._is_wanted(job)]

    def _is_wanted(self, job: Job) -> bool:
        now = time.monotonic()
        return any(now - seen < self._gone_s for seen in job.seen.values())

    def _forget_old(self) -> None:
        now = time.monotonic()
        self._jobs = {
            key: job
            for key, job in self._jobs.items()
            if not job.ended or (job.seen and now - job.ended_at < _KEPT_S)
        }
