"""What a training says of its result."""

from recsys.evaluation.advice import FEW_TRACKS, few_tracks


def test_few_tracks_are_told_with_an_interval_and_enough_are_not():
    assert few_tracks(1.0, [1, 0] * 3) == (
        "uncertain: 6 validation tracks leave the AUC 1.000 between 0.50 and 1.00 (95 % interval)"
    )
    assert few_tracks(0.9, [1, 0] * (FEW_TRACKS // 2)) is None
    assert few_tracks(0.9, [1] * (FEW_TRACKS - 2) + [0]) is not None
