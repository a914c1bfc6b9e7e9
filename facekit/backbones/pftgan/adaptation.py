"""Adapt the two streams and the pixel classifiers to labelled faces (PFTGAN section 3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ...core.random_streams import generator_for
from ...tasks import ImageToImageTask, SegmentationTask, Task
from ...training.adapted_network import AdaptedNetwork
from ...training.finetune import FineTuning
from ...training.loop import Program
from ...training.sequence import Stage, StagedProgram
from ...training.views import AugmentedViews, TrainingData
from .classifier_setup import check_parts, head_steps, pixel_fitting
from .config import PFTGANAdaptation
from .inversion_training import Refining, images_of
from .network import PFTGANNetwork
from .perceptual_distance import perceptual
from .progressive_stages import Labelled, StreamTuning, Support
from .stylegan2 import Generator
from .two_stream import TwoStream, label_image, resized_masks, spread_palette

# Generated images for the image stream if the user gave no support images.
_GENERATED_SUPPORT = 64
_BATCH = 32


class LatentCodes(nn.Module):
    """Codes of the labelled views as a module, so that a checkpoint holds them."""

    def __init__(self, codes: Tensor):
        """Store codes of shape (V, L, w_dim)."""
        super().__init__()
        self.codes: Tensor
        self.register_buffer("codes", codes)


def stream_adaptation(
    network: PFTGANNetwork,
    generator: Generator,
    task: Task,
    data: TrainingData,
    config: PFTGANAdaptation,
    device: torch.device,
    seed: int = 0,
    parser: Callable[[], AdaptedNetwork] | None = None,
) -> StagedProgram:
    """Return the training: refined codes, the stages of Algorithm 1, the heads.

    For parts, the segmentation stream learns the masks as colours, and pixel classifiers learn from its maps (sections
    3.2 and 3.3). The paper does not treat landmarks and images. Here landmarks are heatmaps that one classifier learns
    on whole maps of the generator as it is, and images are what the segmentation stream itself learns to generate.

    Args:
        network: The network. Its stream is replaced by the tuned one, its heads are trained.
        generator: Both streams start as this generator.
        task: The task.
        data: Crops, labels, and unlabelled support images or None.
        config: Settings.
        device: Where to train.
        seed: Seed of all random numbers.
        parser: Returns the ready parser's network, for ``config.perceptual="parser"``.

    Raises:
        ValueError: If masks hold fewer than two classes.
    """
    network = network.to(device)
    views = AugmentedViews(task, data, config, network.input_size, device, seed)
    numbers = torch.arange(views.count).split(_BATCH)
    images = torch.cat([views.images(part) for part in numbers])
    moved = torch.cat([views.labels(part) for part in numbers])
    distance = perceptual(config.perceptual, parser).to(device)
    latent_codes = LatentCodes(_encoded(network, images))
    streams = TwoStream(generator.synthesis, config.shared, config.image_stream)
    masks = _masks(task, moved, network.input_size)
    labelled = _labelled(task, latent_codes.codes, images, moved, masks, device)
    support = _support(network, generator, data.support, device, seed)
    tuned = config.stages if isinstance(task, SegmentationTask | ImageToImageTask) else ""

    def use_tuned_stream() -> None:
        network.stream.load_state_dict(streams.segmentation.state_dict())

    def begin_heads() -> Program:
        use_tuned_stream()
        if masks is None:
            return FineTuning(network, task, data, config, device, seed)
        assert network.heads is not None

        def maps(n: int) -> list[Tensor]:
            return network.maps(latent_codes.codes[n : n + 1])

        return pixel_fitting(network.heads, maps, masks, config, device, seed)

    def tuning(stage: int) -> Program:
        return StreamTuning(streams, labelled, support, distance, config, stage, device, seed)

    stages = [Stage(config.refine, lambda: Refining(network.stream, latent_codes.codes, images, distance))]
    stages += [Stage(config.steps, partial(tuning, i), use_tuned_stream) for i in range(len(tuned))]
    if network.heads is not None:
        stages.append(Stage(config.steps if masks is None else head_steps(config), begin_heads))
    return StagedProgram(stages, {"codes": latent_codes, "streams": streams})


@torch.no_grad()
def _encoded(network: PFTGANNetwork, images: Tensor) -> Tensor:
    """Return the codes (V, L, w_dim) of images (V, 3, S, S) in [0, 1]."""
    return torch.cat([network.frozen_features(part)[0] for part in images.split(_BATCH)])


def _masks(task: Task, moved: Tensor, side: int) -> Tensor | None:
    """Return masks (V, side, side) for segmentation, else None."""
    if not isinstance(task, SegmentationTask):
        return None
    masks = resized_masks(moved, side)
    check_parts(masks)
    return masks


def _labelled(
    task: Task, codes: Tensor, images: Tensor, moved: Tensor, masks: Tensor | None, device: torch.device
) -> Labelled:
    """Return what the segmentation stream is to generate for each view."""
    shown = 2 * images - 1
    if isinstance(task, ImageToImageTask):
        return Labelled(codes, shown, 2 * moved - 1, torch.ones_like(moved[:, :1]))
    if masks is None:
        return Labelled(codes, shown, shown, torch.ones_like(shown[:, :1]))
    palette = torch.from_numpy(spread_palette(task.channels)).float().to(device) / 127.5 - 1
    return Labelled(codes, shown, *label_image(masks, palette))


@torch.no_grad()
def _support(
    network: PFTGANNetwork, generator: Generator, support: Tensor | None, device: torch.device, seed: int
) -> Support:
    """Return the image stream's images: the user's, or generated ones."""
    if support is None:
        z = torch.randn(_GENERATED_SUPPORT, generator.size.z_dim, generator=generator_for(seed, 0, 18))
        codes = generator.to(device).codes(z.to(device), truncation=0.7)
        return Support(codes, 2 * images_of(generator.synthesis, codes).clamp(0, 1) - 1)
    images = support.to(device).float() / 255
    return Support(_encoded(network, images), 2 * images - 1)
