"""Collect images without faces for the training of the face finder.

    python -m benchmarks.ready_models.finder_training.background_files --packages FOLDER --out FOLDER

The first folder holds six packages of Debian 12, each unpacked into its own folder by ``apt-get download NAME`` and
``dpkg-deb -x NAME_*.deb FOLDER/NAME``: opencv-doc, mate-backgrounds, ukui-wallpapers, lomiri-wallpapers-20.04,
plasma-workspace-wallpapers, gnome-backgrounds.

``backgrounds.txt`` lists those of their images that contain no faces; each was checked by eye. Sample images of
scikit-image are added.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import skimage

from .backgrounds import limited

LIST = Path(__file__).with_name("backgrounds.txt")
SKIMAGE = (
    "brick cell chelsea clock_motion coffee coins color grass gravel hubble_deep_field ihc moon motorcycle_left page "
    "retina rocket text"
)
_QUALITY = 90


def collect(packages: Path, out: Path) -> int:
    """Write the images as JPEG files of at most 900 pixels.

    Args:
        packages: Folder of unpacked packages.
        out: Folder to write.

    Returns:
        Number of images.

    Raises:
        FileNotFoundError: If an image of the list is missing.
    """
    samples = Path(skimage.__file__).parent / "data"
    paths = [packages / line for line in LIST.read_text(encoding="utf-8").splitlines()]
    paths += [next(samples.glob(f"{name}.*")) for name in SKIMAGE.split()]
    out.mkdir(parents=True, exist_ok=True)
    for i, path in enumerate(paths):
        image = cv2.imread(str(path))
        if image is None:
            raise FileNotFoundError(f"{path}: expected an image of the packages that the module names")
        cv2.imwrite(str(out / f"{i:03d}.jpg"), limited(image), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return len(paths)


def main() -> None:
    """Collect from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="folder of unpacked Debian packages")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    a = parser.parse_args()
    print(f"{collect(a.packages, a.out)} images")


if __name__ == "__main__":
    main()
