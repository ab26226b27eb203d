"""What a command loads before it works: every library costs its start some tenths of a second."""

import subprocess
import sys

import pytest

SLOW = {"distributed", "duckdb", "matplotlib", "scipy.optimize", "scipy.signal", "sklearn"}


def loaded_by(*modules: str) -> set[str]:
    """Return what a fresh Python has loaded after these modules."""
    script = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_commands_that_score_and_explain_leave_slow_libraries_for_later() -> None:
    loaded = loaded_by(
        "recsys.experiment", "recsys.eval", "recsys.predict", "explanations.store_explanations"
    )
    assert not loaded & (SLOW | {"streamlit"})


@pytest.mark.parametrize(
    "module",
    ["recsys.ingest", "recsys.listening", "explanations.launch", "audiolime.separation"],
)
def test_commands_without_a_network_start_without_torch(module: str) -> None:
    assert not loaded_by(module) & (SLOW | {"torch"})
