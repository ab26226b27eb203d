"""What all tests share: quiet threads, golden files, small synthetic audio."""

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
import torch
from hypothesis import settings

from lemons_audio import write_audio
from lemons_jobs import Workers
from tests.pretended_gpu import pretended_gpu

torch.set_num_threads(1)  # two pytest workers on two cores

# The gate draws the same examples every time; whoever develops is shown new ones.
settings.register_profile("lemons", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("lemons")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    return GOLDEN


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1057386)


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    """Give networks that a test makes without a seed the same weights in every run."""
    torch.manual_seed(1057386)


NEEDS_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture(params=["pretended", pytest.param("real", marks=NEEDS_GPU)])
def gpu(request) -> Iterator[torch.device]:
    """Yield a GPU: one that is pretended everywhere, and a real one where there is one."""
    if request.param == "real":
        yield torch.device("cuda")
        return
    with pretended_gpu() as device:
        yield device


@pytest.fixture(scope="session")
def write_media() -> Callable[..., None]:
    """Write (channels, samples) audio as what the suffix says: FFmpeg's formats through PyAV."""
    codecs = {".m4a": "aac", ".mp4": "aac", ".aac": "aac", ".wma": "wmav2"}

    def write(path: Path, waveform: np.ndarray, sample_rate: int, **tags: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix not in codecs:
            write_audio(path, waveform, sample_rate=sample_rate)
            return
        layout = "mono" if len(waveform) == 1 else "stereo"
        with av.open(str(path), "w") as container:
            container.metadata.update(tags)
            stream = container.add_stream(codecs[path.suffix], rate=sample_rate, layout=layout)
            stream.bit_rate = 128_000
            for start in range(0, waveform.shape[1], 1024):
                block = np.ascontiguousarray(waveform[:, start : start + 1024], np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                frame.sample_rate, frame.pts = sample_rate, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return write


@pytest.fixture(scope="session")
def chromium_flags() -> tuple[str, ...]:
    """Return the flags that the benchmarks start Chromium with."""
    return runpy.run_path(str(GOLDEN.parents[1] / "benchmarks" / "_chromium.py"))["FLAGS"]


def _wait_until(
    holds: Callable[[], Any],
    *,
    seconds: float = 300,
    process: subprocess.Popen | None = None,
    about: Callable[[], object] = str,
) -> Any:
    """Ask again and again until something holds; return what it is.

    Fails after some seconds, or when the process that it depends on has ended, with `about()`.
    """
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {about()}"
        assert process is None or process.poll() is None, f"the process has ended: {about()}"
        time.sleep(0.01)
    return value


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    return _wait_until


@pytest.fixture(scope="session")
def dask() -> Iterator[Callable[..., subprocess.Popen]]:
    """Start a part of a Dask cluster, as `dask("scheduler", ...)` or `dask("worker", ...)`."""
    processes = []

    def start(what: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        command += ["--host", "127.0.0.1", "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen(command, cwd=GOLDEN.parents[1], **quiet))
        return processes[-1]

    yield start
    for process in processes:
        # Workers are children of theirs, and start again while anybody is there to start them.
        if process.poll() is not None:
            continue
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()


@pytest.fixture(scope="session")
def start_scheduler(dask) -> Callable[[Path], tuple[subprocess.Popen, str]]:
    """Start a scheduler without workers; returns the process and its address."""

    def start(file: Path) -> tuple[subprocess.Popen, str]:
        process = dask("scheduler", "--port", "0", "--scheduler-file", str(file))

        def address() -> str | None:
            with contextlib.suppress(FileNotFoundError, ValueError):  # not yet, or half of it
                return json.loads(file.read_text())["address"]

        return process, _wait_until(address, process=process)

    return start


@pytest.fixture(scope="session")
def cluster(tmp_path_factory, dask, start_scheduler) -> str:
    """Run a scheduler and two workers, started again when they die; their address."""
    folder = tmp_path_factory.mktemp("dask")
    _, address = start_scheduler(folder / "scheduler.json")
    arguments = ["--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder)]
    dask("worker", address, *arguments)
    return address


@pytest.fixture
def kill_a_worker() -> Callable[..., None]:
    """Kill one of the processes that work for others, as soon as something holds."""

    def kill(workers: Workers, when: Callable[[], object] = lambda: True) -> None:
        if workers.cluster:
            from distributed import Client

            with Client(workers.cluster, set_as_default=False) as client:
                client.wait_for_workers(2)
                pids = list(client.run(os.getpid).values())
            _wait_until(when)
        else:
            _wait_until(when)
            children = psutil.Process().children()
            pids = [child.pid for child in children if "popen_loky" in " ".join(child.cmdline())]
        os.kill(pids[0], signal.SIGKILL)

    return kill


def pytest_configure() -> None:
    """Let tests interrupt the commands that they start, also where pytest runs in the background.

    A shell starts such a job with interrupts ignored, and what it starts inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `only_if` rules out here: a skip would say that something is missing."""
    kept, left_out = [], []
    for item in items:
        holds = all(mark.args[0] for mark in item.iter_markers("only_if"))
        (kept if holds else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept
