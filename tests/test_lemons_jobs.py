"""Maps over items: the same wherever they run, whole when workers die, plain about the rest."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

import lemons_jobs
from lemons_jobs import Outcome, Workers, run
from lemons_utils import DataError, ParameterError

# Functions defined in a test travel to the workers whole; those of modules go by their name.


@pytest.fixture(params=["here", "processes", "cluster"])
def workers(request) -> Workers:
    if request.param == "cluster":
        return Workers(cluster=request.getfixturevalue("cluster"))
    return Workers(1 if request.param == "here" else 2)


@pytest.fixture(params=["processes", "cluster"])
def elsewhere(request) -> Workers:
    return Workers(2, request.getfixturevalue("cluster") if request.param == "cluster" else "")


def test_every_item_comes_to_the_same_on_every_engine(workers):
    def work(item):
        from lemons_utils import DataError

        if item == "c":
            raise DataError("c is damaged")
        return item.upper()

    found = sorted(run(work, "abcde", workers), key=lambda outcome: outcome.index)
    assert [outcome.result for outcome in found] == ["A", "B", None, "D", "E"]
    assert [outcome.index for outcome in found] == [0, 1, 2, 3, 4]
    assert [str(outcome.error) for outcome in found if outcome.error] == ["c is damaged"]
    with pytest.raises(DataError, match="c is damaged"):
        found[2].get()
    assert found[3].get() == "D"


def test_nothing_to_do_asks_no_cluster():
    assert list(run(str, [], Workers(cluster="tcp://127.0.0.1:1"))) == []


def test_our_own_mistakes_keep_their_kind(workers):
    def work(item):
        raise KeyError(item)

    with pytest.raises(KeyError, match="7"):
        list(run(work, [7], workers))


def test_a_killed_worker_loses_one_item_and_that_runs_again(elsewhere, tmp_path, wait_until):
    def work(item):
        """Item 3 waits to be killed, the first time."""
        import os

        (tmp_path / f"{item}-{time.time_ns()}").touch()
        victim = tmp_path / "victim"
        if item == 3 and not victim.exists():
            (tmp_path / "writing").write_text(str(os.getpid()))
            (tmp_path / "writing").rename(victim)
            time.sleep(3_600)
        return item, os.getpid()

    outcomes = run(work, range(8), elsewhere)
    found = [next(outcomes)]
    wait_until((tmp_path / "victim").exists)
    victim = int((tmp_path / "victim").read_text())
    assert victim != os.getpid()
    os.kill(victim, signal.SIGKILL)
    found += outcomes
    assert sorted(outcome.get()[0] for outcome in found) == list(range(8))
    assert len(list(tmp_path.glob("3-*"))) == 2
    assert victim not in {outcome.get()[1] for outcome in found if outcome.index == 3}


def test_an_item_that_kills_every_worker_ends_it_and_what_is_done_is_kept(elsewhere):
    def work(item):
        import os

        if item == 1:
            os.kill(os.getpid(), 9)
        return item

    done = []
    with pytest.raises(DataError, match=r"died of 1 of 6 items, also of each alone.* with 0 more"):
        for outcome in run(work, range(6), elsewhere):
            done.append(outcome.get())
    assert sorted(done) == [0, 2, 3, 4, 5], "a neighbour that died with it runs again, alone"


def test_items_that_all_kill_their_workers_end_it_early(tmp_path):
    def work(item):
        import os

        (tmp_path / str(item)).touch()
        os.kill(os.getpid(), 9)

    with pytest.raises(DataError, match=r"died of 3 of 40 items.* with 37 more to do"):
        list(run(work, range(40), Workers(2)))
    assert len(list(tmp_path.iterdir())) < 40


def test_processes_that_die_before_they_get_their_item_are_replaced(monkeypatch, wait_until):
    from multiprocessing import resource_tracker

    from joblib.externals.loky import get_reusable_executor

    assert [outcome.get() for outcome in run(abs, [-1], Workers(2))] == [1]
    todo = ["die"]

    def die(ensure_running=resource_tracker.ensure_running):
        """Between the executor's being asked for and its getting the item."""
        ensure_running()
        if todo:
            todo.pop()
            executor = get_reusable_executor(reuse=True)
            for pid in executor._processes:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: executor._flags.broken is not None)

    monkeypatch.setattr(resource_tracker, "ensure_running", die)
    assert sorted(outcome.get() for outcome in run(abs, [-2, -3], Workers(2))) == [2, 3]
    assert not todo


