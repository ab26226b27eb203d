"""The code that made something is named."""

import shutil
import subprocess

import pytest

import lemons_versions
from lemons_versions import git_commit, versions


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commit_and_changes_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(lemons_versions, "__file__", str(tmp_path / "lemons_versions.py"))
    assert git_commit() is None

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    git("init")
    assert git_commit() is None  # no commit yet
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "First")
    assert git_commit() == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("two")
    assert git_commit() == git("rev-parse", "HEAD") + "+changes"


def test_versions_are_those_of_python_and_packages():
    found = versions(("numpy", "no-such-package"))
    assert list(found) == ["python", "numpy", "no-such-package"]
    assert found["python"].startswith("3.") and found["numpy"][0].isdigit()
    assert found["no-such-package"] == "not installed"
