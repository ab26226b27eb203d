"""Studies resume, keep what is measured, and say how results came about."""

import functools
import json
from pathlib import Path

import pandas as pd
import pytest

from explanations.studies import results, study
from lemons_utils import DataError, ParameterError


def double(item, *, notes: Path):
    with notes.open("a") as file:
        file.write(f"{item['number']}\n")
    if item["number"] == 13:
        raise DataError("thirteen cannot be doubled")
    if item["number"] == 99:
        raise KeyboardInterrupt
    return [{"number": item["number"], "double": 2 * item["number"]}] * item.get("rows", 1)


@pytest.fixture
def run(tmp_path):
    def run(*numbers: int, jobs: int = 1, **more: int) -> pd.DataFrame:
        items = [{"number": number, **more} for number in numbers]
        work = functools.partial(double, notes=tmp_path / "notes")
        return study.run_items("doubles", items, work, cache=tmp_path, jobs=jobs)

    run.worked_on = lambda: (tmp_path / "notes").read_text().split()
    return run


def test_rows_come_in_the_order_of_the_items_and_none_is_measured_twice(run):
    assert list(run(3, 1, 2)["double"]) == [6, 2, 4]
    assert list(run(2, 5, 3)["double"]) == [4, 10, 6]
    assert run.worked_on() == ["3", "1", "2", "5"]


def test_an_item_that_says_something_else_is_measured_anew(run):
    run(3)
    assert len(run(3, rows=2)) == 2
    assert run.worked_on() == ["3", "3"]


def test_an_interrupted_run_goes_on_where_it_was(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(1, 2, 99, 3)
    journal = tmp_path / "doubles.jsonl"
    journal.write_text(journal.read_text() + '{"item": {"number": 3}, "ro')  # killed in mid-line
    assert list(run(1, 2, 3)["double"]) == [2, 4, 6]
    assert run.worked_on() == ["1", "2", "99", "3"]
    assert list(run(1, 2, 3)["double"]) == [2, 4, 6]
    assert len(run.worked_on()) == 4


def test_what_cannot_be_measured_is_named_and_the_rest_kept(run, capsys):
    with pytest.raises(DataError, match="1 of 3 items"):
        run(1, 13, 2)
    assert "thirteen cannot be doubled" in capsys.readouterr().err
    run(1, 2)
    assert run.worked_on() == ["1", "13", "2"]


def test_processes_change_nothing(run):
    assert list(run(4, 1, 3, 2, jobs=2)["double"]) == [8, 2, 6, 4]
    assert sorted(run.worked_on()) == ["1", "2", "3", "4"]


def test_needs_a_process(run):
    with pytest.raises(ParameterError, match="jobs must be 1 or more"):
        run(1, jobs=0)


def test_facts_name_the_command_without_the_places_of_this_machine():
    arguments = [
        "--out",
        "/somewhere",
        "--k",
        "3",
        "--cache=/else",
        "--jobs",
        "2",
        "--tracks",
        "a b",
    ]
    about = results.facts("stability", arguments, models={"marko": "ab" * 32})
    assert about["command"] == ("python -m explanations.studies.stability --k 3 --tracks 'a b'")
    assert about["models"] == {"marko": "ab" * 6}
    assert set(about["versions"]) == {"python", "lemons", "torch", "numpy"}
    json.dumps(about)


def test_results_are_read_as_written_and_missing_ones_name_the_command(tmp_path):
    rows = pd.DataFrame({"user_name": ["marko"], "value": [0.123456789]})
    results.write_results(tmp_path, "fidelity", rows, {"command": "x"}, digits=3)
    found, about = results.read_results(tmp_path, "fidelity")
    assert found["value"][0] == 0.123 and about == {"command": "x"}
    with pytest.raises(DataError, match=r"python -m explanations\.studies\.sanity"):
        results.read_results(tmp_path, "sanity")


def test_runs_of_a_study_are_its_own_and_those_that_carry_its_name(tmp_path):
    assert results.runs_of(tmp_path, "sanity") == ["sanity"]
    for name in ("sanity-time", "stability", "sanity_more", "sanitysomething"):
        (tmp_path / f"{name}.json").touch()
    assert results.runs_of(tmp_path, "sanity") == ["sanity-time"]
    (tmp_path / "sanity.json").touch()
    assert results.runs_of(tmp_path, "sanity") == ["sanity", "sanity-time"]


@pytest.fixture
def counting(tmp_path):
    """A study that writes the numbers it is given, and their doubles."""

    def add_options(parser):
        parser.add_argument("--numbers", nargs="+", type=int, default=[1])

    def measure(run):
        run.require_positive("numbers", "jobs")
        items = [{"number": number} for number in run.options.numbers]
        rows = run.measure(items, double_here, tmp_path / "notes", part="_part")
        results.write_results(run.options.out, "counting", rows, run.facts({}, more=1))

    return study.Study(
        name="counting", title="Counting", description="Counts.", add_options=add_options,
        run=measure, section=lambda folder: None,
    )  # fmt: skip


def double_here(item, *, context: Path):
    return double(item, notes=context)


def test_a_study_is_a_command(counting, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--numbers", "3", "1", "--out", str(out), "--cache", str(tmp_path)]
    assert counting.main(words) == 0
    rows, about = results.read_results(out, "counting")
    assert list(rows["double"]) == [6, 2] and about["more"] == 1 and about["seconds"] >= 0
    assert about["command"] == "python -m explanations.studies.counting --numbers 3 1"
    assert (tmp_path / "counting_part.jsonl").exists()
    assert counting.main([*words, "--numbers", "2", "0"]) == 2
    assert "numbers must be at least 1, got 0" in capsys.readouterr().err


def test_the_cache_is_in_the_data_folder_unless_it_is_chosen(counting, tmp_path, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path / "data"))
    assert counting.main(["--out", str(tmp_path)]) == 0
    assert (tmp_path / "data" / "studies" / "counting_part.jsonl").exists()
