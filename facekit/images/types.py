"""Types of arguments that take images."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray
from PIL.Image import Image
from torch import Tensor

# An image, or a folder or batch of images; see `facekit.images.reader`.
ImageLike = str | os.PathLike[str] | Image | NDArray[Any] | Tensor
Images = ImageLike | Iterable[ImageLike]
