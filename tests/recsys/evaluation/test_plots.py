"""Charts share one style, and the same figure is the same file."""

import numpy as np
import pytest

from recsys.evaluation import plots


def draw(path, **options):
    figure = plots.new_figure(3, 2)
    axes = figure.subplots()
    axes.plot([0, 1], [1, 0], label="line")
    plots.tidy(axes, xlabel="time")
    plots.legend_above(figure)
    plots.save_figure(figure, path, **options)
    return axes


def test_the_same_figure_is_the_same_file_and_names_no_software(tmp_path):
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    content = (tmp_path / "a.png").read_bytes()
    assert content == (tmp_path / "b.png").read_bytes()
    assert b"Matplotlib" not in content and b"Software" not in content


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_the_suffix_is_the_format(tmp_path, suffix):
    draw(tmp_path / f"a.{suffix}", dpi=50)
    assert suffix.encode() in (tmp_path / f"a.{suffix}").read_bytes()[:200].lower()


def test_axes_have_labels_and_no_box(tmp_path):
    axes = draw(tmp_path / "a.png")
    assert axes.get_xlabel() == "time"
    assert not axes.spines["top"].get_visible() and axes.spines["left"].get_visible()


def test_dots_are_spread_around_their_place_with_a_line_at_the_mean():
    axes = plots.new_figure().subplots()
    plots.draw_dots(axes, 2, np.array([1.0, 1.0, 4.0]), "black")
    dots, line = axes.lines
    np.testing.assert_allclose(dots.get_xdata(), [1.85, 2, 2.15])
    np.testing.assert_allclose(line.get_ydata(), [2, 2])
    plots.draw_dots(axes, 0, np.array([]), "black")
    assert len(axes.lines) == 3, "nothing has no mean"
