"""Learning curves are what was logged; the table and the picture have all trainings."""

import pytest

from lemons_utils import DataError, ParameterError
from recsys.checkpoint import LAST_STATE, save_state
from recsys.experiments.curves import ROWS, compare, read_curve, table
from recsys.training import TrainingState


@pytest.fixture
def trained(make_experiment):
    """Make a training of n epochs whose AUC is 0.5 + epoch / 100, validated every second epoch."""

    def make(name, epochs):
        folder = make_experiment(name)
        metrics = []
        for epoch in range(1, epochs + 1):
            values = {"train/epoch_loss": 1 / epoch}
            if epoch % 2 == 0:
                values["valid/auc"] = 0.5 + epoch / 100
            metrics.append((epoch, values))
        save_state(folder / LAST_STATE, TrainingState({}, {"epoch": epochs, "metrics": metrics}))
        return folder

    return make


def test_a_curve_is_what_was_logged(trained):
    folder = trained("2026-01-02_03-04-05-demo-marko", 4)
    assert read_curve(folder, "valid/auc") == {2: 0.52, 4: 0.54}
    assert read_curve(folder, "train/epoch_loss") == {1: 1, 2: 0.5, 3: 1 / 3, 4: 0.25}
    with pytest.raises(ParameterError, match="one of train/epoch_loss, valid/auc, got 'auc'"):
        read_curve(folder, "auc")


def test_a_head_has_no_curve(make_experiment):
    with pytest.raises(DataError, match="in one go"):
        read_curve(make_experiment("2026-01-02_03-04-05-demo-marko"), "valid/auc")


def test_the_table_has_the_first_and_the_last_epoch_of_the_longest():
    long = {epoch: epoch / 1000 for epoch in range(1, 401)}
    lines = list(table({"long": long, "short": {1: 0.25}}))
    assert lines[:2] == ["[1] long", "[2] short"]
    rows = [line.split() for line in lines[3:]]
    assert (
        len(rows) == ROWS and rows[0] == ["1", "0.0010", "0.2500"] and rows[-1] == ["400", "0.4000"]
    )


def test_trainings_are_compared_by_name(lemons, trained, tmp_path):
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "experiments").symlink_to(tmp_path)
    names = ["2026-01-02_03-04-05-demo-marko", "2026-01-02_03-04-06-demo-marko"]
    for name, epochs in zip(names, (4, 8), strict=True):
        trained(name, epochs)
    picture = tmp_path / "curves.png"
    done = lemons("experiments.command", "compare", *names, "--out", str(picture))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:3] == ["valid/auc", f"[1] {names[0]}", f"[2] {names[1]}"]
    assert done.out.splitlines()[-2].split() == ["8", "0.5800"]
    assert picture.stat().st_size > 1000
    with pytest.raises(DataError, match="none is no experiment"):
        list(compare([tmp_path / "none"], "valid/auc", None))
