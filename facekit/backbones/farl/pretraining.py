"""FaRL's pre-training (section 3, Figure 3): image-text contrast and masked image modelling with one image tower."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...core.device import autocast
from ...core.random_streams import generator_for
from ...training.distributed import ALONE, Processes
from .config import FaRLPretraining
from .contrastive_loss import contrastive_loss
from .image_text_model import ImageTextModel
from .masked_image_model import MaskedImageModel, random_masks
from .tokenizer import Tokens


class Batches(Protocol):
    """Where pairs come from (`data.pairs.PairBatches`). What a step gives depends on the seed and the step only."""

    def from_step(self, start: int) -> Iterator[dict[str, Any]]:
        """This process's parts of the batches from step `start` on: "image" (n,3,S,S) uint8 and "text", n of them."""


class Pretraining:
    """One step of L_ITC + L_MIM; a `facekit.training.loop.Program`.

    Every image passes the tower twice, as it is for the contrast and with patches hidden for the masked image model.
    Of several processes each takes its part of the recipe's batch; the contrast is over the batch of all, and all
    together make the step that one would make with the whole. The optimiser's state is spread over them (ZeRO).
    tokens: None leaves masked image modelling out (Table 3's ITC). Raises ValueError for a batch that does not divide
    by the processes.
    """

    def __init__(
        self,
        pair: ImageTextModel,
        batches: Batches,
        tokens: Tokens | None,
        recipe: FaRLPretraining,
        steps: int,
        device: torch.device,
        seed: int = 0,
        processes: Processes = ALONE,
    ):
        assert pair.text is not None
        torch.manual_seed(seed)
        self.part = processes.part(recipe.batch_size)
        self.batches, self.recipe, self.steps, self.device, self.seed = batches, recipe, steps, device, seed
        self.processes, self.pair, self.tokens = processes, pair.to(device).train(), tokens
        self.pair.image.checkpointing = recipe.checkpointing
        size = pair.image.size
        self.mim: MaskedImageModel | None = None
        if tokens is not None:
            self.mim = MaskedImageModel(size.width, size.heads, tokens.vocabulary, recipe.mim_layers).to(device)
            if isinstance(tokens, nn.Module):
                tokens.to(device)
        self.networks = nn.ModuleList([self.pair] if self.mim is None else [self.pair, self.mim])
        processes.copy_from_first(self.networks)
        self.parameters = [p for p in self.networks.parameters() if p.requires_grad]
        self.optimiser = self._optimiser()
        self.autocast = autocast(device, recipe.bfloat16)
        self._next = -1
        self._coming: Iterator[dict[str, Any]] = iter(())

    def _optimiser(self) -> Any:
        """AdamW; gains, biases, tokens, positions and the temperature do not decay."""
        named = [(k, p) for k, p in self.networks.named_parameters() if p.requires_grad]
        still = [p for k, p in named if p.ndim < 2 or k.endswith(("cls_token", "pos_embed", "positional_embedding"))]
        known = {id(p) for p in still}
        moving = [p for _, p in named if id(p) not in known]
        groups = [
            {"params": moving, "weight_decay": self.recipe.weight_decay},
            {"params": still, "weight_decay": 0.0},
        ]
        settings: dict[str, Any] = {"lr": self.recipe.lr, "betas": self.recipe.betas}
        if self.processes.count == 1:
            return torch.optim.AdamW(groups, **settings)
        return ZeroRedundancyOptimizer(groups, torch.optim.AdamW, **settings)

    def learning_rate(self, index: int) -> float:
        """From `first_lr` to `lr` over the warm-up, then along a half cosine to `last_lr`."""
        r = self.recipe
        if index < r.warmup:
            return r.first_lr + (r.lr - r.first_lr) * index / r.warmup
        done = (index - r.warmup) / max(1, self.steps - r.warmup)
        return r.last_lr + (r.lr - r.last_lr) * 0.5 * (1 + math.cos(math.pi * done))

    def losses(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        """What step `index` minimises, and its parts, of this process's images."""
        batch = self._batch(index)
        x = batch["image"].to(self.device).float().div_(255)
        text = self.pair.text
        assert text is not None
        ids = text.tokenize(batch["text"]).to(self.device)
        n, parts = len(x), {}
        with self.autocast:
            patches = self.pair.image.patches(x)
            side = patches.shape[1]
            masked = self._masks(index, side)
            if self.mim is not None:
                own = masked[self.part].to(self.device)
                # Both passes at once: the tower works best on large batches.
                patches = torch.cat([patches, self.mim.hide(patches, own)])
            tokens, _ = self.pair.image.tokens(patches)
            images, said = self.pair.image.embedding(tokens[:n]), text(ids)
            images, said = F.normalize(images.float(), dim=-1), F.normalize(said.float(), dim=-1)
            if self.mim is not None:
                scores = self.mim.logits(tokens[n:], own)
        parts["itc"] = contrastive_loss(images, said, self.pair.logit_scale, self.processes)
        total = self.recipe.itc * parts["itc"]
        if self.mim is not None:
            assert self.tokens is not None
            with self.autocast:
                targets = self.tokens.ids(x, side)[own]
            # The mean over the masked patches of all processes, of which gradients and losses are averaged later.
            share = self.processes.count / masked.sum().item()
            parts["mim"] = share * F.cross_entropy(scores.float(), targets, reduction="sum")
            total = total + self.recipe.mim * parts["mim"]
        return total, parts

    def _attention(self) -> Any:
        """On CPUs, torch's fused attention is slow on the way back in bfloat16: with plain products a step of the
        "mini" preset took 1.4 instead of 1.9 s (two cores, torch 2.15)."""
        return sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else contextlib.nullcontext()

    def _batch(self, index: int) -> dict[str, Any]:
        """Batches are made ahead, in order; a jump (a resumed run) starts anew."""
        if index != self._next:
            self._coming = iter(self.batches.from_step(index))
        self._next = index + 1
        return next(self._coming)

    def _masks(self, index: int, side: int) -> Tensor:
        """The whole batch's masks (B,P): the same however many processes share it."""
        if self.mim is None:
            return torch.zeros(0)
        return random_masks(self.recipe.batch_size, side, generator_for(self.seed, index, 9))

    def gradients(self, index: int) -> dict[str, Tensor]:
        """Leave the gradients of step `index`, of the images of all processes, in the parameters. Returns this
        process's parts of the loss."""
        # Around the way back as well: blocks that are computed again have to be computed alike.
        with self._attention():
            total, parts = self.losses(index)
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()
        self.processes.average_gradients(self.parameters)
        return parts

    def step(self, index: int) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(index)
        parts = self.gradients(index)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        self.optimiser.step()
        return self.processes.average(parts)

    def state_dict(self) -> dict[str, Any]:
        """Called in all processes; whole in the first one only."""
        if isinstance(self.optimiser, ZeroRedundancyOptimizer):
            self.optimiser.consolidate_state_dict()
            if not self.processes.first:
                return {}
        return {"networks": self.networks.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.networks.load_state_dict(state["networks"])
        self.optimiser.load_state_dict(state["optimiser"])
