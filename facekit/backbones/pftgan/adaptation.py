"""Adapt the two streams and the pixel classifiers to labelled faces (PFTGAN section 3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...core.random_streams import generator_for
from ...tasks import ImageToImageTask, Task
from ...training.adapted_network import AdaptedNetwork
from ...training.loop import Program
from ...training.sequence import Stage, StagedProgram
from ...training.views import AugmentedViews, TrainingData
from .classifier_setup import check_memory, check_parts, pixel_fitting
from .config import PFTGANAdaptation
from .generator_files import generator_digest
from .inversion_training import Refining, images_of
from .known_codes import read_codes
from .label_fit import label_fit
from .network import PFTGANNetwork
from .perceptual_distance import ResizedDistance, perceptual
from .progressive_stages import Labelled, StreamTuning, Support, estimate_stages
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
    load_generator: Callable[[], Generator],
    task: Task,
    data: TrainingData,
    config: PFTGANAdaptation,
    device: torch.device,
    seed: int = 0,
    parser: Callable[[], AdaptedNetwork] | None = None,
) -> StagedProgram:
    """Return the training for parts and images: refined codes, the stages of Algorithm 1, the classifiers.

    For parts, the segmentation stream learns the masks as colours, and pixel classifiers learn from its maps (sections
    3.2 and 3.3). The paper does not treat images. Here the segmentation stream itself generates them.

    Args:
        network: The network. Both streams start as its stream, which is replaced by the tuned one. Its classifiers are
            trained.
        load_generator: Returns the generator of that stream. It makes the support images if there are none.
        task: A task of parts or images.
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
    distance = ResizedDistance(perceptual(config.perceptual, parser), config.distance_side).to(device)
    latent_codes = LatentCodes(_labelled_codes(network, images, config))
    streams = TwoStream(network.stream, config.shared, config.image_stream)
    labelled = _labelled(task, latent_codes.codes, images, moved, device)
    support = Support(latent_codes.codes[:0], images[:0])
    if config.stages and config.image_stream:
        support = _support(network, load_generator, data.support, device, seed)
    if network.heads is not None:
        assert labelled.masks is not None
        check_memory(network.heads, network.maps(latent_codes.codes[:1]), labelled.masks, config, device)

    def use_tuned_stream() -> None:
        network.stream.load_state_dict(streams.segmentation.state_dict())

    facts: dict[str, Any] = {"generator": generator_digest(network.stream)}

    def classifying() -> Program:
        use_tuned_stream()
        assert network.heads is not None
        assert labelled.masks is not None
        if config.stages and labelled.palette is not None:
            facts["fit"] = label_fit(network.stream, labelled.codes, labelled.masks, labelled.palette)

        def maps(n: int) -> list[Tensor]:
            return network.maps(latent_codes.codes[n : n + 1])

        return pixel_fitting(network.heads, maps, labelled.masks, config, device, seed)

    def tuning(stage: int) -> Program:
        return StreamTuning(streams, labelled, support, distance, config, stage, device, seed)

    stages = [Stage(config.refine, lambda: Refining(network.stream, latent_codes.codes, images, distance))]
    stages += [Stage(config.steps, partial(tuning, i), use_tuned_stream) for i in range(len(config.stages))]
    if network.heads is not None:
        stages.append(Stage(config.classifier_epochs, classifying))

    def estimate() -> float:
        one = estimate_stages(streams, labelled, distance, config, device) if config.stages else 0.0
        return len(config.stages) * one

    return StagedProgram(stages, {"codes": latent_codes, "streams": streams}, facts, estimate)


@torch.no_grad()
def _encoded(network: PFTGANNetwork, images: Tensor) -> Tensor:
    """Return the codes (V, L, w_dim) of images (V, 3, S, S) in [0, 1]."""
    return torch.cat([network.frozen_features(part)[0] for part in images.split(_BATCH)])


def _labelled_codes(network: PFTGANNetwork, images: Tensor, config: PFTGANAdaptation) -> Tensor:
    """Return the codes (V, L, w_dim) of the labelled views, those of a file if the configuration names one."""
    if config.latent_codes is None:
        return _encoded(network, images)
    size = network.stream.size
    return read_codes(config.latent_codes, len(images), size.codes, size.w_dim).to(images.device)


def _labelled(task: Task, codes: Tensor, images: Tensor, moved: Tensor, device: torch.device) -> Labelled:
    """Return what the segmentation stream is to generate for each view, with labels `moved`."""
    shown = 2 * images - 1
    if isinstance(task, ImageToImageTask):
        return Labelled(codes, shown, 2 * moved - 1, torch.ones_like(moved[:, :1]))
    masks = resized_masks(moved, images.shape[-1])
    check_parts(masks)
    palette = torch.from_numpy(spread_palette(task.channels)).float().to(device) / 127.5 - 1
    return Labelled(codes, shown, *label_image(masks, palette), masks, palette)


@torch.no_grad()
def _support(
    network: PFTGANNetwork,
    load_generator: Callable[[], Generator],
    support: Tensor | None,
    device: torch.device,
    seed: int,
) -> Support:
    """Return the image stream's images: the user's, or generated ones."""
    if support is None:
        generator = load_generator().to(device)
        z = torch.randn(_GENERATED_SUPPORT, generator.size.z_dim, generator=generator_for(seed, 0, 18))
        codes = generator.codes(z.to(device), truncation=0.7)
        return Support(codes, 2 * images_of(generator.synthesis, codes).clamp(0, 1) - 1)
    images = support.to(device).float() / 255
    return Support(_encoded(network, images), 2 * images - 1)
