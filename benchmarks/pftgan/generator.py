"""Score PFTGAN's embedded generator and encoder on unseen faces: the last 800 of CelebA-HQ (``FACEKIT_DATA``).

    python -m benchmarks.pftgan.generator [--weights g.safetensors] [--images FOLDER] [--optimised FACES]

All images are compared at 128 px; those of smaller generators are enlarged bilinearly. Reconstructions are scored by
mean squared error (colours in [0, 1]) and LPIPS (AlexNet). Samples are scored by the Frechet distance between 5,000
samples and the 800 faces. The features are the mean over the image of the fifth layer of LPIPS' AlexNet (256 numbers),
because Inception's weights are not available here. The distance is therefore not comparable with a published FID. The
same distance of 5,000 training faces is printed for comparison. The share of 200 samples in which facekit finds a face
is printed, too, and the same share of 200 real faces; both are enlarged to 256 px. Samples are drawn from the file's
distribution of codes, and for comparison from its mapping network.

``--images`` writes the images of the weight card: 64 samples without and with truncation, scikit-image's astronaut with
its reconstruction, and the 76 people of ``london`` with theirs. No face of CelebA-HQ is written.

``--optimised`` does something else: the codes of some unseen faces are optimised for each face by itself, 200 steps
from the encoder's. Reconstructions with both are scored. What the encoder leaves out is their difference.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import linalg
from torch import Tensor
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

import facekit
from facekit.backbones.pftgan.inversion_training import Refining
from facekit.backbones.pftgan.model import GeneratorWithEncoder
from facekit.backbones.pftgan.perceptual_distance import perceptual
from facekit.data.face_sources import celebahq128
from facekit.detection import find_faces
from facekit.images import load_image
from facekit.images.reader import to_tensor
from facekit.metrics.perceptual import alexnet_lpips
from facekit.model import find_frames as frames_in

HELD_OUT, SAMPLES, SEARCHED, AT_ONCE, SIDE = 800, 5000, 200, 50, 128


def faces() -> Tensor:
    """Return all CelebA-HQ faces, (N, 3, SIDE, SIDE) in [0, 1]."""
    images = torch.from_numpy(np.stack([image for _, image, _ in celebahq128()])).permute(0, 3, 1, 2)
    return torch.cat([part.float() / 255 for part in images.split(500)])


def at_side(images: Tensor) -> Tensor:
    """Resize images (N, 3, S, S) to (N, 3, SIDE, SIDE)."""
    if images.shape[-1] > SIDE:
        return F.interpolate(images, SIDE, mode="area")
    return F.interpolate(images, SIDE, mode="bilinear", align_corners=False)


def seen(images: Iterable[Tensor]) -> Tensor:
    """Return AlexNet features (N, 256) of batches (n, 3, SIDE, SIDE) in [0, 1]."""
    network = alexnet_lpips()
    found = []
    for x in images:
        found.append(network.net(network.scaling_layer(2 * x - 1))[-1].mean((2, 3)))
    return torch.cat(found)


def frechet(a: Tensor, b: Tensor) -> float:
    """Return the Frechet distance between two sets of features."""
    (m, c), (n, d) = ((x.double().mean(0).numpy(), np.cov(x.double().numpy().T)) for x in (a, b))
    return float(((m - n) ** 2).sum() + np.trace(c + d - 2 * linalg.sqrtm(c @ d).real))


@torch.no_grad()
def scores(shown: Tensor, images: Tensor) -> str:
    """Return how far reconstructions (N, 3, SIDE, SIDE) are from their images, in words."""
    lpips, pairs = perceptual("lpips-alex"), zip(shown.split(AT_ONCE), images.split(AT_ONCE), strict=True)
    far = torch.cat([lpips(2 * x - 1, 2 * y - 1) for x, y in pairs])
    return f"squared error {float((shown - images).square().mean()):.4f}, LPIPS {float(far.mean()):.3f}"


def share_with_face(images: Tensor) -> float:
    """Return the percentage of images (n, 3, S, S) in [0, 1] in which a face is found at 256 px."""
    large = (F.interpolate(images, 256, mode="bicubic").clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)
    return 100 * sum(bool(find_faces(image)) for image in large.numpy()) / len(images)


def crops(photos: Iterable[np.ndarray], side: int) -> Tensor:
    """Return the first face of each photo, cropped as the generator expects faces: (n, 3, side, side) in [0, 1]."""
    framed = ((photo, frames_in(photo, "ffhq", None)[0]) for photo in photos)
    return to_tensor([frame.crop(photo.shape[:2], side).image(photo) for photo, frame in framed])


def london() -> list[np.ndarray]:
    """Return the neutral photos of the Face Research Lab London Set."""
    folder = Path(os.environ["FACEKIT_DATA"]) / "london"
    with (folder / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["expression"] == "neutral"]
    return [load_image(folder / "images" / row["file"]) for row in rows]


def draw(images: Tensor, path: Path, columns: int = 12, larger: float = 2) -> None:
    """Save images (N, 3, S, S) in rows."""
    grid = F.interpolate(make_grid(images, columns, padding=0)[None], scale_factor=larger, mode="bicubic").clamp(0, 1)
    to_pil_image(grid[0]).save(path, quality=90)


def optimised(backbone: GeneratorWithEncoder, images: Tensor, steps: int = 200) -> Tensor:
    """Return reconstructions (N, 3, S, S) of images (N, 3, S, S) with codes that are optimised for each image."""
    codes = backbone.encode(images)
    refining = Refining(backbone.generator.synthesis, codes, images, perceptual("lpips-alex"))
    for index in range(steps):
        refining.step(index)
    return backbone.synthesize(codes)


@torch.inference_mode()
def score_all(backbone: GeneratorWithEncoder, folder: Path | None) -> None:
    """Print all scores, and write images if there is a folder for them."""
    real = faces()
    held, learned = real[-HELD_OUT:], real[:SAMPLES]
    shown = torch.cat([at_side(backbone.reconstruct(x)) for x in held.split(AT_ONCE)])
    print(f"reconstructions of {HELD_OUT} held-out faces: {scores(shown, held)}")
    reference = seen(held.split(AT_ONCE))
    print(f"Frechet distance of {SAMPLES} real ones: {frechet(seen(learned.split(AT_ONCE)), reference):.3f}")
    print(f"Frechet distance of the reconstructions: {frechet(seen(shown.split(AT_ONCE)), reference):.3f}")
    draws = torch.Generator().manual_seed(0)
    z = torch.randn(SAMPLES, backbone.generator.size.z_dim, generator=draws)
    for source in ("fitted codes", "mapping network"):
        for truncation in (1.0, 0.7):
            made = torch.cat([at_side(backbone.generate(part, truncation)) for part in z.split(AT_ONCE)])
            distance = frechet(seen(made.split(AT_ONCE)), reference)
            share = share_with_face(made[:SEARCHED])
            print(
                f"... of {SAMPLES} samples, {source}, truncation {truncation}: {distance:.3f}; a face in {share:.1f} %"
            )
            if folder and backbone.generator.distribution is not None:
                draw(made[:64], folder / f"pftgan-mini-{truncation}.jpg", 16, 1)
        backbone.generator.distribution = None
    print(f"real faces with a face: {share_with_face(held[:SEARCHED]):.1f} %")
    if folder:
        from skimage.data import astronaut

        photo = crops([astronaut()], backbone.input_size)
        draw(torch.cat([photo, backbone.reconstruct(photo)]), folder / "pftgan-mini-astronaut.jpg")
        people = crops(london(), backbone.input_size).split(19)
        rows = [part for some in people for part in (some, backbone.reconstruct(some))]
        draw(torch.cat(rows), folder / "pftgan-mini-london.jpg", 19, 0.75)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="embedded")
    parser.add_argument("--images", type=Path, metavar="FOLDER")
    parser.add_argument("--optimised", type=int, metavar="FACES", help="at most 800")
    a = parser.parse_args()
    if a.optimised is not None and not 1 <= a.optimised <= HELD_OUT:
        parser.error(f"--optimised {a.optimised}: expected 1 to {HELD_OUT} faces")
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: this benchmark needs celebahq128/ in that folder")
    if a.images:
        a.images.mkdir(parents=True, exist_ok=True)
    backbone = facekit.load_backbone("pftgan", a.weights)
    if a.optimised is not None:
        some = faces()[-HELD_OUT:][: a.optimised]
        for codes, shown in (("encoder", backbone.reconstruct(some)), ("optimised", optimised(backbone, some))):
            print(f"codes of {len(some)} faces, {codes}: {scores(at_side(shown), some)}")
        return
    score_all(backbone, a.images)


if __name__ == "__main__":
    main()
