"""Our own rendered faces, labelled for parsing: nothing to download, no end of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...geometry.affine import box_of_points
from ...labels import FACEKIT_27, SYNTHPARSE_11, SegmentationSet, segmentation_map
from ..synthetic_faces.generator import GeneratedFaces
from .boxes import as_box
from .face import ParsedFace
from .lazy import LazyFaces

# GeneratedFaces frames by the points' box, of which a face's square is 1.6 times as large, and puts faces lower the
# more it shows around them. With 2.2 a square that is grown by `pool.MARGIN` still lies within the image.
_FRAMING, _SQUARE = 2.2, 1.6


class GeneratedParsing(LazyFaces[int]):
    """Rendered faces 0 to count - 1 of a seed; the square around a face is about `side` px large.

    domain: "studio" (exact masks) or "wild" (masks as annotators draw them). labels: what the masks are brought to. The
    images show more than the square, so that augmentation finds real pixels. settings: device, yaw, pitch, roll, ...
    of `GeneratedFaces`, which checks all of them.
    """

    def __init__(
        self,
        count: int,
        domain: str = "studio",
        seed: int = 0,
        side: int = 128,
        labels: SegmentationSet = SYNTHPARSE_11,
        **settings: Any,
    ) -> None:
        if count < 1:
            raise ValueError(f"{count} generated faces came, expected at least 1: pass count=")
        super().__init__(f"generated, {domain}", range(count), lambda number: self._rendered([number])[0])
        self.labels = labels
        size = round(side * _FRAMING / _SQUARE)
        self.faces = GeneratedFaces(seed, size, domain, length=count, framing=_FRAMING, **settings)

    def batch(self, indices: Sequence[int]) -> list[ParsedFace]:
        """Several faces rendered at once: what `faces[i]` gives for each, faster."""
        return self._rendered([self.items[i] for i in indices])

    def _rendered(self, numbers: Sequence[int]) -> list[ParsedFace]:
        out = self.faces.batch(numbers, want=("image", "mask", "landmarks68"))
        images = out["image"].permute(0, 2, 3, 1).contiguous().cpu().numpy()
        masks = segmentation_map(FACEKIT_27, self.labels)[out["mask"].cpu().numpy()]
        boxes = [as_box(box_of_points(points)) for points in out["landmarks68"].cpu().numpy()]
        names = [f"generated {self.faces.domain} {self.faces.seed}/{n}" for n in numbers]
        return [ParsedFace(*face, self.labels) for face in zip(names, images, masks, boxes, strict=True)]
