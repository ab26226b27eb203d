"""Faithfulness: how well explanations describe what the model does.

    python -m explanations.studies.fidelity --user_name marko --num_explanations 50

Three questions. Fidelity: for how much of the model's relevance over all masks does the linear
model account? Deletion and insertion: does relevance fall, or rise, faster where components go or
come in the order of their weights than in random or reversed order? Agreement: do LIME, Shapley
and leave-one-out rank components alike? Everything is exact, from the tracks' tables.
"""

from explanations.studies.fidelity.command import STUDY

__all__ = ["STUDY"]