def test_jobs_do_not_fight_for_cores(elsewhere, monkeypatch):
    def work(item):
        import os

        import torch

        return os.getpid(), torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]

    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # of this process, not of the workers
    found = [outcome.get() for outcome in run(work, range(4), elsewhere)]
    assert {(threads, limit) for _, threads, limit in found} == {(1, "1")}
    assert os.getpid() not in {pid for pid, _, _ in found}


def test_workers_keep_the_memory_of_freed_arrays_for_the_next(workers):
    """Dask's environment turns that off; without it, each of these arrays takes 2,048 faults."""

    def work(item):
        import resource

        import numpy as np

        for _ in range(20):  # after which glibc has adapted, where it does so of itself
            np.ones(2**20)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(50):
            np.ones(2**20)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults = [outcome.get() for outcome in run(work, range(2), workers)]
    assert max(faults) < 10 * 2_048


@pytest.mark.parametrize("jobs", [0, -2])
def test_no_number_of_jobs(jobs):
    with pytest.raises(ParameterError, match="jobs must be 1 or more, or -1"):
        Workers(jobs)


INTERRUPTED = """
import pathlib, sys, time
from lemons_jobs import Workers, run
from lemons_utils import command

folder = pathlib.Path(FOLDER)

def work(item):
    (folder / str(item)).touch()
    while not (folder / "over").exists():
        time.sleep(0.1)

@command
def main():
    list(run(work, range(8), Workers(2, sys.argv[1])))

sys.exit(main())
"""


def test_an_interrupt_ends_it_within_seconds(elsewhere, tmp_path, wait_until):
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED.replace("FOLDER", repr(str(tmp_path / "begun"))))
    (tmp_path / "begun").mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), elsewhere.cluster],
        # joblib's resource tracker, another process, may warn at last of what is gone already.
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONWARNINGS": "ignore:resource_tracker",
        },
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(list((tmp_path / "begun").iterdir())) >= 2, process=process)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    try:
        _, said = process.communicate(timeout=5)
    finally:
        (tmp_path / "begun" / "over").touch()  # frees the workers of a cluster
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.endswith("interrupted; run the same command again to go on\n")
    assert psutil.wait_procs(family, timeout=5)[1] == []


# -- clusters that are not as they should be ---------------------------------------------------
def test_a_scheduler_file_names_a_cluster(cluster, tmp_path, start_scheduler):
    with pytest.raises(DataError, match="no scheduler file"):
        list(run(str, [1], Workers(cluster=str(tmp_path / "nowhere.json"))))
    (tmp_path / "some.json").write_text(f'{{"address": "{cluster}"}}')
    found = list(run(str, [1], Workers(cluster=str(tmp_path / "some.json"))))
    assert found == [Outcome(0, "1")]


def test_no_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr(lemons_jobs, "ANSWER_S", 0.3)
    with pytest.raises(DataError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1 ") as said:
        list(run(str, [1], Workers(cluster="tcp://127.0.0.1:1")))
    assert len(str(said.value).splitlines()) == 1


def test_no_dask_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DataError, match=r'pip install "lemons\[cluster\]"'):
        list(run(str, [1], Workers(cluster="tcp://127.0.0.1:1")))


def test_code_that_the_cluster_lacks_is_one_line(cluster, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def work(item):\n    return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    with pytest.raises(DataError, match=r"has no module only_here: install"):
        list(run(only_here.work, [1, 2], Workers(cluster=cluster)))


def test_a_scheduler_without_workers_or_lost_is_one_line(
    tmp_path, dask, start_scheduler, monkeypatch, capsys
):
    process, address = start_scheduler(tmp_path / "scheduler.json")
    monkeypatch.setattr(lemons_jobs, "WORKERS_S", 0.3)
    with pytest.raises(DataError, match=r"no workers after 0\.3 s"):
        list(run(str, [1], Workers(cluster=address)))
    assert "waiting for the first" in capsys.readouterr().err

    def work(item):

        time.sleep(3_600 if item else 0)

    monkeypatch.setattr(lemons_jobs, "WORKERS_S", 600.0)
    dask("worker", address, "--nthreads", "1", "--local-directory", str(tmp_path))
    outcomes = run(work, range(3), Workers(cluster=address))
    next(outcomes)
    process.kill()
    with pytest.raises(DataError, match=r"the scheduler of tcp://.* is gone"):
        list(outcomes)
