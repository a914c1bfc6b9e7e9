"""Synthparse as a backbone: its tasks, weights and networks."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from typing_extensions import override

from ...core.global_state import seeded_random
from ...core.weight_files import check_names, read_weights, without_prefix
from ...tasks import Task
from ...training.config import Adaptation
from ..base import Backbone, Weights
from .config import SynthparseAdaptation, named_recipe
from .discriminator import PatchDiscriminator
from .imagenet_weights import imagenet_state
from .network import ParserNetwork, ParserSize

# Output channels of an untrained head.
_UNTRAINED = 1


class SynthParse(Backbone[SynthparseAdaptation, ParserNetwork]):
    """Face parsing trained on generated, real or mixed faces."""

    name: ClassVar[str] = "synthparse"
    tasks: ClassVar[tuple[str, ...]] = ("landmarks", "segmentation", "stylization", "shadow_removal")
    config: ClassVar[type[Adaptation]] = SynthparseAdaptation

    @override
    def recipe(self, name: str, task: str, customised: bool, faces: int) -> SynthparseAdaptation:
        return named_recipe(name, task, customised, faces)

    def load(self, weights: Weights = "auto", seed: int = 0, size: ParserSize | None = None) -> ParserNetwork:
        """Load a segmentation model in evaluation mode. Its encoder and decoder are trained, its head is not.

        Args:
            weights: "embedded": those of the ready parser. "imagenet": ImageNet's for the encoder, downloaded if they
                are not on this machine. "none": random. A file: tensors of an encoder or of a whole network. "auto":
                the first that is possible of "embedded" (if it fits ``size``), "imagenet" without download, and
                "none". The log names a random start.
            seed: Seed of random weights.
            size: Build of the model. None is that of the ready parser.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the weights do not fit ``size``.
        """
        size = size or self.embedded_parser().size
        with seeded_random(seed):
            network = ParserNetwork(size, _UNTRAINED).eval()
        if weights == "none":
            return network
        if weights in ("auto", "embedded"):
            embedded = self.embedded_parser()
            if network.size.fits(embedded.size):
                network.encoder.load_state_dict(embedded.encoder.state_dict())
                network.model.decoder.load_state_dict(embedded.model.decoder.state_dict())
                return network
            if weights == "embedded":
                raise ValueError(
                    f"weights='embedded': expected {embedded.size}, got {network.size}; pass recipe='quick'"
                )
        if weights in ("auto", "imagenet"):
            state = imagenet_state(network.size.encoder, download=weights == "imagenet")
            if state is not None:
                network.encoder.load_state_dict(state)
            return network
        network.load_state_dict(network.state_dict() | _read(weights, network))
        return network

    def embedded_parser(self) -> ParserNetwork:
        """Return the network of the ready model "segmentation"."""
        network = self.files.ready_network("segmentation")
        if not isinstance(network, ParserNetwork):
            raise TypeError(
                f"ready model 'segmentation': expected a ParserNetwork, got {type(network).__name__}; return one from "
                "WeightFiles.ready_network"
            )
        return network

    @override
    def discriminator(self, weights: Weights, seed: int) -> nn.Module:
        with seeded_random(seed):
            return PatchDiscriminator()

    def build(self, weights: Weights, seed: int, task: Task, config: SynthparseAdaptation) -> ParserNetwork:
        """Build the segmentation model. Its encoder is frozen if ``config.tower_lr`` is None."""
        size = ParserSize(
            config.decoder, config.encoder, config.input_size or ParserSize.input_size, config.decoder_channels
        )
        start = self.load(weights, seed, size)
        with seeded_random(seed):
            network = ParserNetwork(size, task.channels, task.stride, task.paints, frozen=config.tower_lr is None)
        network.encoder.load_state_dict(start.encoder.state_dict())
        network.model.decoder.load_state_dict(start.model.decoder.state_dict())
        return network

    @override
    def network_from_dict(self, settings: dict[str, Any]) -> ParserNetwork:
        rest = dict(settings)
        size = {k: rest.pop(k) for k in ("decoder", "encoder", "input_size", "decoder_channels")}
        return ParserNetwork(ParserSize(**size), **rest)

    @override
    def embedded_state(self) -> dict[str, Tensor]:
        return self.embedded_parser().state_dict()


def _read(path: Weights, network: ParserNetwork) -> dict[str, Tensor]:
    """Return a file's tensors by the network's names, without a head."""
    what = f"{network.size.decoder!r} on {network.size.encoder!r}, or of that encoder"
    found = read_weights(path, f"tensors of {what}", "pass 'auto', 'embedded', 'imagenet' or 'none'").tensors
    expected = network.state_dict()
    inside = {name: name.removeprefix("model.") for name in expected}
    first = next(name for name in inside.values() if name.startswith("encoder."))
    state = without_prefix(found, [first])
    if not any(name.startswith("decoder.") for name in state):
        expected = {k: v for k, v in expected.items() if k.startswith("model.encoder.")}
    if first not in state:
        state = {f"encoder.{k}": v for k, v in without_prefix(found, [first.removeprefix("encoder.")]).items()}
    classes = ("segmentation_head.", "encoder.classifier.", "encoder.fc.")
    state = {f"model.{k}": v for k, v in state.items() if not k.startswith(classes)}
    expected = {k: v for k, v in expected.items() if not k.startswith("model.segmentation_head.")}
    check_names(path, state, expected, what)
    return state
