"""Measure PFTGAN with files of the published sizes: NVIDIA's generator of 256 px and an e4e encoder.

    python -m benchmarks.speed.pftgan_full_size [--steps N] [--classifier-epochs N]

The files have the formats of the published ones and random values, which cost the same time and memory. One labelled
face of six classes is adapted by the quick recipe, with ``--steps`` steps per stage instead of its 200; the time of all
steps is computed from the mean of the last half. The random generator shows no faces, so no score is printed. Times
are of the wall clock, so the machine must be idle. Peak memory is that of the system (VmHWM). Linux only.
"""

from __future__ import annotations

import argparse
import logging
import pickle
import platform
import statistics
import sys
import tempfile
import time
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

import facekit
from facekit.backbones.pftgan.backbone import PFTGAN
from facekit.backbones.pftgan.config import QUICK
from facekit.backbones.pftgan.generator_setup import SIZES
from facekit.backbones.pftgan.inversion_encoder import ReferenceEncoder
from facekit.backbones.pftgan.stylegan2 import Generator
from facekit.labels import FASSEG_6, segmentation_map
from facekit.model import find_backbone

_PERSISTENCE = "torch_utils.persistence"
_BUFFERS = ("w_avg", "noise_const", "resample_filter")


class Persistent(nn.Module):
    """A module that pickles itself as the classes of NVIDIA's code do: state and source code, no import of facekit."""

    def __reduce__(self) -> Any:
        state = dict(vars(self))
        for name in ("_parameters", "_buffers", "_modules"):
            state[name] = OrderedDict(state[name])
        meta = {"type": "class", "version": 6, "module_src": "", "class_name": "Generator", "state": state}
        return sys.modules[_PERSISTENCE]._reconstruct_persistent_obj, (meta,), None


def write_pickle(path: Path) -> None:
    """Write a random generator of 256 px as NVIDIA's network pickle."""
    size = SIZES["256"]
    top: Any = Persistent()
    for name, tensor in Generator(size).state_dict().items():
        *modules, last = name.split(".")
        part = top
        for module in modules:
            if module not in part._modules:
                part.add_module(module, Persistent())
            part = part._modules[module]
        if last in _BUFFERS:
            part.register_buffer(last, tensor)
        else:
            part.register_parameter(last, nn.Parameter(tensor))
    top._init_args = ()
    top._init_kwargs = {
        "z_dim": size.z_dim,
        "c_dim": 0,
        "w_dim": size.w_dim,
        "img_resolution": size.resolution,
        "img_channels": 3,
        "mapping_kwargs": {"num_layers": size.mapping_layers},
        "synthesis_kwargs": {"channel_base": size.channel_base, "channel_max": size.channel_max},
    }

    def rebuild(meta: dict[str, Any]) -> None:
        """Stand for the function of NVIDIA's code. Only its name is in the file."""

    rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = (_PERSISTENCE, *["_reconstruct_persistent_obj"] * 2)
    stand_in: Any = ModuleType(_PERSISTENCE)
    stand_in._reconstruct_persistent_obj = rebuild
    sys.modules |= {"torch_utils": ModuleType("torch_utils"), _PERSISTENCE: stand_in}
    path.write_bytes(pickle.dumps({"G": None, "D": None, "G_ema": top}))
    del sys.modules["torch_utils"], sys.modules[_PERSISTENCE]


def write_encoder(path: Path) -> None:
    """Write a random e4e encoder as its published files are."""
    size = SIZES["256"]
    encoder = ReferenceEncoder("Encoder4Editing", size.codes, w_dim=size.w_dim)
    state = {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items() if name != "latent_avg"}
    opts = {"encoder_type": "Encoder4Editing", "stylegan_size": size.resolution, "start_from_latent_avg": True}
    torch.save({"state_dict": state, "latent_avg": torch.zeros(size.codes, size.w_dim), "opts": opts}, path)


def peak() -> float:
    """Return the peak memory of this process in GB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e6


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8, help="steps per stage that are measured")
    parser.add_argument("--classifier-epochs", type=int, help="epochs of the classifiers instead of the recipe's")
    a = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = QUICK["segmentation"]
    settings = {} if a.classifier_epochs is None else {"classifier_epochs": a.classifier_epochs}
    faces = facekit.data.samples()
    masks = segmentation_map(faces.mask_labels, FASSEG_6)[faces.masks[:1]]
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "ffhq256.pkl"), Path(folder, "e4e.pt")
        write_pickle(files[0])
        write_encoder(files[1])
        megabytes = [round(file.stat().st_size / 1e6) for file in files]
        print(f"files: generator {megabytes[0]} MB, encoder {megabytes[1]} MB; peak so far {peak():.2f} GB", flush=True)
        begun = time.perf_counter()
        backbone = find_backbone("pftgan")
        assert isinstance(backbone, PFTGAN)
        backbone.load_pair(*files)
        print(f"reading both: {time.perf_counter() - begun:.1f} s", flush=True)
        begun = time.perf_counter()
        model = facekit.adapt(
            faces.images[:1],
            list(masks),
            "segmentation",
            "pftgan",
            names=FASSEG_6,
            weights=files[0],
            inversion=str(files[1]),
            steps=a.steps,
            progress=lambda done, total, losses: ends.append(time.perf_counter()),
            **settings,
        )
        adapted = time.perf_counter() - begun
    tuning = ends[: a.steps * len(recipe.stages)]
    pauses = np.diff(tuning)
    step = float(np.mean(pauses[len(pauses) // 2 :]))
    rest = adapted - (tuning[-1] - begun)
    first = tuning[0] - begun
    whole = first + step * recipe.steps * len(recipe.stages) + rest
    single = []
    for image in faces.images[1:4]:
        begun = time.perf_counter()
        model.predict(image)
        single.append(time.perf_counter() - begun)
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"until the first step {first:.0f} s, per step {step:.2f} s, classifiers {rest:.0f} s; peak {peak():.2f} GB")
    print(f"one-shot adaptation with {recipe.steps} steps per stage: {whole / 60:.1f} min")
    print(f"a prediction: {1000 * statistics.median(single):.0f} ms")


if __name__ == "__main__":
    main()
