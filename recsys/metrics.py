"""Loss, AUC and MAP of a network's relevance for labelled tracks.

AUC and average precision are scikit-learn's, which is imported at the first evaluation. MAP is
the average precision of one listener's ranking; the published MAP is its mean over listeners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lemons_processes import full_precision
from lemons_utils import OnProgress, ParameterError
from recsys.dataset import Crops, Tracks, crop_loader
from recsys.inference import relevance, score_tracks
from recsys.model import Network
from recsys.training_options import pick_device


@dataclass(frozen=True)
class Evaluation:
    """The logits of labelled tracks, and how well they tell the labels apart."""

    track_ids: list[str]
    labels: NDArray[np.int64]  # [shape=(tracks,)], 1 is listened
    logits: NDArray[np.float64]  # [shape=(tracks,)]
    loss: float  # mean binary cross-entropy
    auc: float  # area under the ROC curve, in [0, 1]; NaN where all tracks have one label
    map: float  # average precision, in [0, 1]; NaN likewise

    @property
    def relevance(self) -> NDArray[np.float64]:
        """Sigmoid of the logits, in [0, 1]."""
        return relevance(self.logits)

    @property
    def score(self) -> float:
        """Mean of AUC and MAP, by which the best model is chosen."""
        return (self.auc + self.map) / 2

    def numbers(self) -> dict[str, float]:
        """Return loss, auc and map by name."""
        return {"loss": self.loss, "auc": self.auc, "map": self.map}


def judge(
    track_ids: Sequence[str], labels: Sequence[int], logits: NDArray[np.float64]
) -> Evaluation:
    """Compare logits [shape=(tracks,)] with labels, 0 or 1.

    Raises
    ------
    ParameterError
        If the three are not equally long, or a logit is not finite.
    """
    truth = np.asarray(labels, dtype=np.int64)
    if not len(track_ids) == len(truth) == len(logits):
        raise ParameterError(
            f"expected one label and one logit per track, got {len(truth)} labels and "
            f"{len(logits)} logits for {len(track_ids)} tracks"
        )
    if not np.isfinite(logits).all():
        raise ParameterError("logits must be finite, got NaN or infinity: the weights are broken")
    loss = float(np.mean(np.logaddexp(0.0, logits) - truth * logits))
    has_both = 0 < truth.sum() < truth.size
    ranking = ranking_metrics(truth, logits) if has_both else dict.fromkeys(("auc", "map"), np.nan)
    return Evaluation(list(track_ids), truth, logits, loss, **ranking)


def ranking_metrics(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> dict[str, float]:
    """Return `auc` and `map` of one ranking.

    Parameters
    ----------
    labels : ndarray [shape=(tracks,)], 0 or 1
    scores : ndarray [shape=(tracks,)]
        Higher is more relevant; any monotonic scale.

    Raises
    ------
    ParameterError
        If the shapes differ, a score is not finite, or only one label occurs.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    if labels.shape != scores.shape or labels.ndim != 1:
        raise ParameterError(
            f"labels and scores must be of the same shape (tracks,), "
            f"got {labels.shape} and {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise ParameterError("scores must be finite, got NaN or infinity")
    if (distinct := sorted(map(int, np.unique(labels)))) != [0, 1]:
        raise ParameterError(f"labels must hold both 0 and 1, got {distinct}")
    return {
        "auc": float(roc_auc_score(labels, scores)),
        "map": float(average_precision_score(labels, scores)),
    }


def auc_interval(auc: float, listened: int, unheard: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of an AUC.

    It holds every AUC that the one found is within 1.96 standard deviations of; the deviation is
    that of Hanley and McNeil (1982) for an AUC and these numbers of tracks, as Newcombe (2006)
    proposes. The interval has a width even where the ranking is perfect.

    Parameters
    ----------
    auc : float in [0, 1]
    listened, unheard : int > 0
        Numbers of tracks of either label.
    """
    if not 0 <= auc <= 1 or listened < 1 or unheard < 1:
        raise ParameterError(
            f"expected an AUC in [0, 1] of at least one track of either label, got {auc} of "
            f"{listened} and {unheard}"
        )

    bounds = []
    for end in (0.0, 1.0):
        inside, outside = auc, end
        for _ in range(50):  # bisection
            middle = (inside + outside) / 2
            if abs(auc - middle) <= 1.96 * auc_deviation(middle, listened, unheard):
                inside = middle
            else:
                outside = middle
        bounds.append(inside)
    return bounds[0], bounds[1]


def auc_deviation(auc: float, listened: int, unheard: int) -> float:
    """Return the standard deviation of an AUC by the formula of Hanley and McNeil (1982)."""
    both_listened = auc / (2 - auc) - auc**2
    both_unheard = 2 * auc**2 / (1 + auc) - auc**2
    of_pairs = (listened - 1) * both_listened + (unheard - 1) * both_unheard
    return float(np.sqrt((auc * (1 - auc) + of_pairs) / (listened * unheard)))


def evaluate(
    network: Network,
    tracks: Tracks,
    *,
    batch_size: int = 20,
    num_workers: int = 0,
    device: torch.device | str = "cpu",
    precision: str = "float32",
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Score whole tracks and compare the scores with their labels.

    Parameters are those of `recsys.inference.score_tracks`.

    Raises
    ------
    ParameterError
        If the tracks have no labels, or the network's weights are broken.
    """
    if not tracks.labelled:
        raise ParameterError("evaluation needs labels, the tracks have none")
    logits = score_tracks(
        network,
        tracks,
        batch_size=batch_size,
        num_workers=num_workers,
        device=device,
        precision=precision,
        on_progress=on_progress,
    )
    return judge(tracks.track_ids, tracks.labels, logits)


@full_precision()
@torch.inference_mode()
def crop_loss(
    network: Network,
    crops: Crops,
    *,
    batch_size: int = 20,
    num_workers: int = 0,
    device: torch.device | str = "cpu",
) -> float:
    """Return a network's mean binary cross-entropy on one crop of every track, those of epoch 0.

    Parameters are those of `recsys.inference.score_tracks`, with the crops of a training.
    """
    where = pick_device(str(device))
    network.to(where).eval()
    losses = 0.0
    loader = crop_loader(crops, range(1), batch_size=batch_size, num_workers=num_workers)
    for waveforms, labels in loader:
        logits = network(waveforms.to(where))[:, 0].float()
        losses += float(
            torch.nn.functional.binary_cross_entropy_with_logits(
                logits, labels.to(where), reduction="sum"
            )
        )
    return losses / len(crops)
