"""Explanations with numbers made up on purpose, for what surrounds them."""

from dataclasses import replace

import pytest

from explanations.store import Explanation, Request

STEMS = ("vocals", "drums")
SEGMENTS = ((0, 1000), (1000, 2000), (2000, 3100))


@pytest.fixture
def explanation() -> Explanation:
    """Three segments, two stems; vocals in segment 1 and drums in segment 2 matter most."""
    request = Request(
        type="time_source",
        segments=SEGMENTS,
        engine="exact",
        num_samples=2048,
        random_state=0,
        separator="truth",
        separator_version="1",
        model_checksum="ab" * 32,
        audio_checksum="0123456789abcdef0123",
    )
    return Explanation(
        request=request,
        stem_names=STEMS,
        component_names=tuple(f"{stem}{segment}" for segment in range(3) for stem in STEMS),
        weights=(0.01, -0.2, 0.5, 0.0, -0.1, 0.3),
        intercept=0.25,
        fidelity=0.9,
        relevance=0.76,
        shapley=(0.0, -0.2, 0.5, 0.0, -0.1, 0.3),
        package_version="1.0.0",
    )


@pytest.fixture
def of_type(explanation):
    """Make an explanation of another type from its weights."""

    def make(type: str, weights: tuple[float, ...]) -> Explanation:
        names = STEMS if type == "source" else tuple(f"time{i}" for i in range(len(SEGMENTS)))
        return replace(
            explanation,
            request=replace(explanation.request, type=type),
            component_names=names,
            weights=weights,
            shapley=None,
        )

    return make
