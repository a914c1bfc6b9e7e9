"""The results of all faces in one image."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from . import drawing
from .drawable import Drawable, png_bytes, rgb_array, same_size
from .types import Segmentation

R = TypeVar("R", bound=Drawable)

_ONE_FACE = "predict() now returns Faces for every searched image, also for one face: use faces[0].{}"


class Faces(list[R], Drawable):
    """The results of all faces in one image: a list that can be drawn, shown and saved as a whole. It may be empty.

    `facekit.predict` returned the result itself for an image with one face in earlier versions. For one more release,
    `Faces` with one face has the attributes of that face, with a DeprecationWarning.

    Args:
        results: Results of the same image.
        image: That image, RGB uint8 of shape (H, W, 3). It may be left out where there is a result to take it from.

    Raises:
        ValueError: If results are of images of different sizes, or there is neither a result nor an image.
    """

    def __init__(self, results: Iterable[R] = (), image: NDArray[np.uint8] | None = None) -> None:
        super().__init__(results)
        if image is None and not self:
            raise ValueError(
                "expected results or an image, got neither; pass image=, so that an empty list can be drawn"
            )
        self.image = rgb_array(image if image is not None else self[0].image)
        sizes = sorted({result.image.shape[:2] for result in self} | {self.image.shape[:2]})
        if len(sizes) > 1:
            raise ValueError(f"expected results of one image, got images of sizes {sizes}")

    def __repr__(self) -> str:
        return f"Faces({list.__repr__(self)})"

    @overload
    def __getitem__(self, index: SupportsIndex) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> Faces[R]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> R | Faces[R]:
        """Return one face, or some of the faces as `Faces` of the same image."""
        if isinstance(index, slice):
            return Faces(super().__getitem__(index), image=self.image)
        if not self:
            raise IndexError("expected a face, got none: no face was found in this image; test `if faces:` first")
        return super().__getitem__(index)

    def __getattr__(self, name: str) -> Any:
        # `hasattr` would call a deprecated property, which warns of this line.
        if name.startswith("_") or (self and name not in dir(self[0])):
            raise AttributeError(f"'Faces' object has no attribute {name!r}")
        if len(self) != 1:
            count = f"{len(self)} faces were" if self else "no face was"
            fix = f"expected one for .{name}; take it from each face: [face.{name} for face in faces]"
            raise AttributeError(f"{count} found in this image, {fix}")
        warnings.warn(_ONE_FACE.format(name), DeprecationWarning, stacklevel=2)
        return getattr(self[0], name)

    def draw(self, legend: bool = False, **options: Any) -> NDArray[np.uint8]:
        """Draw every face's result on the image.

        Args:
            legend: Whether to name the colours of segmentations in a strip at the right.
            options: Those of a single face's `draw`, for an image with one face (deprecated).
        """
        if options and len(self) == 1:
            names = ", ".join(f"{name}=..." for name in options)
            warnings.warn(_ONE_FACE.format(f"draw({names})"), DeprecationWarning, stacklevel=2)
        elif options:
            names = ", ".join(options)
            raise TypeError(f"draw() of {len(self)} faces got {names}, expected legend= only; draw each face for these")
        single = self[0] if len(self) == 1 else None
        if isinstance(single, Segmentation):
            return single.draw(legend, **options)
        if single is not None:
            return single.draw(**options)
        drawn = self.draw_on(self.image)
        entries: dict[str, drawing.Colour] = {}
        for part in self:
            if isinstance(part, Segmentation):
                entries |= dict(drawing.legend_entries([part.mask], part.labels))
        return drawing.add_legend(drawn, list(entries.items())) if legend and entries else drawn

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the faces' results on a copy of an image of the same size, (H,W,3) uint8."""
        canvas = same_size(canvas, self.image).copy()
        for result in self:
            canvas = result.draw_on(canvas)
        return canvas

    def to_dict(self) -> dict[str, Any]:
        """Return the faces as plain lists, ready for JSON.

        For one more release, one face's own keys (such as "points") also stand beside "faces".
        """
        faces = [r.to_dict() for r in self]
        single = faces[0] if len(faces) == 1 else {}
        return {**single, "kind": "faces", "faces": faces, "size": list(self.image.shape[:2])}

    def _repr_png_(self) -> bytes:
        return png_bytes(self.show(legend=True))
