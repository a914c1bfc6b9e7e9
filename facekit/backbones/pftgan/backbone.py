"""PFTGAN as a backbone: its tasks, weights and networks."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from ...core.global_state import seeded_random
from ...tasks import LandmarkTask, SegmentationTask, Task
from ...training.config import Adaptation
from ...training.finetune import FineTuning
from ...training.loop import FiniteProgram
from ...training.pretraining_run import Request, Run
from ...training.views import TrainingData
from ..base import Backbone, Weights
from .adaptation import stream_adaptation
from .baselines import BaselineNetwork, baseline_adaptation, frozen_features
from .config import PFTGANAdaptation, named_recipe
from .generator_files import Pair, load_generator, random_pair, read_pair
from .model import GeneratorWithEncoder
from .network import PFTGANNetwork
from .stylegan2 import Generator

# The ``align`` of the images that the embedded generator was trained on.
EMBEDDED_FRAME = "ffhq"
# Networks on a generator, and on the frozen features of the baselines.
PartNetwork = PFTGANNetwork | BaselineNetwork


class PFTGAN(Backbone[PFTGANAdaptation, PartNetwork]):
    """Two streams of a StyleGAN2 generator and pixel classifiers on their feature maps."""

    name: ClassVar[str] = "pftgan"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation", "landmarks", "stylization")
    config: ClassVar[type[Adaptation]] = PFTGANAdaptation
    uses_support: ClassVar[bool] = True
    pretrainings: ClassVar[tuple[str, ...]] = ("stylegan2", "inversion")

    @override
    def known_frame(self, config: PFTGANAdaptation) -> str | None:
        return EMBEDDED_FRAME if config.features == "generator" else None

    @override
    def recipe(self, name: str, task: str, customised: bool, faces: int) -> PFTGANAdaptation:
        return named_recipe(name, task, customised, faces)

    def load(self, weights: Weights = "auto", seed: int = 0, inversion: Weights | None = None) -> GeneratorWithEncoder:
        """Load the generator and its encoder in evaluation mode.

        Args:
            weights: "auto" or "embedded" (128 px, in this package), "none" (random), or the file of a generator.
            seed: Seed of random weights.
            inversion: File of the encoder, if the generator's file does not hold it.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the files hold something else or do not fit each other.
        """
        return GeneratorWithEncoder(*self.load_pair(weights, inversion, seed)).eval()

    def load_pair(self, weights: Weights = "auto", inversion: Weights | None = None, seed: int = 0) -> Pair:
        """Load the generator and its encoder as two modules.

        Args:
            weights: As for ``load``.
            inversion: As for ``load``.
            seed: Seed of random weights.

        Returns:
            The generator and its encoder, with their sources.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If a file holds something else, or the two files do not belong together.
        """
        if weights == "official":
            raise ValueError(
                "weights='official': PFTGAN's authors published none; pass a StyleGAN2 file, such as NVIDIA's ffhq.pkl "
                "or the port's .pt, and the e4e or pSp file that belongs to it as inversion="
            )
        if weights not in ("auto", "embedded", "none"):
            return read_pair(weights, inversion)
        if inversion is not None:
            raise ValueError(
                f"inversion={str(inversion)!r}: expected the file of its generator, got none; pass it as weights="
            )
        return random_pair(seed) if weights == "none" else read_pair(self.files.embedded("pftgan"), None)

    def load_generator(self, weights: Weights, seed: int = 0) -> Generator:
        """Load the generator without its encoder, whose file is often the larger one.

        Args:
            weights: As for ``load``.
            seed: Seed of random weights.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds something else.
        """
        if weights == "none":
            return random_pair(seed)[0]
        return load_generator(self.files.embedded("pftgan") if weights in ("auto", "embedded") else weights)

    def build(self, weights: Weights, seed: int, task: Task, config: PFTGANAdaptation) -> PartNetwork:
        """Build the network that ``program`` trains. Its segmentation stream is the generator as it is."""
        if config.features != "generator":
            with seeded_random(seed):
                features = frozen_features(config, weights, self.files)
                return BaselineNetwork(features, task.channels, config.members, task.stride)
        generator, encoder = self.load_pair(weights, config.inversion, seed)
        with seeded_random(seed):
            return PFTGANNetwork(
                encoder,
                copy.deepcopy(generator.synthesis),
                task.channels,
                task.stride,
                task.paints,
                # Only for parts are all of them trained, on single pixels.
                config.members if isinstance(task, SegmentationTask) else 1,
                config.reads_colours,
            )

    @override
    def program(
        self,
        network: PartNetwork,
        weights: Weights,
        task: Task,
        data: TrainingData,
        config: PFTGANAdaptation,
        device: torch.device,
        seed: int,
    ) -> FiniteProgram:
        if data.alpha is not None:
            raise ValueError(
                "align='tanh': expected another one, as generators make no tanh-warped faces; pass 'mean', 'landmarks' "
                "or 'none'"
            )
        streams_learn = config.image_stream and config.stages and config.features == "generator"
        if data.support is not None and isinstance(task, LandmarkTask):
            raise ValueError("support_images: expected none for landmarks, which train no image stream; leave them out")
        if data.support is not None and not streams_learn:
            raise ValueError("support_images: expected a recipe whose image stream learns from them, got one without")
        if task.paints and not config.stages:
            raise ValueError("stages='': expected one stage or more for images, as nothing else is trained; pass 'v'")
        if isinstance(network, BaselineNetwork):
            return baseline_adaptation(network, task, data, config, device, seed)
        if isinstance(task, LandmarkTask):
            # Not in the paper: one classifier learns heatmaps on whole maps of the generator as it is.
            return FineTuning(network, task, data, config, device, seed)
        return stream_adaptation(
            network,
            lambda: self.load_generator(weights, seed),
            task,
            data,
            config,
            device,
            seed,
            lambda: self.files.ready_network("segmentation"),
        )

    @override
    def network_from_dict(self, settings: dict[str, Any]) -> PartNetwork:
        kind = BaselineNetwork if "features" in settings else PFTGANNetwork
        return kind.from_dict(settings)

    @override
    def embedded_state(self) -> dict[str, Tensor]:
        """Return the encoder's tensors. The generator's are fine-tuned."""
        _, encoder = self.load_pair("embedded")
        return {f"encoder.{name}": value for name, value in encoder.state_dict().items()}

    @override
    def pretraining(self, kind: str, request: Request) -> Run:
        from . import generator_setup, inversion_setup

        if kind == "inversion":
            return inversion_setup.prepare(request, self.files)
        return generator_setup.prepare(request, self.files)
