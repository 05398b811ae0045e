"""What Paddle's `multiclass_nms` and `matrix_nms` operators do, for networks off which they were cut.

Settings and results are those of the operators (paddle/phi/kernels/cpu: multiclass_nms3_kernel, matrix_nms_kernel), whose attributes
are explained in Paddle's API reference of `paddle.static.nn` and `paddle.vision.ops.matrix_nms`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from workbench.tasks.detection.decoders import Candidates
from workbench.tasks.detection.suppression import overlaps, suppress

MATRIX = "matrix_nms"


class GraphSuppression(BaseModel):
    """What both operators have: candidates of each class, the best of them, and at the end the best of all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operator: str
    score_threshold: float
    background_label: int
    nms_top_k: int
    keep_top_k: int
    normalized: bool

    @property
    def pixels(self) -> float:
        """What `overlaps` is to add to the sides of boxes."""
        return 0.0 if self.normalized else 1.0

    def candidates(self, boxes: NDArray[Any], scores: NDArray[Any]) -> Candidates:
        """The `nms_top_k` best of each class above the threshold, by class and score; boxes [n, 4], scores [classes, n]."""
        classes, row = np.nonzero(scores > scores.dtype.type(self.score_threshold))
        wanted = classes != self.background_label
        classes, row = classes[wanted], row[wanted]
        order = np.lexsort((-scores[classes, row], classes))
        classes, row = classes[order], row[order]
        rank = np.arange(len(classes)) - np.searchsorted(classes, classes, side="left")
        chosen = rank < (self.nms_top_k if self.nms_top_k >= 0 else len(classes))
        classes, row = classes[chosen], row[chosen]
        return Candidates(boxes[row], scores[classes, row], classes.astype(np.int64), row)

    def limit(self, count: int) -> int:
        """How many of `count` boxes may stay."""
        return min(self.keep_top_k, count) if self.keep_top_k >= 0 else count


class MulticlassNms(GraphSuppression):
    """Boxes that overlap a better one of their class go."""

    nms_threshold: float
    nms_eta: float = 1.0

    def __call__(self, boxes: NDArray[Any], scores: NDArray[Any]) -> Candidates:
        """The boxes that stay of boxes [n, 4] and scores [classes, n], best first."""
        found = self.candidates(boxes, scores)
        limit = self.limit(len(found.scores))
        if self.nms_eta < 1:
            return found.part(self._adaptive(found)[:limit])
        return found.part(self._suppressed(found, limit))

    def _suppressed(self, found: Candidates, limit: int) -> NDArray[np.intp]:
        return suppress(
            found.boxes, found.scores, found.classes, max_iou=self.nms_threshold, limit=limit, pixels=self.pixels
        )

    def _adaptive(self, found: Candidates) -> NDArray[np.intp]:
        """Each box of a class that stays makes its threshold stricter, down to about 0.5."""
        kept: list[int] = []
        for label in np.unique(found.classes):
            rows, threshold = np.flatnonzero(found.classes == label), self.nms_threshold
            shares = overlaps(found.boxes[rows], found.boxes[rows], pixels=self.pixels)
            stays = np.zeros(len(rows), bool)
            for index in range(len(rows)):
                if (shares[index, stays] <= threshold).all():
                    stays[index] = True
                    threshold *= self.nms_eta if threshold > 0.5 else 1
            kept += rows[stays].tolist()
        chosen = np.array(kept, np.intp)
        return chosen[np.argsort(-found.scores[chosen], kind="stable")]


class MatrixNms(GraphSuppression):
    """No box goes, but its score decays by what better ones of its class overlap (SOLOv2, arXiv:2003.10152, section 3.4)."""

    post_threshold: float
    use_gaussian: bool
    gaussian_sigma: float

    def __call__(self, boxes: NDArray[Any], scores: NDArray[Any]) -> Candidates:
        """The boxes that stay of boxes [n, 4] and scores [classes, n], best first."""
        found = self.candidates(boxes, scores)
        decayed = found.scores.copy()
        for label in np.unique(found.classes):
            rows = np.flatnonzero(found.classes == label)
            decayed[rows] *= self._decay(found.boxes[rows])
        order = np.argsort(-decayed, kind="stable")
        order = order[decayed[order] > decayed.dtype.type(self.post_threshold)]
        return found._replace(scores=decayed).part(order[: self.limit(len(order))])

    def _decay(self, boxes: NDArray[Any]) -> NDArray[Any]:
        """Factors [n] of boxes [n, 4] of one class, best first."""
        better = np.tri(len(boxes), k=-1, dtype=bool)  # [box, a better one]
        shares = np.where(better, overlaps(boxes, boxes, pixels=self.pixels), 0)
        covered = np.fmax.reduce(shares, axis=1, initial=0)[
            np.newaxis, :
        ]  # how much the better one is overlapped itself
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.use_gaussian:
                factors = np.exp((covered**2 - shares**2) * self.gaussian_sigma)
            else:
                factors = (1 - shares) / (1 - covered)
        least: NDArray[Any] = np.fmin.reduce(np.where(better, factors, 1), axis=1, initial=1)
        return least


Suppression = MulticlassNms | MatrixNms


def read_suppression(settings: Mapping[str, Any]) -> Suppression:
    """The suppression that `left_to_task["nms"]` of a Model tells."""
    kind: type[Suppression] = MatrixNms if settings["operator"] == MATRIX else MulticlassNms
    return kind.model_validate(settings)
