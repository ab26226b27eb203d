"""A slice of the campaign in every run of the tests: `make faults` tries the rest."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults import trials
from tests.faults.damage import LENGTHS, WAYS, WORDS, Edit, damaged
from tests.faults.processes import compiler_path
from tests.faults.readers import Reader, all_readers

ROOT = Path(__file__).parents[2]
EDITS = st.lists(
    st.builds(
        Edit,
        st.sampled_from(WAYS),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(LENGTHS),
        st.sampled_from(WORDS) | st.binary(max_size=9),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def readers(tmp_path_factory) -> dict[str, Reader]:
    return all_readers(tmp_path_factory.mktemp("readers"))


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_in_one_line(readers, data):
    reader = readers[data.draw(st.sampled_from(sorted(readers)))]
    edits = data.draw(EDITS)
    whole, expected = reader.path.read_bytes(), reader.plain()
    try:
        reader.path.write_bytes(damaged(whole, edits))
        outcome, text = trials.read_once(reader, expected, strict=False)
    finally:
        reader.path.write_bytes(whole)
    assert outcome not in trials.BAD, text


def test_a_changed_bit_is_never_taken_for_the_file(readers):
    checked = {name: reader for name, reader in readers.items() if reader.checked}
    assert len(checked) >= 10
    for name, reader in checked.items():
        trial = trials.flipped(reader, range(25))
        assert not trial.outcomes.keys() & set(trials.BAD), f"{name}: {trial.note}"


def test_every_command_survives_a_fault_and_every_strange_file_is_told(tmp_path):
    """Each command is killed once, and once has no room or nothing to write to."""
    command = [sys.executable, "-m", "tests.faults.campaign", "--quick", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| killed at a call | 12 |" in done.stdout or compiler_path() is None
    assert "| strange audio | 28 |" in done.stdout
