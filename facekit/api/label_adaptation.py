"""`facekit.adapt_labels`: adapt the predictions of a face parser to the label conventions of another data set."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

import torch
from torch import Tensor

from ..alignment import FaceBoxes
from ..annotations.label_items import Labels
from ..backbones.synthparse.config import EPOCHS, PAPER
from ..backbones.synthparse.imagenet_weights import imagenet_state
from ..backbones.synthparse.label_adapter import READS, LabelAdaptation, LabelAdapter
from ..backbones.synthparse.network import ParserSize
from ..core.arguments import check_choice, check_progress, check_seed
from ..core.array_digest import tensor_digest
from ..core.device import pick_device
from ..core.global_state import default_settings, seeded_random
from ..core.output_paths import check_checkpoint
from ..images.stream import stream_images
from ..images.types import Images
from ..model import CROPPER, Model, resolve_model
from ..tasks import SegmentationTask
from ..training.config import Adaptation
from ..training.crops import check_faces
from ..training.loop import Progress, check_finite, check_resumable, train
from .training_identity import LabelledImages, labels_identity

# Weights of an adapter's encoder.
WEIGHTS = ("auto", "imagenet", "none")


@default_settings()
def adapt_labels(
    model: Model | str | os.PathLike[str],
    images: Images,
    labels: Labels,
    *,
    names: Any = None,
    reads: str = "onehot",
    decoder: str = "unet",
    encoder: str = "mobilenet_v2",
    decoder_channels: tuple[int, ...] | None = None,
    weights: str = "auto",
    faces: FaceBoxes | None = None,
    steps: int | None = None,
    batch_size: int = PAPER.batch_size,
    lr: float = PAPER.lr,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
) -> Model:
    """Train a label adapter for a segmentation model (synthparse sections 2.2 and 3.2).

    The adapter learns from the parser's label maps and the target labels of the same faces, never from pixels. The maps
    are turned by up to 11 degrees and moved in perspective. Results of the new model hold the adapter's mask, and
    in ``unadapted`` the parser's mask.

    Args:
        model: A segmentation model, its file, or the name of a ready one. It is not changed.
        images: Faces with labels of the target, as in `facekit.adapt`.
        labels: One mask (H, W) of the target's class ids per image, 255 = ignored.
        names: Label set of the target. None is the model's own.
        reads: "onehot" (one input channel per class) or "ids" (the ids in three equal channels, as the paper's code).
        decoder: Decoder of the segmentation model inside.
        encoder: Encoder of the segmentation model inside.
        decoder_channels: Channels of its five stages with decoder="unet".
        weights: Weights of the encoder: "auto" (ImageNet's if they are on this machine), "imagenet" or "none".
        faces: One face box (x0, y0, x1, y1) per image instead of face detection.
        steps: Number of steps. None is 30 epochs.
        batch_size: Faces per step.
        lr: Learning rate.
        checkpoint: File of the training state. An interrupted training resumes from it. Other images, labels or
            settings than those that it was begun with raise an error.
        device: Where to train. None is the best available device.
        seed: Seed of all random numbers.
        progress: True for a bar, False for none, or a function (steps done, steps, losses).

    Returns:
        A new model: the parser with the adapter. Its ``unadapted`` is the parser alone.

    Raises:
        ValueError: As in `facekit.adapt`, and if the model is not for segmentation or has an adapter already.
    """
    model = resolve_model(model)
    if not isinstance(model.task, SegmentationTask):
        raise ValueError(f"model: expected one for segmentation, got one for {model.task.name}; pass a parser")
    if model.adapter is not None:
        raise ValueError("model: expected one without a label adapter, got one with it already; pass model.unadapted")
    check_choice(weights, "weights", WEIGHTS)
    check_choice(reads, "reads", READS)
    rates = Adaptation(steps=1 if steps is None else steps, batch_size=batch_size, lr=lr)
    check_progress(progress)
    checkpoint = check_checkpoint(checkpoint)
    seed = check_seed(seed)
    size = ParserSize(decoder, encoder, model.input_size, decoder_channels)
    started, target_device = time.monotonic(), pick_device(device)
    batch = stream_images(images)
    check_faces(faces, len(batch.names), model.align)
    parsed = SegmentationTask.parse(labels, model.task.labels if names is None else names, batch)
    target = SegmentationTask(parsed.label_set, "sigmoid")
    identity: dict[str, str] = {}
    if checkpoint is not None:
        settings = {"size": size, "reads": reads, "weights": weights, "steps": steps, "batch_size": batch_size}
        settings |= {"lr": lr, "seed": seed}
        identity = {
            **labels_identity(target, LabelledImages(batch, parsed.clean, faces)),
            "model": tensor_digest(model.network.state_dict()),
            **{name: str(value) for name, value in settings.items()},
        }
        check_resumable(checkpoint, identity)
    crops, masks = CROPPER.training_crops(batch, parsed.clean, target, model.align, faces, model.input_size)
    target.check_crops(masks)
    model.to(target_device)
    predicted = torch.cat([model.maps(part.float() / 255).argmax(1).to("cpu", torch.uint8) for part in crops.split(32)])
    if len(predicted.unique()) == 1:
        class_name = model.task.labels.classes[int(predicted[0, 0, 0])]
        problem = f"the model predicts {class_name!r} at every pixel of all {len(predicted)} faces"
        warnings.warn(f"{problem}, expected several classes: check its align, and that it is trained", stacklevel=3)
    with seeded_random(seed):
        network = LabelAdapter(size, model.task.channels, target.channels, reads)
    if weights != "none":
        _start(network.model.encoder, imagenet_state(encoder, download=weights == "imagenet"))
    network.start_from(predicted, masks)
    total = rates.steps if steps is not None else EPOCHS * -(-len(crops) // rates.batch_size)
    program = LabelAdaptation(
        network, predicted, masks, target.loss_function(masks), rates.batch_size, rates.lr, target_device, seed
    )
    losses = train(program, total, checkpoint=checkpoint, progress=progress, name="adapting labels", identity=identity)
    check_finite(network.state_dict(), f"after step {total - 1}, the last one")
    about = {
        "faces": len(parsed.clean),
        "seed": seed,
        "reads": reads,
        "steps": total,
        "loss": losses.get("loss"),
        "seconds": round(time.monotonic() - started, 1),
    }
    return Model(
        model.backbone, model.network, model.task, model.align, {**model.about, "adapter": about}, network, target
    )


def _start(encoder: Any, state: dict[str, Tensor] | None) -> None:
    """Load ImageNet's weights. A first layer for classes instead of colours keeps its own."""
    if state is not None:
        current = encoder.state_dict()
        fitting = {k: v for k, v in state.items() if k in current and current[k].shape == v.shape}
        encoder.load_state_dict(current | fitting)
