"""Record what public calls return, and compare two records: a check that a change of form changes no result.

    python tests/witness.py record FILE.npz     # outputs of all calls below, with fixed seeds
    python tests/witness.py compare A.npz B.npz # largest difference per call; exit code 1 above the bound

Record both files on the same machine with the same OMP_NUM_THREADS. Images are generated faces and scikit-image's
astronaut, so no data is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

BOUND = 1e-6
EMBEDDED_GENERATOR = Path(__file__).parents[1] / "facekit" / "zoo" / "weights" / "pftgan-mini.safetensors"
Outputs = dict[str, Any]
RECORDS: dict[str, Callable[[Path], Outputs]] = {}


def recorded(function: Callable[[Path], Outputs]) -> Callable[[Path], Outputs]:
    RECORDS[function.__name__] = function
    return function


def one(result: Any) -> Any:
    """Return the first face of a searched image, or the result itself."""
    return result[0] if isinstance(result, list) else result


def arrays(result: Any) -> Outputs:
    """Return the arrays of one result."""
    result = one(result)
    names = ("points", "scores", "mask", "picture", "probabilities")
    found = {name: np.asarray(getattr(result, name)) for name in names if hasattr(result, name)}
    box = getattr(result, "box", None)
    return found if box is None else {**found, "box": np.asarray(box, np.float64)}


def faces() -> dict[str, Any]:
    from facekit.data.synthetic_faces.generator import GeneratedFaces

    batch = GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(4), want=("image", "mask", "landmarks68"))
    return {k: batch[k] for k in ("image", "mask", "landmarks68")}


def labels_of(batch: dict[str, Any], task: str) -> tuple[Any, Any]:
    from facekit.labels import FACEKIT_27, HELEN_11, segmentation_map

    if task == "landmarks":
        return batch["landmarks68"], "68"
    if task == "segmentation":
        return segmentation_map(FACEKIT_27, HELEN_11)[batch["mask"].numpy()], HELEN_11
    if task == "stylization":
        return 255 - batch["image"], None
    if task == "attributes":
        return np.array([[0, 1], [1, 0], [1, np.nan], [0, 0]]), ["smiling", "young"]
    return None, None


@recorded
def generated(_: Path) -> Outputs:
    return {k: v.numpy() for k, v in faces().items()}


@recorded
def generated_animals(_: Path) -> Outputs:
    from facekit.data.synthetic_cats import GeneratedAnimals

    batch = GeneratedAnimals(seed=1, size=96).batch(range(2))
    return {k: v.numpy() for k, v in batch.items() if isinstance(v, torch.Tensor)}


@recorded
def found_faces(_: Path) -> Outputs:
    import facekit
    from facekit.cli.quickstart import astronaut

    return {"boxes": np.array([face.box for face in facekit.find_faces(astronaut())])}


def ready(name: str) -> Callable[[Path], Outputs]:
    def run(_: Path) -> Outputs:
        import facekit
        from facekit.cli.quickstart import astronaut

        outputs = {f"photo {k}": v for k, v in arrays(facekit.predict(name, astronaut())).items()}
        batch = faces()["image"]
        for i, result in enumerate(facekit.predict(name, batch, align="none")):
            outputs |= {f"crop {i} {k}": v for k, v in arrays(result).items()}
        return outputs

    return run


READY = ("landmarks", "segmentation", "segmentation-fasseg", "attributes", "farl-landmarks", "farl-segmentation")
for _name in (*READY, "sketch", "sketch-fs2k", "shadow-removal"):
    RECORDS[f"ready {_name}"] = ready(_name)


def adapted(backbone: str, task: str, **settings: Any) -> Callable[[Path], Outputs]:
    def run(folder: Path) -> Outputs:
        import facekit

        batch = faces()
        labels, names = labels_of(batch, task)
        made = {"steps": 4, "batch_size": 4, "least_views": 8, "progress": False, "device": "cpu", **settings}
        model = facekit.adapt(batch["image"], labels, task, backbone, names=names, **made)
        model.save(folder / "model.facekit")
        again = facekit.load(folder / "model.facekit", device="cpu")
        x = torch.rand(2, 3, model.input_size, model.input_size, generator=torch.Generator().manual_seed(3))
        outputs = {"maps": model.maps(x).numpy(), "maps of the file": again.maps(x).numpy()}
        if labels is not None:
            scores = facekit.evaluate(model, batch["image"], labels)
            outputs |= {f"score {name}": np.array(value) for name, value in scores.items()}
        return outputs | arrays(facekit.predict(model, batch["image"][0]))

    return run


for _backbone, _tasks in {
    "fsma": ("landmarks", "segmentation", "stylization", "shadow_removal"),
    "synthparse": ("landmarks", "segmentation", "stylization", "shadow_removal"),
    "farl": ("landmarks", "segmentation", "stylization", "shadow_removal", "attributes"),
    "pftgan": ("landmarks", "segmentation", "stylization"),
}.items():
    for _task in _tasks:
        _more = {"views": 1, "classifier_epochs": 2, "pixels": 500, "refine": 1} if _backbone == "pftgan" else {}
        RECORDS[f"adapt {_backbone} {_task}"] = adapted(_backbone, _task, **_more)
RECORDS["adapt fsma aligned"] = adapted("fsma", "landmarks", align="landmarks")
RECORDS["adapt farl tanh"] = adapted("farl", "segmentation", align="tanh")
RECORDS["adapt synthparse paper"] = adapted(
    "synthparse", "segmentation", recipe="paper-mobilenet_v2", weights="none", input_size=64
)


@recorded
def adapted_labels(_: Path) -> Outputs:
    import facekit
    from facekit.model import ready_model

    batch = faces()
    masks, names = labels_of(batch, "segmentation")
    parser = ready_model("segmentation")
    model = facekit.adapt_labels(
        parser, batch["image"], masks, names=names, weights="none", steps=2, batch_size=4, device="cpu", progress=False
    )
    return {f"face {k}": v for k, v in arrays(facekit.predict(model, batch["image"][0], align="none")).items()}


@recorded
def words(_: Path) -> Outputs:
    import facekit
    from facekit.cli.quickstart import astronaut

    texts = ["a woman with long hair", "a man with a beard"]
    heat = facekit.explain(astronaut(), "an orange suit").heat
    return {"match": facekit.match(faces()["image"], texts), "heat": heat}


@recorded
def uncertain(_: Path) -> Outputs:
    import facekit

    batch = faces()
    masks, names = labels_of(batch, "segmentation")
    short = {"views": 1, "classifier_epochs": 2, "pixels": 500, "members": 2, "steps": 2, "batch_size": 2}
    model = facekit.adapt(
        batch["image"][:2], masks[:2], "segmentation", "pftgan", names=names, progress=False, device="cpu", **short
    )
    return {"nats": facekit.uncertainty(model, batch["image"][2])}


@recorded
def resumed(folder: Path) -> Outputs:
    import facekit

    class Stopped(Exception):  # noqa: N818
        pass

    def stop(done: int, steps: int, losses: dict[str, float]) -> None:
        if done == 4:
            raise Stopped

    batch = faces()
    settings: dict[str, Any] = {"steps": 6, "batch_size": 2, "least_views": 8, "device": "cpu"}
    settings |= {"checkpoint": folder / "run.pt", "names": "68"}
    from facekit.training import loop as training

    save_every = training.train.__kwdefaults__["save_every"] if training.train.__kwdefaults__ else None
    try:
        if save_every is not None:
            training.train.__kwdefaults__["save_every"] = 0.0
        with contextlib.suppress(Stopped):
            facekit.adapt(batch["image"], batch["landmarks68"], progress=stop, **settings)
        model = facekit.adapt(batch["image"], batch["landmarks68"], progress=False, **settings)
    finally:
        if save_every is not None:
            training.train.__kwdefaults__["save_every"] = save_every
    return {"maps": model.maps(torch.full((1, 3, model.input_size, model.input_size), 0.5)).numpy()}


def pretrained(kind: str, source: str = "generated:8", **settings: Any) -> Callable[[Path], Outputs]:
    def run(folder: Path) -> Outputs:
        from safetensors.torch import load_file

        import facekit

        out = folder / f"{kind}.safetensors"
        made = {"steps": 2, "batch_size": 4, "progress": False, "device": "cpu", "pool": folder, **settings}
        images = source
        if source == "shards":
            from facekit.api.shards import make_shards

            images = str(folder / "shards")
            make_shards(["generated:8"], images, size=128, progress=False, score=0.0)
        losses = facekit.pretrain(kind, images, out=out, **made)
        state = load_file(out)
        sums = [float(v.double().abs().sum()) for _, v in sorted(state.items())]
        # Sorted by the names of earlier versions, so that records of them can be compared.
        named = {name.replace("discriminator", "critic"): value for name, value in losses.items()}
        return {"losses": np.array([v for _, v in sorted(named.items())]), "sums": np.array(sums)}

    return run


RECORDS["pretrain fsma"] = pretrained("fsma")
RECORDS["pretrain farl"] = pretrained("farl", "shards")
RECORDS["pretrain inversion"] = pretrained("inversion", weights=EMBEDDED_GENERATOR)
RECORDS["pretrain tokenizer"] = pretrained("tokenizer")
RECORDS["pretrain stylegan2"] = pretrained("stylegan2")
RECORDS["pretrain stylegan2 projected"] = pretrained("stylegan2", projected=True, r1=0.0, reconstructed=2)


@recorded
def label_files(folder: Path) -> Outputs:
    """Write every label format, then read it back: digests of the files and the labels."""
    from PIL import Image

    from facekit.annotations import read_labels, write_labels
    from facekit.labels import HELEN_11

    batch = faces()
    images = []
    for i, image in enumerate(batch["image"].permute(0, 2, 3, 1).numpy()):
        images.append(folder / f"{i}.png")
        Image.fromarray(image).save(images[-1])
    masks, _ = labels_of(batch, "segmentation")
    outputs: Outputs = {}
    for task, labels, names, formats in (
        ("landmarks", batch["landmarks68"].numpy(), "68", ("labelme", "coco", "pts")),
        ("segmentation", list(masks), HELEN_11, ("labelme", "coco", "png")),
    ):
        for form in formats:
            target = folder / f"{task} {form}"
            target.mkdir()
            for image in images:
                (target / image.name).write_bytes(image.read_bytes())
            beside = [target / image.name for image in images]
            out = target if form != "png" else folder / f"{task} png masks"
            out.mkdir(exist_ok=True)
            written = out / "labels.json" if form == "coco" else out
            write_labels(written, beside, labels, task, names, format=form)
            for file in sorted(out.iterdir()):
                if file.name not in {image.name for image in images} or form == "png":
                    digest = hashlib.sha256(file.read_bytes()).digest()[:8]
                    outputs[f"{task} {form} {file.name}"] = np.frombuffer(digest, np.uint64)
            found = read_labels(written, task, images=target)
            outputs[f"{task} {form} read"] = np.stack([np.asarray(label) for label in found.labels])
    return outputs


def record(out: Path) -> None:
    """Run all calls and write their outputs to one .npz file."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    everything: dict[str, Any] = {}
    for name, run in RECORDS.items():
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = run(Path(folder))
        everything |= {f"{name}: {key}": np.asarray(value) for key, value in outputs.items()}
        print(f"{name}: {len(outputs)} arrays, {time.monotonic() - started:.1f} s", flush=True)
    np.savez_compressed(out, **everything)


def compare(first: Path, second: Path) -> int:
    """Print the largest difference per call. Returns 1 if a difference exceeds `BOUND` or an output is missing."""
    a, b = np.load(first), np.load(second)
    worst: dict[str, float] = {}
    for key in sorted({*a.files, *b.files}):
        call = key.split(": ")[0]
        if key not in a.files or key not in b.files or a[key].shape != b[key].shape:
            difference = float("inf")
        elif a[key].dtype.kind not in "fiub" or a[key].dtype == np.uint64:
            difference = 0.0 if np.array_equal(a[key], b[key]) else float("inf")
        else:
            x, y = a[key].astype(np.float64), b[key].astype(np.float64)
            both = np.isnan(x) & np.isnan(y)
            gap = np.where(both, 0.0, np.abs(x - y))
            difference = float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0))
        worst[call] = max(worst.get(call, 0.0), difference)
    print(json.dumps(worst, indent=1))
    return int(max(worst.values()) > BOUND)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "record":
        record(Path(sys.argv[2]))
    elif len(sys.argv) == 4 and sys.argv[1] == "compare":
        sys.exit(compare(Path(sys.argv[2]), Path(sys.argv[3])))
    else:
        sys.exit(__doc__)
