"""An interrupt is one line at any moment, and no worker outlives the command that started it."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

SLOW = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print("importing", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
"""
"""Makes NumPy load for a minute, in `sitecustomize`."""

TWO_WORKERS = """
import os, time
import lemons_jobs
from lemons_utils import command

def work(item):
    os.write(1, f"worker {os.getpid()}\\n".encode())
    time.sleep(60)

@command
def main():
    for outcome in lemons_jobs.run(work, range(4), lemons_jobs.Workers(2)):
        outcome.get()

raise SystemExit(main())
"""


@pytest.mark.parametrize(
    "words", [["-m", "recsys.ingest"], [str(ROOT / "recsys" / "experiment.py")]]
)
def test_an_interrupt_while_a_command_imports_is_one_line(tmp_path, words):
    (tmp_path / "sitecustomize.py").write_text(SLOW)
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, *words], env=environment, text=True, stdout=-1, stderr=-1
    ) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors == "interrupted; run the same command again to go on\n"


WATCHED = """
import atexit, gc, sys
def show(when):
    print(when, gc.get_threshold()[0], gc.get_freeze_count() > at_first)
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            show("importing")
at_first = gc.get_freeze_count()  # Python 3.12 begins with some hundred
sys.meta_path.insert(0, Watch())
atexit.register(show, "at its end")
"""
"""Tells how the search for garbage is set, in `sitecustomize`."""


@pytest.mark.parametrize(
    ("words", "seldom"),
    [
        (["-m", "recsys.ingest", "--help"], True),
        (["lemons-ingest", "--help"], True),
        (["-c", "import recsys.ingest"], False),
    ],
)
def test_garbage_is_searched_for_seldom_while_a_command_imports(tmp_path, words, seldom):
    (tmp_path / "sitecustomize.py").write_text(WATCHED)
    (tmp_path / "lemons-ingest").write_text("import lemons_commands\nlemons_commands.main()\n")
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    usual = gc.get_threshold()[0]
    assert f"importing {1_000_000 if seldom else usual} False" in lines
    assert lines[-1] == f"at its end {usual} {seldom}"


@pytest.mark.parametrize("is_told_at_once", [True, False])
def test_a_reader_of_the_output_may_end_before_the_command(is_told_at_once):
    script = (
        "import sys; from lemons_utils import command\n"
        f"def main(): sys.stdin.read(); print('here', flush={is_told_at_once})\n"
        "sys.exit(command(main)())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        text=True,
        stdin=-1,
        stdout=-1,
        stderr=-1,
        env={**ENVIRONMENT, "PYTHONUNBUFFERED": ""},
    ) as process:
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_program_that_imports_lemons_keeps_its_own_interrupt():
    script = "import signal, recsys, explanations, audiolime; print(signal.getsignal(2).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "default_int_handler\n"


@pytest.fixture
def at_work(tmp_path):
    """A command with two workers at work, in a group of processes as a terminal makes one."""
    (tmp_path / "work.py").write_text(TWO_WORKERS)
    with subprocess.Popen(
        [sys.executable, tmp_path / "work.py"],
        env=ENVIRONMENT, text=True, stdout=-1, stderr=-1, start_new_session=True,
    ) as process:  # fmt: skip
        workers = [int(process.stdout.readline().split()[1]) for _ in range(2)]
        yield process, workers
        process.kill()


def test_ctrl_c_in_a_terminal_is_one_line_and_ends_the_workers(at_work, wait_until):
    process, workers = at_work
    os.killpg(process.pid, signal.SIGINT)
    begin = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - begin < 5
    assert process.returncode == 130
    assert errors == "interrupted; run the same command again to go on\n"
    wait_until(lambda: not any(map(psutil.pid_exists, workers)), seconds=10)


def test_workers_do_not_outlive_a_command_that_is_killed(at_work, wait_until):
    process, workers = at_work
    process.kill()
    wait_until(lambda: not any(map(psutil.pid_exists, workers)), seconds=10)


@pytest.mark.parametrize("delay_s", [0.0, 0.2, 0.4, 0.8, 1.2])
def test_an_interrupt_while_workers_start_is_one_line(tmp_path, delay_s):
    script = TWO_WORKERS.replace("    for", "    print('begun', flush=True)\n    for")
    (tmp_path / "work.py").write_text(script)
    with subprocess.Popen(
        [sys.executable, tmp_path / "work.py"], env=ENVIRONMENT,
        text=True, stdout=-1, stderr=-1, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "begun\n"
        time.sleep(delay_s)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    lines = errors.splitlines()
    assert lines[0] == "interrupted; run the same command again to go on"
    assert "Traceback" not in errors
