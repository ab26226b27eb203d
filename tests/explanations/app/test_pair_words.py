"""What the page says of pairs, and which of them it draws."""

from dataclasses import replace

from explanations.app.pair_words import pair_marks, pair_sentence
from explanations.app.phrases import fidelity_phrase
from explanations.store import Pair


def test_a_pair_of_one_moment_names_it_once(explanation):
    drums_and_vocals = Pair(2, 3, 0.2, (0.1, 0.2))
    assert pair_sentence(explanation, drums_and_vocals) == (
        "From 0.1 to 0.1 s the drums count twice as much while the vocals play."
    )


def test_a_pair_of_two_moments_names_both(explanation):
    sentence = pair_sentence(explanation, Pair(1, 2, -0.2, (-0.1, 0.4)))
    assert sentence == (
        "The vocals from 0.1 to 0.1 s count half as much while the drums from 0 to 0.1 s play."
    )


def test_a_pair_of_stems_or_of_moments(of_type):
    stems = of_type("source", (0.2, 0.1))
    assert pair_sentence(stems, Pair(0, 1, 0.2, (0.1, 0.2))) == (
        "The drums count twice as much while the vocals play."
    )
    rest = replace(stems, stem_names=("vocals", "other"))
    assert pair_sentence(rest, Pair(0, 1, 0.2, (0.1, 0.2))) == (
        "The other instruments count twice as much while the vocals play."
    )
    moments = of_type("time", (0.2, 0.1, 0.1))
    assert pair_sentence(moments, Pair(0, 1, 0.4, (0.1, 0.2))) == (
        "What is heard from 0.1 to 0.1 s counts three times as much while "
        "what is heard from 0 to 0.1 s plays."
    )


def test_only_pairs_comparable_to_the_weights_are_drawn(explanation):
    strongest = max(map(abs, explanation.weights))
    assert [mark.interaction for mark in pair_marks(explanation)] == [0.2]  # and not -0.1
    several = tuple(Pair(0, n, 0.3 - n / 100, (0.1, 0.1)) for n in range(1, 6))
    marks = pair_marks(replace(explanation, pairs=several))
    assert [(mark.first, mark.second) for mark in marks] == [(0, 1), (0, 2), (0, 3)]
    weak = (Pair(0, 1, 0.24 * strongest, (0.1, 0.1)),)
    assert pair_marks(replace(explanation, pairs=weak)) == ()
    assert pair_marks(replace(explanation, pairs=None)) == ()


def test_both_fidelities_are_said(explanation):
    assert fidelity_phrase(explanation) == (
        "High fidelity: adding up parts describes 90% of how the model reacts, "
        "and 97% with pairs of parts."
    )
    for fidelity in (0.7, 0.4):
        words = fidelity_phrase(replace(explanation, fidelity=fidelity))
        assert f"{fidelity:.0%}" in words and "and 97% with pairs of parts" in words
    alone = fidelity_phrase(replace(explanation, fidelity_with_pairs=None))
    assert "pairs" not in alone
