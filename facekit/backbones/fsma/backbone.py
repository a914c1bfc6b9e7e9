"""FSMA as a backbone: its tasks, weights and networks."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from ...core.global_state import seeded_random
from ...core.weight_files import check_names, read_weights
from ...tasks import Task
from ...training.config import Adaptation
from ...training.pretraining_run import Request, Run
from ..base import Backbone, Weights
from .autoencoder import PRESETS, AutoEncoder, AutoEncoderSize, Centred, ImageDiscriminator
from .config import FSMAAdaptation, named_recipe
from .network import FSMANetwork, check_skip


class FSMA(Backbone[FSMAAdaptation, FSMANetwork]):
    """Few-shot model adaptation of a frozen adversarial auto-encoder."""

    name: ClassVar[str] = "fsma"
    tasks: ClassVar[tuple[str, ...]] = ("landmarks", "segmentation", "stylization", "shadow_removal")
    config: ClassVar[type[Adaptation]] = FSMAAdaptation
    pretrainings: ClassVar[tuple[str, ...]] = ("fsma",)

    @override
    def recipe(self, name: str, task: str, customised: bool, faces: int) -> FSMAAdaptation:
        return named_recipe(name, task, customised, faces)

    def load(self, weights: Weights = "auto", seed: int = 0) -> AutoEncoder:
        """Load an auto-encoder in evaluation mode.

        Args:
            weights: "auto" or "embedded" (the half-width 128 px model in this package), "none" (random, half width), or
                a file: our .safetensors or a snapshot of 3FabRec (``saae.mdl``).
            seed: Seed of random weights.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds something else, or for "official": FSMA's authors published no weights.
        """
        if weights == "official":
            raise ValueError("FSMA's authors published no weights: use weights='embedded' or a 3FabRec snapshot file")
        if weights == "none":
            with seeded_random(seed):
                return AutoEncoder(PRESETS["mini"]).eval()
        tensors = self._read(weights)
        state = {k: v for k, v in tensors.items() if k.startswith(("Q.", "P."))} or tensors
        code = state.get("Q.fc.weight")
        z_dim, features = code.shape if code is not None and code.ndim == 2 else (99, 512)
        size = AutoEncoderSize(256 if "Q.layer0.0.conv1.weight" in state else 128, max(1, features // 8), z_dim)
        with torch.device("meta"):
            expected = AutoEncoder(size).state_dict()
        check_names(weights, state, expected, f"fsma's auto-encoder of {size.input_size} px")
        net = AutoEncoder(size)
        net.load_state_dict(state)
        return net.eval()

    def discriminator(self, weights: Weights = "auto", seed: int = 0) -> nn.Sequential:
        """Return the image discriminator of the unsupervised stage.

        It maps RGB images (N, 3, S, S) in [0, 1] to logits (N,). It is new for weights="none", and for files that hold
        none (keys ``D.``).
        """
        with seeded_random(seed):
            net = ImageDiscriminator()
        state = {} if weights == "none" else self._read(weights)
        state = {k.removeprefix("D."): v for k, v in state.items() if k.startswith("D.")}
        if state:
            check_names(weights, state, net.state_dict(), "fsma's image discriminator")
            net.load_state_dict(state)
        return nn.Sequential(Centred(), net)

    def _read(self, weights: Weights) -> dict[str, Tensor]:
        """Return the tensors of a file by 3FabRec's names."""
        path = self.files.embedded("fsma") if weights in ("auto", "embedded") else weights
        expected = "3FabRec's auto-encoder (.safetensors, or a snapshot saae.mdl)"
        instead = "pass 'auto', 'embedded' or 'none'"
        return read_weights(path, expected, instead, ["Q.fc.weight", "Q.conv1.weight"]).tensors

    def build(self, weights: Weights, seed: int, task: Task, config: FSMAAdaptation) -> FSMANetwork:
        """Build the network of section 3.2.

        ``config.skip`` chooses the skip layers, None takes all. With ``config.baseline`` nothing is frozen and the
        auto-encoder's weights are random.
        """
        skip = check_skip(config.skip, task.stride) if config.skip is not None else "1111" + "1" * (task.stride == 1)
        frozen = config.baseline is None
        with seeded_random(seed):
            autoencoder = self.load(weights, seed)
            if config.baseline:
                autoencoder = AutoEncoder(autoencoder.size)
            return FSMANetwork(autoencoder, task.channels, task.stride, skip, config.instance_norm, task.paints, frozen)

    @override
    def network_from_dict(self, settings: dict[str, Any]) -> FSMANetwork:
        size = AutoEncoderSize(settings["input_size"], settings["width"], settings["z_dim"])
        keys = ("channels", "stride", "skip", "instance_norm", "paints", "frozen")
        return FSMANetwork(AutoEncoder(size), **{k: settings[k] for k in keys if k in settings})

    @override
    def embedded_state(self) -> dict[str, Tensor]:
        return {f"autoencoder.{k}": v for k, v in self.load("embedded").state_dict().items()}

    @override
    def pretraining(self, kind: str, request: Request) -> Run:
        from .pretraining_setup import prepare

        return prepare(request, self)
