"""Separators: what imperfect stems cost an explanation.

    python -m explanations.studies.separators --user_name marko --num_explanations 12

The same tracks are explained (Source) with the demo band's true stems and with those that each
separator makes of the mix. Separators have different stems, so weights are compared after they
are summed to the stems that both have: with `hybrid` and `dsp` vocals, drums, bass and other
(piano and other together), with Spleeter vocals and accompaniment. Beside the agreement stand
the fidelity, the seconds, and how well each separator's stems are separated.
"""

from explanations.studies.separators.command import STUDY

__all__ = ["STUDY"]
