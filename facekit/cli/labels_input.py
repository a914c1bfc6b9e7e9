"""Read the images and labels that a command names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Of annotation tools; a folder that holds none of these holds masks or pictures.
LABEL_FILES = (".json", ".pts")


def _labelled(images: str | None, path: str | None, task: str, names: Any) -> tuple[Any, Any, Any]:
    """(pictures, labels, label set) as `adapt` takes them, from files of any kind."""
    import numpy as np

    source = None if path is None else Path(path)
    if source is not None and not source.exists():
        raise FileNotFoundError(
            f"{path}: no such labels; expected a folder of label files, masks or target pictures, a .json or .npy of "
            "landmarks, or a table of attributes"
        )
    labels: Any = path
    folder = images if images is not None and Path(images).is_dir() else None
    if isinstance(names, str) and "," in names:
        names = [name.strip() for name in names.split(",")]
    if source is not None and task in ("landmarks", "segmentation", "attributes"):
        if source.suffix == ".npy":
            labels = np.load(source, allow_pickle=False)
        elif source.suffix == ".json" and source.read_text(encoding="utf-8").lstrip().startswith("["):
            labels = np.array(json.loads(source.read_text(encoding="utf-8")), float)
        elif task == "attributes":
            from ..data.files import read_attributes

            found = read_attributes(source, names, images=folder)
            return found.images, found.labels, found.names
        elif source.suffix in LABEL_FILES or any(f.suffix in LABEL_FILES for f in source.glob("*.*")):
            from ..data.files import read_labels

            found = read_labels(source, task, names, images=folder)
            return found.images, found.labels, found.names
    if images is None:
        raise ValueError("no pictures came: pass --images with a folder of pictures")
    return images, labels, names
