"""Sanity: whether explanations depend on what the model has learned.

    python -m explanations.studies.sanity --user_name marko --num_explanations 5

Two tests that an explanation passes if it changes. Layers at random: from the top down, ever
more layers lose what they have learned; the weights (of all masks, of the logit) must not stay as
they were. Shuffled labels: models trained on labels in random order know nothing, so two of them
should have nothing in common in what they explain, while two models of the true labels should
agree.
"""

from explanations.studies.sanity.command import STUDY

__all__ = ["STUDY"]
