"""The help of every command says what each of its options means."""

import ast

import pytest

from recsys.train_all import main
from tests.declared import ROOT

SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for package in ("audiolime", "recsys", "explanations")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def options_of(source):
    """Yield every call of `add_argument`: its first argument, and the names of the others."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            yield ast.unparse(node.args[0]), {keyword.arg for keyword in node.keywords}


@pytest.mark.parametrize("path", [path for path in SOURCES if any(options_of(SOURCES[path]))])
def test_every_option_says_what_it_means(path):
    silent = [name for name, given in options_of(SOURCES[path]) if not {"help", None} & given]
    assert not silent


def test_a_training_of_many_says_what_the_options_of_each_mean(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "learning rate of Adam (0.001)" in capsys.readouterr().out
