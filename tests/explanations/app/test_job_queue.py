"""Long work beside the page: who shares it, who ends it, and what is told of it."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from explanations.app.job_queue import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Job, JobQueue
from lemons_utils import DataError

STEPS = ("first", "second")
PATIENCE_S = 10


class Gate:
    """Work that begins a step, waits until it may go on, and reports again."""

    def __init__(self) -> None:
        self.begun, self.may_go_on, self.calls = threading.Event(), threading.Event(), 0

    def __call__(self, on_progress: Callable[[str, float], None]) -> None:
        self.calls += 1
        on_progress("first", 0.5)
        self.begun.set()
        assert self.may_go_on.wait(PATIENCE_S)
        on_progress("second", 0.0)


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.may_go_on.set()  # a failed test must not keep its thread


def flush(queue: JobQueue) -> None:
    """Wait until all that was asked for before has ended, also what never got its turn."""
    passed, key = threading.Event(), object()
    asked = [job for job in queue._jobs.values() if not job.ended]
    patience = time.monotonic() + PATIENCE_S
    queue.ask(key, "flush", ("pass",), lambda _: passed.set())
    while not passed.wait(0.01):  # asked again, because who does not look is gone, here as well
        assert time.monotonic() < patience
        queue.ask(key, "flush", ("pass",), lambda _: passed.set())
    with queue._turn:
        assert queue._turn.wait_for(lambda: all(job.ended for job in asked), PATIENCE_S)


def test_a_job_runs_and_tells_its_progress(queue: JobQueue, gate: Gate) -> None:
    job = queue.ask("key", "anna", STEPS, gate)
    assert gate.begun.wait(PATIENCE_S)
    assert (job.state, job.step, job.share, job.fraction) == (RUNNING, 0, 0.5, 0.25)
    assert not job.ended
    gate.may_go_on.set()
    flush(queue)
    assert (job.state, job.step, job.fraction, job.error) == (DONE, 1, 0.5, "")
    assert job.ended
    assert 0 <= job.seconds == job.seconds < PATIENCE_S  # the clock has stopped


def test_equal_keys_share_one_job(queue: JobQueue, gate: Gate) -> None:
    first = queue.ask("key", "anna", STEPS, gate)
    assert queue.ask("key", "ben", STEPS, gate) is first
    assert queue.ask("other", "ben", STEPS, lambda _: None) is not first
    gate.may_go_on.set()
    flush(queue)
    assert gate.calls == 1
    assert queue.job("key", "anna") is queue.job("key", "ben") is first
    assert queue.job("key", "carla") is None
    assert queue.job("unknown", "anna") is None


def test_a_job_goes_on_until_the_last_viewer_has_left(queue: JobQueue, gate: Gate) -> None:
    job = queue.ask("key", "anna", STEPS, gate)
    queue.ask("key", "ben", STEPS, gate)
    assert gate.begun.wait(PATIENCE_S)
    queue.leave("key", "anna")
    assert queue.job("key", "anna") is None
    gate.may_go_on.set()
    flush(queue)
    assert job.state == DONE


def test_a_job_that_nobody_waits_for_ends_at_its_next_report(queue: JobQueue, gate: Gate) -> None:
    job = queue.ask("key", "anna", STEPS, gate)
    assert gate.begun.wait(PATIENCE_S)
    queue.leave("key", "anna")
    queue.leave("never asked for", "anna")
    gate.may_go_on.set()
    flush(queue)
    assert (job.state, job.step) == (CANCELLED, 0)


def test_who_asks_again_after_cancelling_gets_a_new_job(queue: JobQueue, gate: Gate) -> None:
    cancelled = queue.ask("key", "anna", STEPS, gate)
    assert gate.begun.wait(PATIENCE_S)
    queue.leave("key", "anna")
    again = queue.ask("key", "anna", STEPS, lambda _: None)
    assert again is not cancelled
    gate.may_go_on.set()
    flush(queue)
    assert (cancelled.state, again.state) == (CANCELLED, DONE)


def test_a_job_cancelled_in_the_queue_never_starts(queue: JobQueue, gate: Gate) -> None:
    started = threading.Event()
    queue.ask("busy", "anna", STEPS, gate)
    assert gate.begun.wait(PATIENCE_S)
    waiting = queue.ask("key", "anna", STEPS, lambda _: started.set())
    assert (waiting.state, waiting.fraction) == (QUEUED, 0.0)
    queue.leave("key", "anna")
    gate.may_go_on.set()
    flush(queue)
    assert waiting.state == CANCELLED
    assert not started.is_set()


def test_counts_the_jobs_that_come_first(queue: JobQueue, gate: Gate) -> None:
    running = queue.ask("busy", "anna", STEPS, gate)
    assert gate.begun.wait(PATIENCE_S)
    second = queue.ask("second", "ben", STEPS, lambda _: None)
    third = queue.ask("third", "carla", STEPS, lambda _: None)
    assert [queue.ahead_of(job) for job in (running, second, third)] == [0, 1, 2]
    queue.leave("second", "ben")
    assert queue.ahead_of(third) == 1
    gate.may_go_on.set()
    flush(queue)
    assert queue.ahead_of(third) == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DataError("the disk is full"), "the disk is full"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero; the log has more"),
    ],
)
def test_a_failure_says_why_until_it_is_acknowledged(
    queue: JobQueue, error: Exception, words: str
) -> None:
    def fail(on_progress: Callable[[str, float], None]) -> None:
        raise error

    job = queue.ask("key", "anna", STEPS, fail)
    flush(queue)
    assert (job.state, job.error) == (FAILED, words)
    assert queue.job("key", "anna") is job
    queue.leave("key", "anna")
    assert queue.job("key", "anna") is None
    again = queue.ask("key", "anna", STEPS, lambda _: None)
    flush(queue)
    assert again.state == DONE


def test_ended_jobs_are_forgotten_once_acknowledged(queue: JobQueue) -> None:
    queue.ask("key", "anna", STEPS, lambda _: None)
    flush(queue)
    flush(queue)
    assert "key" in queue._jobs
    queue.leave("key", "anna")
    flush(queue)
    assert "key" not in queue._jobs


def test_an_unknown_step_changes_nothing_and_no_share_goes_beyond_the_end() -> None:
    job = Job(STEPS)
    job.advance("second", 0.25)
    job.advance("what else", 0.9)
    assert (job.step, job.share) == (1, 0.25)
    job.advance("second", 1.5)
    assert job.fraction == 1.0


def test_long_work_gives_way_to_short_work_and_goes_on(queue: JobQueue) -> None:
    order: list[str] = []
    begun, asked = threading.Event(), threading.Event()

    def long(on_progress: Callable[[str, float], None]) -> None:
        on_progress("first", 0.5)
        begun.set()
        assert asked.wait(PATIENCE_S)
        on_progress("second", 0.0)
        order.append("long")

    job = queue.ask("long", "anna", STEPS, long, cost_s=300)
    assert begun.wait(PATIENCE_S)
    queue.ask("longer", "carla", STEPS, lambda _: order.append("longer"), cost_s=900)
    queue.ask("short", "ben", STEPS, lambda _: order.append("short"), cost_s=5)
    assert queue.ahead_of(job) == 1
    asked.set()
    passed = threading.Event()
    queue.ask("last", "ben", STEPS, lambda _: passed.set(), cost_s=2000)
    assert passed.wait(PATIENCE_S)
    assert order == ["short", "long", "longer"]
    assert job.state == DONE


def test_a_viewer_who_is_gone_does_not_wait_any_more(gate: Gate) -> None:
    queue = JobQueue(gone_s=0.05)
    job = queue.ask("key", "anna", STEPS, gate)
    assert gate.begun.wait(PATIENCE_S)
    time.sleep(0.1)  # anna has not looked for so long
    gate.may_go_on.set()
    flush(queue)
    assert job.state == CANCELLED


def test_who_looks_at_something_else_leaves_the_rest(queue: JobQueue, gate: Gate) -> None:
    busy = queue.ask("busy", "ben", STEPS, gate)
    assert gate.begun.wait(PATIENCE_S)
    jobs = [queue.ask(key, "anna", STEPS, lambda _: None) for key in ("a", "b")]
    queue.leave_all_but("anna", "b")
    gate.may_go_on.set()
    flush(queue)
    assert [job.state for job in (busy, *jobs)] == [DONE, CANCELLED, DONE]


def test_the_time_left_is_that_of_the_step_without_its_rests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("explanations.app.job_queue.time.monotonic", lambda: now[0])
    job = Job(STEPS)
    assert job.left_s is None, "it has not begun"
    job.go_on()
    now[0] += 50
    job.advance("second", 0.0)
    assert job.left_s is None, "nothing of the step is done"
    now[0] += 2
    job.rest()
    now[0] += 70
    job.go_on()
    now[0] += 1
    job.advance("second", 0.25)
    assert job.left_s == pytest.approx(9)
