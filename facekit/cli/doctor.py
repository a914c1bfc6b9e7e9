"""`facekit doctor`: what is installed, what would clash, and how to mend it."""

from __future__ import annotations

import importlib.metadata as metadata
import platform
import sys
from typing import Any

from ..zoo.embedded import EMBEDDED, FOLDER

PACKAGES = (
    "facekit", "torch", "torchvision", "numpy", "opencv-python", "opencv-python-headless", "pillow", "timm", "lpips",
    "albumentations", "gradio", "ipywidgets", "matplotlib", "safetensors", "onnx", "onnxruntime",
)  # fmt: skip
CV2_WHEELS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")


def doctor() -> dict[str, Any]:
    """Versions, devices, embedded weights, cache folder and a list of problems, each with its fix."""
    import torch

    from ..core.cache_folder import cache_folder
    from ..core.device import pick_device

    versions = {name: v for name in PACKAGES if (v := _version(name)) is not None}
    missing = [name for name, file in EMBEDDED.items() if not (FOLDER / file).is_file()]
    problems = cv2_problems({name: v for name in CV2_WHEELS if (v := _version(name)) is not None})
    if missing:
        problems.append(f"embedded weights missing: {', '.join(missing)}. Fix: reinstall facekit")
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "device": str(pick_device()),
        "threads": torch.get_num_threads(),
        "versions": versions,
        "cache": str(cache_folder()),
        "problems": problems,
    }


def cv2_problems(wheels: dict[str, str]) -> list[str]:
    """What is wrong with the installed OpenCV wheels (name -> version), which all write the same cv2 folder."""
    problems = []
    if not wheels:
        problems.append('OpenCV is missing. Fix: pip install "opencv-python>=4.10,<5"')
    names = " ".join(wheels)
    wanted = " ".join(f'"{name}>=4.10,<5"' for name in wheels)
    if any(v.startswith("5") for v in wheels.values()):
        problems.append(f"OpenCV 5 has no Haar cascades. Fix: pip uninstall -y {names} && pip install {wanted}")
    elif len(set(wheels.values())) > 1:
        versions = ", ".join(f"{n} {v}" for n, v in wheels.items())
        problems.append(f"{versions} overwrite each other. Fix: pip uninstall -y {names} && pip install {wanted}")
    try:
        import cv2

        cv2.CascadeClassifier  # noqa: B018
    except (ImportError, AttributeError) as error:
        problems.append(f"cv2 is broken ({error}). Fix: pip install --force-reinstall {wanted or 'opencv-python'}")
    return problems


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
