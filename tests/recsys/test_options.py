"""Every option has its meaning, in the help of its command and in the documentation.

`python -m tests.recsys.test_options` prints the tables of docs/training.md.
"""

from pathlib import Path

import pytest

from recsys import eval as evaluation
from recsys import experiment, options

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()


COMMANDS = [(experiment, options.TRAINING), (evaluation, options.EVALUATION)]


@pytest.mark.parametrize(("command", "meanings"), COMMANDS)
def test_help_lists_every_option_with_its_meaning(command, meanings, capsys):
    assert list(meanings) == list(command.defaults())
    for flag in ("help", "--help"):
        assert command.main([flag]) == 0
        printed = capsys.readouterr().out
        for name, meaning in meanings.items():
            assert f"  {name}={command.defaults()[name]}" in printed
            assert meaning.replace("`", "") in printed


def test_help_has_the_name_of_the_command_and_no_path(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["/usr/bin/lemons-train", "--help"])
    assert experiment.main() == 0
    assert capsys.readouterr().out.startswith("Usage:\n  lemons-train [(with UPDATE...)]")


def test_the_page_on_training_has_the_same_tables():
    for command, meanings in COMMANDS:
        assert options.table(command.defaults(), meanings) in PAGE


if __name__ == "__main__":
    for each, about in COMMANDS:
        print(options.table(each.defaults(), about), end="\n\n")
