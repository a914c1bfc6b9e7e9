"""Check the installation: `facekit doctor`."""

from __future__ import annotations

import importlib.metadata as metadata
import platform
import sys
from typing import Any

from ..zoo.embedded import EMBEDDED, FOLDER

# Packages whose versions are reported.
PACKAGES = (
    "facekit",
    "torch",
    "torchvision",
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "pillow",
    "timm",
    "lpips",
    "albumentations",
    "gradio",
    "ipywidgets",
    "anywidget",
    "matplotlib",
    "safetensors",
    "onnx",
    "onnxruntime",
)
CV2_WHEELS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")


def doctor() -> dict[str, Any]:
    """Report on the installation.

    Returns:
        "python", "platform", "device", "threads", "versions" (package to version), "cache" (the folder of downloads)
        and "problems", a list of sentences, each with its fix.
    """
    import torch

    from ..core.cache_folder import cache_folder
    from ..core.device import pick_device

    versions = {name: version for name in PACKAGES if (version := _version(name)) is not None}
    missing = [name for name, file in EMBEDDED.items() if not (FOLDER / file).is_file()]
    problems = cv2_problems({name: version for name in CV2_WHEELS if (version := _version(name)) is not None})
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
    """List problems of the installed OpenCV wheels, which all write the same cv2 folder.

    Args:
        wheels: Name of each installed wheel and its version.

    Returns:
        One sentence per problem, with its fix.
    """
    problems = []
    if not wheels:
        problems.append('OpenCV is missing. Fix: pip install "opencv-python>=4.10,<5"')
    names = " ".join(wheels)
    requirements = " ".join(f'"{name}>=4.10,<5"' for name in wheels)
    if any(version.startswith("5") for version in wheels.values()):
        problems.append(f"OpenCV 5 has no Haar cascades. Fix: pip uninstall -y {names} && pip install {requirements}")
    elif len(set(wheels.values())) > 1:
        versions = ", ".join(f"{name} {version}" for name, version in wheels.items())
        problems.append(f"{versions} overwrite each other. Fix: pip uninstall -y {names} && pip install {requirements}")
    try:
        import cv2

        cv2.CascadeClassifier  # noqa: B018
    except (ImportError, AttributeError) as error:
        fix = f"pip install --force-reinstall {requirements or 'opencv-python'}"
        problems.append(f"cv2 is broken ({error}). Fix: {fix}")
    return problems


def _version(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
