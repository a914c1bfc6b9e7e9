"""Faces rendered by facekit, labelled for parsing. They need no download, and their number is not limited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...geometry.affine import box_of_points
from ...labels import FACEKIT_27, SYNTHPARSE_11, SegmentationSet, segmentation_map
from ..synthetic_faces.generator import GeneratedFaces
from .boxes import as_box, tight_box_of_points
from .face import ParsedFace
from .lazy_faces import LazyFaces

# GeneratedFaces frames a face by the box of its points; the face's square is 1.6 times as large. The wider the frame,
# the lower the face lies in it. With 2.2, a square that is enlarged by `face_pool.MARGIN` still lies within the image.
_FRAMING, _SQUARE = 2.2, 1.6


class GeneratedParsing(LazyFaces[ParsedFace]):
    """Rendered faces 0 to `count - 1` of a seed.

    The images show more than the face's square, so that augmentation finds real pixels around it.

    Attributes:
        labels: Label set of the masks.
        faces: The generator.
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
        """Prepare the generator. Nothing is rendered yet.

        Args:
            count: Number of faces, at least 1.
            domain: "studio" (exact masks) or "wild" (masks with the inaccuracy of annotators).
            seed: Seed of the faces.
            side: Approximate side of the square around a face, px.
            labels: Label set of the masks.
            **settings: Further settings of `GeneratedFaces`: device, yaw, pitch, roll, ...

        Raises:
            ValueError: If `count` is below 1, or `GeneratedFaces` refuses a setting.
        """
        if count < 1:
            raise ValueError(f"expected at least 1 generated face, got {count}; pass count=")
        super().__init__(f"generated, {domain}", range(count), lambda number: self._render([number])[0])
        self.labels = labels
        size = round(side * _FRAMING / _SQUARE)
        self.faces = GeneratedFaces(seed, size, domain, length=count, framing=_FRAMING, **settings)

    def batch(self, indices: Sequence[int]) -> list[ParsedFace]:
        """Render several faces at once. This is faster than one by one.

        Args:
            indices: Numbers of the faces.

        Returns:
            The same faces as by access to each index.
        """
        return self._render([self.items[i] for i in indices])

    def _render(self, numbers: Sequence[int]) -> list[ParsedFace]:
        """Render the faces of these numbers of the generator."""
        out = self.faces.batch(numbers, want=("image", "mask", "landmarks68"))
        images = out["image"].permute(0, 2, 3, 1).contiguous().cpu().numpy()
        masks = segmentation_map(FACEKIT_27, self.labels)[out["mask"].cpu().numpy()]
        faces = []
        for number, image, mask, points in zip(numbers, images, masks, out["landmarks68"].cpu().numpy(), strict=True):
            name = f"generated {self.faces.domain} {self.faces.seed}/{number}"
            tight = tight_box_of_points(points, image.shape[:2])
            faces.append(ParsedFace(name, image, mask, as_box(box_of_points(points)), self.labels, tight))
        return faces
