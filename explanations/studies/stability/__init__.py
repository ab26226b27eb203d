"""Stability: how much an explanation changes when it is made again.

    python -m explanations.studies.stability --user_name marko --num_samples 512 1024 2048 4096
        --repeat 5 --k 3 --num_explanations 50 --n_temporal_segments 5

The published experiment: explain each track several times from freshly drawn masks, take the k
components of largest weight each time, and count the different ones among them, U_n: k at best.
Beside it what sampling cannot show: the exact weights of all masks, how often the sampled top k
are the true ones, and how well sampled weights keep their order. The engine answers the sampled
masks exactly, so only the sampling varies.
"""

from explanations.studies.stability.command import STUDY

__all__ = ["STUDY"]
