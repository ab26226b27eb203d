"""Records survive a kill at any moment."""

import pytest

from lemons_journal import Journal


def test_a_journal_gives_back_what_was_appended_and_then_what_it_was_rewritten_with(tmp_path):
    journal = Journal(tmp_path / "new" / "some.jsonl")
    assert list(journal.records()) == []
    journal.append(["a", 0.1], {"file": "\udcff\u00e9"})
    journal.append(["b", 1])
    expected = [["a", 0.1], {"file": "\udcff\u00e9"}, ["b", 1]]
    assert list(Journal(journal.path).records()) == expected
    journal.rewrite(record for record in expected[1:])
    assert list(journal.records()) == expected[1:]
    assert len(journal.path.read_bytes().splitlines()) == 2
    assert [path.name for path in journal.path.parent.iterdir()] == ["some.jsonl"]


@pytest.mark.parametrize("cut", range(1, 16))
def test_a_journal_that_was_cut_off_loses_one_record_alone(tmp_path, cut):
    journal = Journal(tmp_path / "some.jsonl")
    journal.append(["a", 1], {"second": 22})
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-cut])
    kept = [["a", 1], {"second": 22}] if cut == 1 else [["a", 1]]
    journal.append(["c", 3])
    assert list(journal.records()) == [*kept, ["c", 3]]


def test_a_journal_keeps_its_records_where_the_rewriting_fails(tmp_path):
    journal = Journal(tmp_path / "some.jsonl")
    journal.append(["a", 1])
    with pytest.raises(TypeError):
        journal.rewrite([["b", 2], {"cannot be kept": object()}])
    assert list(journal.records()) == [["a", 1]]


def test_lines_that_are_no_record_are_skipped(tmp_path):
    journal = Journal(tmp_path / "some.jsonl")
    journal.append(["a", 1])
    with journal.path.open("ab") as file:
        file.write(b"[" * 100_000 + b"\n\xff\xfe\n\n")
    journal.append(["b", 2])
    assert list(journal.records()) == [["a", 1], ["b", 2]]


def test_records_of_something_else_do_not_count_and_are_replaced(tmp_path):
    path, of = tmp_path / "some.jsonl", {"model": "a"}
    journal = Journal(path, of)
    journal.append(["a", 1])
    journal.append(["b", 2])
    assert list(Journal(path, of).records()) == [["a", 1], ["b", 2]]
    other = Journal(path, {"model": "b"})
    assert list(other.records()) == []
    assert list(journal.records()) == [["a", 1], ["b", 2]]
    other.append(["a", 3])
    assert list(Journal(path, {"model": "b"}).records()) == [["a", 3]]
    assert list(journal.records()) == []
    journal.rewrite([["c", 4]])
    assert list(Journal(path, of).records()) == [["c", 4]]


def test_a_journal_of_something_that_does_not_say_what_is_none(tmp_path):
    Journal(tmp_path / "some.jsonl").append(["a", 1])
    assert list(Journal(tmp_path / "some.jsonl", {"model": "a"}).records()) == []
