"""Measure the speed of generated faces, and the share of them that public face detectors find.

    python -m benchmarks.speed.generated_faces [--faces 200] [--device cpu]

Prints faces per second at 128 px after a warm-up, with the machine's load, which influences it. Then prints the share
of faces within 20 degrees of yaw at 256 px that OpenCV's two frontal cascades find. The share is given for all faces
and without strongly tilted heads (roll over 15 degrees).
"""

from __future__ import annotations

import argparse
import os
import time

import cv2
import numpy as np
import torch

from facekit.data.synthetic_faces.generator import GeneratedFaces

CASCADES = {
    "alt2": (1.05, 2),
    "default": (1.05, 3),
}  # scale step and neighbours, as the synthetic-parsing paper's code uses them


def speed(domain: str, device: str, faces: int) -> tuple[float, float]:
    """Return faces per second of wall time, and per second of processor time and core.

    Faces have masks and points and are rendered in batches of 32.
    """
    data = GeneratedFaces(seed=1, size=128, domain=domain, device=device)
    data.batch(range(32))
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, faces, 32):
        data.batch(range(start, min(faces, start + 32)))
    if device != "cpu":
        torch.cuda.synchronize()
    return faces / (time.perf_counter() - wall), faces / max(time.process_time() - cpu, 1e-9)


def detection(domain: str, faces: int) -> dict[str, tuple[float, float]]:
    """Return two shares per cascade: found of all faces, and of those with |roll| <= 15 degrees.

    A face is found if a box contains the middle of its points.
    """
    data = GeneratedFaces(seed=5, size=256, domain=domain, yaw=(-20.0, 20.0))
    finders = {
        name: cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_{name}.xml") for name in CASCADES
    }
    found: dict[str, list[bool]] = {name: [] for name in CASCADES}
    upright: list[bool] = []
    for start in range(0, faces, 16):
        batch = data.batch(range(start, min(faces, start + 16)), want=("image", "landmarks68", "pose"))
        for image, points, pose in zip(batch["image"], batch["landmarks68"], batch["pose"], strict=True):
            grey = cv2.cvtColor(image.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY)
            x, y = points.mean(0).tolist()
            upright.append(abs(float(pose[2])) <= 15)
            for name, (step, neighbours) in CASCADES.items():
                boxes = finders[name].detectMultiScale(grey, step, neighbours, minSize=(80, 80))
                found[name].append(any(left < x < left + w and top < y < top + h for left, top, w, h in boxes))
    straight = np.array(upright)
    return {name: (float(np.mean(hits)), float(np.array(hits)[straight].mean())) for name, hits in found.items()}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    print(f"threads {torch.get_num_threads()}, load of the machine {os.getloadavg()[0]:.1f}")
    for domain in ("studio", "wild"):
        wall, core = speed(domain, args.device, args.faces)
        print(f"{domain:7s} 128 px: {wall:6.1f} faces/s ({core:.1f} per core-second)")
    for domain in ("studio", "wild"):
        for name, (share, straight) in detection(domain, args.faces).items():
            print(f"{domain:7s} 256 px, yaw within 20: {name:8s} finds {share:.1%}, {straight:.1%} where |roll| <= 15")


if __name__ == "__main__":
    main()
