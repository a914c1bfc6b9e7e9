"""What an experiment needs: data sets and files of weights, whether they are there, and what identifies them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..backbones.synthparse.imagenet_weights import cached_imagenet
from ..data.datasets import (
    aflw_faces,
    car20_parts,
    celeba_faces,
    celebamask_hq_faces,
    facesynthetics_faces,
    fairface_faces,
    ffhq34_parts,
    helen_faces,
    ibugmask_faces,
    labelled_parts,
    lapa_faces,
    lfwa_faces,
    w300_faces,
    wflw_faces,
)

_ABSENT = "not there"


def _below(root: Path | None, name: str) -> Path | None:
    """Return what has a name below a folder, or None."""
    return root / name if root is not None and (root / name).exists() else None


@dataclass(frozen=True)
class Need:
    """A data set or a file of weights.

    Attributes:
        name: Its path below the folder of the data sets.
        layout: What is expected there, and where it is from.
        check: Function of the path that raises FileNotFoundError, ImportError or ValueError if it is not complete. It
            reads lists of names, no images. None checks only that the path exists.
        find: Function of the folder of the data sets and the name that returns the path, or None.
    """

    name: str
    layout: str
    check: Callable[[Path], object] | None = None
    find: Callable[[Path | None, str], Path | None] = _below

    def problem(self, root: Path | None) -> str | None:
        """Return what is missing, or None if all is there.

        Args:
            root: Folder of the data sets, or None.
        """
        path = self.find(root, self.name)
        if path is None:
            place = "pass --data DIR" if root is None else f"{root / self.name} does not exist"
            return f"{self.name}: {place}; expected {self.layout}"
        try:
            if self.check is not None:
                self.check(path)
        except (FileNotFoundError, ImportError, ValueError) as error:
            return f"{self.name}: {error}"
        return None

    def identity(self, root: Path | None) -> str:
        """Return what identifies it: a hash of a file, or of the names and sizes of all files in a folder.

        Args:
            root: Folder of the data sets, or None. Where it lies does not matter.

        Returns:
            10 hexadecimal digits, or "not there".
        """
        path = self.find(root, self.name)
        if path is None:
            return _ABSENT
        digest = hashlib.sha256()
        if path.is_file():
            with path.open("rb") as file:
                while block := file.read(1 << 22):
                    digest.update(block)
        for folder, inner, files in os.walk(path):
            inner.sort()
            for name in sorted(files):
                full = Path(folder, name)
                size = full.stat().st_size if full.exists() else "broken link"
                digest.update(f"{full.relative_to(path).as_posix()} {size}\n".encode())
        return digest.hexdigest()[:10]


def imagenet(encoder: str) -> Need:
    """Return the need of an encoder's ImageNet weights, in the cache of the Hugging Face hub or of torch.

    Args:
        encoder: Its name in segmentation_models_pytorch.
    """
    text = f"ImageNet's weights of {encoder} in the cache of the Hugging Face hub or of torch; nothing is downloaded"
    return Need(f"imagenet-{encoder}", text, find=lambda _root, _name: cached_imagenet(encoder))


CELEBA_POINTS = "list_landmarks_align_celeba.txt"


def celeba_points(folder: Path) -> Path:
    """Return the file of the five points of CelebA's aligned images.

    Args:
        folder: The folder CelebA.

    Raises:
        FileNotFoundError: If it is missing.
    """
    places = [folder / "Anno" / CELEBA_POINTS, folder / CELEBA_POINTS]
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"{places[0]} does not exist, expected CelebA's five points per aligned image")


def _at_hand(name: str, *files: str) -> Need:
    """Return the need of a folder with a table and the folders or files that it names."""
    text = ", ".join(files)

    def check(folder: Path) -> None:
        for file in files:
            if not (folder / file).exists():
                raise FileNotFoundError(f"{folder / file} does not exist; expected the folder {name}/ with {text}")

    return Need(name, f"the folder {name}/ with {text}", check)


# Data at hand.
CROPS_300W, FASSEG = _at_hand("300w", "index.csv", "images"), _at_hand("fasseg", "index.csv", "images", "masks")
SKETCH_PAIRS = _at_hand("sketches", "index.csv", "photos", "sketches")
CELEBAMASK_CROPS = _at_hand("celebamask", "index.csv", "images", "masks")
CELEBAHQ_128 = _at_hand("celebahq128", "attributes.csv", "landmarks68_pseudo.csv", "faces-000.tar")
YALE_B, IMM_73, UTKFACE = (_at_hand(name, "index.csv", "images") for name in ("yaleb", "imm73", "utkface"))

_AFLW = ("train", "full", "frontal")
_PARTS = ("train", "test")
GENERATED_PARTS = {"train": "training_data/face_processed", "test": "testing_data/face_34_class"}

# Published data sets. The readers' errors show the expected files.
W300 = Need(
    "300w",
    "300-W whole: afw, helen, lfpw and ibug with .pts files",
    lambda path: [w300_faces(path, split) for split in ("train", "common", "challenge")],
)
HELEN = Need(
    "helen",
    "Helen with the masks of Smith et al.: images, labels, exemplars.txt, tuning.txt, testing.txt",
    lambda path: [helen_faces(path, split) for split in ("train", "val", "test")],
)
LAPA = Need(
    "lapa",
    "LaPa: train, val and test, each with images, labels and landmarks",
    lambda path: [lapa_faces(path, split) for split in ("train", "val", "test")],
)
IBUGMASK = Need(
    "ibugmask_release",
    "iBugMask: train and test",
    lambda path: [ibugmask_faces(path, split) for split in ("train", "test")],
)
FACE_SYNTHETICS = Need("facesynthetics", "Microsoft Face Synthetics, at least 2,330 faces", facesynthetics_faces)
CELEBAMASK_HQ = Need(
    "CelebAMask-HQ",
    "CelebAMask-HQ as downloaded, and CelebA's list_eval_partition.txt",
    lambda path: [celebamask_hq_faces(path, split) for split in ("train", "test")],
)
CELEBA = Need(
    "CelebA",
    "CelebA: aligned images, attributes, partition and list_landmarks_align_celeba.txt",
    lambda path: [*(celeba_faces(path, split) for split in ("train", "test")), celeba_points(path)],
)
LFWA = Need(
    "LFWA",
    "LFWA: lfw, lfw_att_40.mat and indices_train_test.mat",
    lambda path: [lfwa_faces(path, split) for split in ("train", "test")],
)
AFLW = Need(
    "AFLW", "AFLW's images and AFLWinfo_release.mat of AFLW-19", lambda path: [aflw_faces(path, s) for s in _AFLW]
)
WFLW = Need("WFLW", "WFLW_images and WFLW_annotations", lambda path: [wflw_faces(path, s) for s in ("train", "test")])
FAIRFACE = Need(
    "fairface",
    "FairFace: train, val and their tables",
    lambda path: [fairface_faces(path, s) for s in ("train", "val")],
)
FFHQ_34 = Need(
    "ffhq_34", "FFHQ-34 of DDPM-segmentation: real/train and real/test", lambda p: [ffhq34_parts(p, s) for s in _PARTS]
)
CAR_20 = Need(
    "car_20", "LSUN CAR-20 of DatasetGAN: training_data, testing_data", lambda p: [car20_parts(p, s) for s in _PARTS]
)
FACE_34_GENERATED = Need(
    "face_34_generated",
    "DatasetGAN's generated faces: training_data/face_processed and testing_data/face_34_class",
    lambda path: [labelled_parts(path / part, "ffhq34") for part in GENERATED_PARTS.values()],
)

# Weights.
FSMA_256 = Need(
    "weights/fsma-256.safetensors",
    "an auto-encoder of 256 px: `facekit pretrain fsma --preset 256` on VGGFace2 and AffectNet, or 3FabRec's saae.mdl",
)
FARL = Need(
    "weights/FaRL-Base-Patch16-LAIONFace20M-ep16.pth",
    "FaRL's tower of 16 epochs, from github.com/FacePerceiver/FaRL/releases",
)
CLIP = Need("weights/ViT-B-16.pt", "OpenAI's CLIP ViT-B/16")
FFHQ_GENERATOR = Need("weights/stylegan2-ffhq.pt", "a StyleGAN2 generator of FFHQ: rosinality's .pt or NVIDIA's .pkl")
FFHQ_ENCODER = Need("weights/e4e_ffhq_encode.pt", "the e4e or pSp encoder of that generator")
CAR_GENERATOR = Need("weights/stylegan2-cars.pt", "a StyleGAN2 generator of LSUN cars")
CAR_ENCODER = Need("weights/e4e_cars_encode.pt", "the e4e or pSp encoder of that generator")
DIFFUSION = Need("weights/ddpm-ffhq", "a diffusers UNet trained on FFHQ, 256 px")
