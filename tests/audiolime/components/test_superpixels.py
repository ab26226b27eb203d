"""Superpixels of spectrograms whose patches are known."""

import numpy as np
import pytest
import torch

from audiolime import ImageLikeFactorization, LimeAudioExplainer
from audiolime.components.superpixels import felzenszwalb, superpixels
from lemons_utils import ParameterError


@pytest.fixture(scope="module")
def image():
    """Two levels, parted by a diagonal, and a loud corner."""
    rows, columns = np.indices((40, 60))
    image = np.where(3 * rows < 2 * columns, 1.0, 0.2)
    image[:10, -15:] = 3.0
    return image


def test_every_pixel_is_in_one_patch_and_patches_have_one_level(image):
    label = superpixels(image, n_segments=24)
    assert label.shape == image.shape
    assert sorted(np.unique(label)) == list(range(label.max() + 1))
    assert 12 <= label.max() + 1 <= 36
    for number in range(label.max() + 1):
        assert np.ptp(image[label == number]) == 0


def test_compact_patches_are_a_grid():
    label = superpixels(np.zeros((20, 20)), n_segments=4)
    assert label.max() == 3
    assert [len(np.unique(corner)) for corner in (label[:9, :9], label[11:, 11:])] == [1, 1]
    assert superpixels(np.ones((3, 3)), n_segments=1).max() == 0


def test_felzenszwalbs_patches_are_those_of_one_level(image):
    label = felzenszwalb(image, sigma=0)
    levels = np.unique(image)
    assert label.max() + 1 == len(levels) == 3
    assert all(np.ptp(label[image == level]) == 0 for level in levels)


def test_small_patches_join_the_likest_neighbour(image):
    dotted = image.copy()
    dotted[30:32, 30:33] = 1.5
    assert felzenszwalb(dotted, sigma=0, min_size=6).max() + 1 == 4
    label = felzenszwalb(dotted, sigma=0, min_size=7)
    assert label.max() + 1 == 3
    assert label[30, 30] == label[39, 0] != label[0, 20]


def test_patches_grow_with_the_scale(rng):
    noise = rng.random((30, 40))
    counts = [felzenszwalb(noise, scale=scale).max() + 1 for scale in (1, 100, 1e6)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 5 and counts[-1] == 1


@pytest.mark.parametrize("baseline", ["zero", "min"])
def test_patches_that_are_off_are_the_baseline(image, baseline):
    spectrogram = torch.from_numpy(image).float()
    factorization = ImageLikeFactorization(
        np.zeros(1000), 16_000, spectrogram,
        image_segmentation_params={"n_segments": 20}, baseline=baseline,
    )  # fmt: skip
    names = factorization.get_ordered_component_names()
    assert names[:2] == ["S1", "S2"]
    assert np.array_equal(factorization.compose_model_input(), spectrogram.numpy())
    loud = int(factorization.original_components[0, -1])
    only = factorization.retrieve_components([loud])
    assert only[0, -1] == 3 and only[-1, 0] == {"zero": 0, "min": np.float32(0.2)}[baseline]
    explanation = LimeAudioExplainer(random_state=0).explain_instance(
        factorization, lambda x: x[:, :10, -15:].mean((1, 2)), num_reg_targets=1, num_samples=300
    )
    best = explanation.local_exp[0][0][0]
    assert (image[factorization.original_components == best] == 3).all()


def test_mistakes_are_told(image):
    def make(**changes):
        return ImageLikeFactorization(
            np.zeros(1000), 16_000, **{"torchaudio_spec": image, **changes}
        )

    with pytest.raises(ParameterError, match="must be slic or felzenszwalb, got 'fsz'"):
        make(image_segmentation_algorithm="fsz")
    with pytest.raises(ParameterError, match="baseline must be one of"):
        make(baseline="mean")
    with pytest.raises(ParameterError, match="leave them out"):
        make(temporal_segmentation_params=3)
    with pytest.raises(ParameterError, match=r"\[bins, frames\] of finite numbers"):
        make(torchaudio_spec=image[0])
    with pytest.raises(ParameterError, match="n_segments and compactness must be above 0"):
        make(image_segmentation_params={"n_segments": 0})
    with pytest.raises(ParameterError, match="no analysis window"):
        make().set_analysis_window(0, 500)
