"""Ground truth: whether explanations find what a listener is known to like.

    python -m explanations.studies.planted --k 50 --k_cells 20

Four listeners like one thing each: drums four to the floor, a walking bass, singing, a piano
solo. The demo band composes tracks in which these come and go independently of each other and of
everything else (`recsys.demo.planted`); a model is trained for each listener as `make demo`
does; and of fresh tracks that a listener likes, and the model scores right, the study asks
whether the explanation puts first what is planted there. Where it does not, the stem is taken out
of the mix, and the band plays the track again without the property: if relevance stays the same,
the model goes by something else, and the explanation does not miss it. As a control, the same
models explain tracks in which the drums or the bass play something else: there the stem is about
as loud, and no reason for the recommendation.
"""

from explanations.studies.planted.command import STUDY

__all__ = ["STUDY"]
