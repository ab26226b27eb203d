"""How well relevance tells a listener's tracks from the others: loss, AUC, MAP.

The area under the ROC curve and the average precision are scikit-learn's; it loads when the
first evaluation needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lemons_utils import ParameterError
from recsys.inference import relevance


@dataclass(frozen=True)
class Evaluation:
    """What a network makes of labelled tracks.

    Parameters
    ----------
    track_ids : list of str
    labels : ndarray [shape=(tracks,)], int, 1 is listened
    logits : ndarray [shape=(tracks,)], float64
    loss : float
        Mean binary cross-entropy.
    auc : float in [0, 1]
        Area under the ROC curve; NaN where all tracks have one label.
    map : float in [0, 1]
        Average precision (its mean over listeners is the published MAP); NaN likewise.
    """

    track_ids: list[str]
    labels: NDArray[np.int64]
    logits: NDArray[np.float64]
    loss: float
    auc: float
    map: float

    @property
    def relevance(self) -> NDArray[np.float64]:
        """Sigmoid of the logits, in [0, 1]."""
        return relevance(self.logits)

    @property
    def score(self) -> float:
        """What the best model is chosen by: the mean of AUC and MAP."""
        return (self.auc + self.map) / 2

    def numbers(self) -> dict[str, float]:
        """Return loss, auc and map, to log or to write down."""
        return {"loss": self.loss, "auc": self.auc, "map": self.map}


def judge(
    track_ids: Sequence[str], labels: Sequence[int], logits: NDArray[np.float64]
) -> Evaluation:
    """Hold logits against labels.

    Parameters
    ----------
    track_ids : sequence of str
    labels : sequence of int, 0 or 1
    logits : ndarray [shape=(tracks,)], finite

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
    auc, average_precision = float("nan"), float("nan")
    if 0 < truth.sum() < truth.size:
        from sklearn.metrics import average_precision_score, roc_auc_score

        auc = float(roc_auc_score(truth, logits))
        average_precision = float(average_precision_score(truth, logits))
    return Evaluation(list(track_ids), truth, logits, loss, auc, average_precision)
