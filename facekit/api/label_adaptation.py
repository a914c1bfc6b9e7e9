"""`facekit.adapt_labels`: a parser's label maps, brought to what another data set's annotators draw."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

import torch
from torch import Tensor

from ..backbones.synthparse.config import EPOCHS, PAPER
from ..backbones.synthparse.imagenet_weights import imagenet_state
from ..backbones.synthparse.label_adapter import LabelAdaptation, LabelAdapter
from ..backbones.synthparse.network import ParserSize
from ..core.arguments import check_checkpoint, check_progress, check_seed
from ..core.device import pick_device
from ..core.global_state import default_settings, seeded_random
from ..core.output_paths import check_output
from ..images.stream import stream_images
from ..model import Model
from ..tasks import SegmentationTask
from ..training.config import Adaptation
from ..training.crops import check_faces, training_crops
from ..training.loop import Progress, check_finite, train
from .ready_models import resolve_model

# Of an adapter's encoder.
WEIGHTS = ("auto", "imagenet", "none")


@default_settings()
def adapt_labels(
    model: Model | str | os.PathLike[str],
    images: Any,
    labels: Any,
    *,
    names: Any = None,
    reads: str = "onehot",
    decoder: str = "unet",
    encoder: str = "mobilenet_v2",
    decoder_channels: tuple[int, ...] | None = None,
    weights: str = "auto",
    faces: Any = None,
    steps: int | None = None,
    batch_size: int = PAPER.batch_size,
    lr: float = PAPER.lr,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
) -> Model:
    """Train a label adapter on a parser (synthparse sections 2.2 and 3.2) and give back the parser with it.

    model: for segmentation, or its file or ready name; it does not change. images, labels: faces of the target, as in
    `facekit.adapt`. names: the target's label set; None is the model's own. The adapter is trained on what the model
    says about these faces against their labels, never on their pixels, turned by up to 11 degrees and in perspective.
    Predictions of the new model are the adapter's, and hold the parser's in `naked`; `new.naked` is the parser alone.
    reads: "onehot" (one channel a class) or "ids" (the paper's code: the numbers in three equal channels). decoder,
    encoder, decoder_channels: of the segmentation model inside. weights: of its encoder, "auto" (ImageNet's if they are
    on this machine), "imagenet" or "none". steps: None is 30 epochs.
    Raises ValueError as `facekit.adapt`, and for a model that is not for segmentation or has an adapter already. Warns
    of classes that no mask holds, and where the model says the same of every pixel, so that there is nothing to learn.
    """
    model = resolve_model(model)
    if not isinstance(model.task, SegmentationTask):
        raise ValueError(f"a model for {model.task.name} came: label adapters are for segmentation")
    if model.adapter is not None:
        raise ValueError("this model has a label adapter already: pass model.naked")
    if weights not in WEIGHTS:
        raise ValueError(f"weights={weights!r}: expected one of {', '.join(map(repr, WEIGHTS))}")
    rates = Adaptation(steps=1 if steps is None else steps, batch_size=batch_size, lr=lr)
    check_progress(progress)
    check_checkpoint(checkpoint)
    if checkpoint is not None:
        checkpoint = check_output(checkpoint)
    seed = check_seed(seed)
    size = ParserSize(decoder, encoder, model.input_size, decoder_channels)
    started, chosen = time.monotonic(), pick_device(device)
    photos = stream_images(images)
    check_faces(faces, len(photos.names), model.align)
    target, clean = SegmentationTask.from_labels(labels, model.task.labels if names is None else names, photos)
    crops, masks = training_crops(photos, clean, target, model.align, faces, model.input_size)
    target = SegmentationTask(target.labels, "sigmoid").balanced(masks)
    model.to(chosen)
    said = torch.cat([model.maps(part.float() / 255).argmax(1).to("cpu", torch.uint8) for part in crops.split(32)])
    if len(said.unique()) == 1:
        everywhere = model.task.labels.classes[int(said[0, 0, 0])]
        came = f"the model says {everywhere!r} at every pixel of all {len(said)} faces"
        warnings.warn(f"{came}, expected several classes: check its align, and that it is trained", stacklevel=3)
    with seeded_random(seed):
        network = LabelAdapter(size, model.task.channels, target.channels, reads)
    if weights != "none":
        _start(network.model.encoder, imagenet_state(encoder, download=weights == "imagenet"))
    network.start_from(said, masks)
    total = rates.steps if steps is not None else EPOCHS * -(-len(crops) // rates.batch_size)
    program = LabelAdaptation(network, said, masks, target.loss, rates.batch_size, rates.lr, chosen, seed)
    losses = train(program, total, checkpoint=checkpoint, progress=progress, name="adapting labels")
    check_finite(network.state_dict(), f"after step {total - 1}, the last one")
    about = {
        "faces": len(clean), "seed": seed, "reads": reads, "steps": total, "loss": losses.get("loss"),
        "seconds": round(time.monotonic() - started, 1),
    }  # fmt: skip
    return Model(
        model.backbone, model.network, model.task, model.align, {**model.about, "adapter": about}, network, target
    )


def _start(encoder: Any, known: dict[str, Tensor] | None) -> None:
    """ImageNet's weights, but for a first layer that sees classes where theirs saw colours."""
    if known is not None:
        own = encoder.state_dict()
        fitting = {k: v for k, v in known.items() if k in own and own[k].shape == v.shape}
        encoder.load_state_dict(own | fitting)
