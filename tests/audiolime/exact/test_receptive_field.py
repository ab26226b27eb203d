"""What a column sees, by arithmetic and by trying it out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audiolime.exact.receptive_field import Run, Window, cut, frame_spans, runs_of, widen


@given(
    window=st.builds(Window, st.integers(1, 7), st.integers(1, 4), st.integers(0, 3)),
    width=st.integers(7, 40),
    data=st.data(),
)
def test_inputs_and_outputs_are_each_others_inverse(window, width, data):
    first = data.draw(st.integers(0, width - 1))
    last = data.draw(st.integers(first, width - 1))
    reached = [
        column
        for column in range(-8, width + 10)
        if window.inputs(column, column)[0] <= last and window.inputs(column, column)[1] >= first
    ]
    begin, end = window.outputs(first, last)
    assert reached == list(range(begin, end + 1))


@given(
    window=st.builds(Window, st.integers(1, 5), st.integers(1, 3), st.integers(0, 2)),
    width=st.integers(5, 30),
)
def test_width_is_torch_s(window, width):
    options = {"stride": window.stride, "padding": window.padding}
    out = torch.nn.functional.conv1d(
        torch.zeros(1, 1, width), torch.ones(1, 1, window.kernel), **options
    )
    assert window.width(width) == out.shape[2]


@settings(max_examples=60, deadline=None)
@given(
    samples=st.integers(40, 900),
    hop=st.sampled_from([7, 16, 32]),
    cuts=st.lists(st.integers(1, 899), max_size=8, unique=True),
    window=st.sampled_from([torch.hann_window(32), torch.hann_window(32, periodic=False)]),
)
def test_frames_see_what_moves_them(samples, hop, cuts, window):
    """Set one segment at a time to noise: exactly the frames that see it must change."""
    starts = np.array([0, *sorted(c for c in cuts if c < samples)])
    support = torch.nonzero(window).flatten()
    low, high = frame_spans(
        starts, samples, hop_length=hop, half=16, support=(int(support[0]), int(support[-1]))
    )
    ends = [*starts[1:], samples]
    for segment, (start, end) in enumerate(zip(starts, ends, strict=True)):
        x = torch.zeros(samples, dtype=torch.float64)
        x[start:end] = torch.from_numpy(np.random.default_rng(0).normal(size=end - start))
        spectra = torch.stft(x, 32, hop, window=window.double(), return_complex=True)
        moved = spectra.abs().amax(dim=0).numpy() > 0
        sees = (low <= segment) & (segment <= high)
        assert not (moved & ~sees).any()
        # Runs stay in order by letting a mirrored frame count as seeing a bit more.
        inside = slice(0, len(sees) - 2 - 16 // hop)
        assert np.array_equal(moved[inside], sees[inside])


def test_the_example_of_the_derivation():
    """A boundary at sample b mixes the frames j with |256 j - b| < 256, then ever more."""
    spans = frame_spans(np.array([0, 96_000]), 480_000, hop_length=256, half=256, support=(1, 511))
    assert len(spans[0]) == 1876
    assert runs_of(spans)[1] == Run(375, 375, 0, 1)  # 256 * 375 = 96,000: on the grid
    sizes = []
    for _ in range(5):
        spans = widen(widen(spans, Window(3, 1, 1)), Window(2, 2, 0))
        pure, mixed, _ = runs_of(spans)
        sizes.append((len(spans[0]), mixed.columns))
        assert pure.last + 1 == mixed.first
    assert [width for width, _ in sizes] == [938, 469, 234, 117, 58]
    assert all(2 <= columns <= 3 for _, columns in sizes)


@pytest.mark.parametrize("columns", [1, 2, 3, 7, 50])
def test_cut(columns):
    pieces = cut(Run(3, 12, 1, 2), columns)
    assert [c for piece in pieces for c in range(piece.first, piece.last + 1)] == list(range(3, 13))
    assert all(piece.columns <= columns and piece.span == (1, 2) for piece in pieces)
