"""Pre-training of FaRL: image-text contrast and masked image modelling with one image tower (section 3, Figure 3)."""

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

from ...core.compiler import check_compiler
from ...core.device import autocast
from ...core.random_streams import generator_for
from ...training.distributed import ALONE, Processes
from .config import FaRLPretraining
from .contrastive_loss import contrastive_loss
from .image_text_model import ImageTextModel
from .masked_image_model import MaskedImageModel, random_masks
from .tokenizer import Tokens


class Batches(Protocol):
    """Source of image-text pairs. The pairs of a step depend on the seed and the step only."""

    def from_step(self, start: int) -> Iterator[dict[str, Any]]:
        """Yield this process's parts of the batches from a step on: "image" uint8 (n, 3, S, S) and n "text"."""


class Pretraining:
    """Minimise L_ITC + L_MIM: a `facekit.training.loop.Program`.

    Every image passes the tower twice, as it is for the contrast and with masked patches for masked image modelling.
    Several processes share each batch; the contrast is over the batch of all of them, and the optimiser's state is
    spread over them (ZeRO).
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
        """Prepare the training.

        Args:
            pair: Image tower and text tower.
            batches: The image-text pairs.
            tokens: Visual tokenizer. None leaves out masked image modelling (ITC of Table 3).
            recipe: Settings.
            steps: Number of steps of the whole training.
            device: Where to train.
            seed: Seed of all random numbers.
            processes: The processes that train together.

        Raises:
            ValueError: If the batch size does not divide by the number of processes, or a wanted compiler is missing.
        """
        assert pair.text is not None
        torch.manual_seed(seed)
        self.part = processes.part(recipe.batch_size)
        self.batches, self.recipe, self.steps, self.device, self.seed = batches, recipe, steps, device, seed
        self.processes, self.pair, self.tokens = processes, pair.to(device).train(), tokens
        self.pair.image.checkpointing = recipe.checkpointing
        if recipe.compile:
            check_compiler(device)
            # In place, so that the names of the weights stay the same.
            for block in self.pair.image.vit.blocks:
                block.compile()
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
        """Return AdamW without weight decay of gains, biases, tokens, positions and the temperature."""
        named = [(k, p) for k, p in self.networks.named_parameters() if p.requires_grad]
        still = [p for k, p in named if p.ndim < 2 or k.endswith(("cls_token", "pos_embed", "positional_embedding"))]
        known = {id(p) for p in still}
        moving = [p for _, p in named if id(p) not in known]
        groups = [
            {"params": moving, "weight_decay": self.recipe.weight_decay},
            {"params": still, "weight_decay": 0.0},
        ]
        settings: dict[str, Any] = {"lr": self.recipe.lr, "betas": self.recipe.betas, "fused": True}
        if self.processes.count == 1:
            return torch.optim.AdamW(groups, **settings)
        return ZeroRedundancyOptimizer(groups, torch.optim.AdamW, **settings)

    def learning_rate(self, index: int) -> float:
        """Return the learning rate: ``first_lr`` to ``lr`` over the warm-up, then half a cosine to ``last_lr``."""
        r = self.recipe
        if index < r.warmup:
            return r.first_lr + (r.lr - r.first_lr) * index / r.warmup
        done = (index - r.warmup) / max(1, self.steps - r.warmup)
        return r.last_lr + (r.lr - r.last_lr) * 0.5 * (1 + math.cos(math.pi * done))

    def losses(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of step ``index`` and its parts for this process's images."""
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
                # Both passes form one batch, as large batches are faster.
                patches = torch.cat([patches, self.mim.hide(patches, own)])
            tokens, _ = self.pair.image.tokens(patches)
            images, texts = self.pair.image.embedding(tokens[:n]), text(ids)
            images, texts = F.normalize(images.float(), dim=-1), F.normalize(texts.float(), dim=-1)
            if self.mim is not None:
                scores = self.mim.logits(tokens[n:], own)
        parts["itc"] = contrastive_loss(images, texts, self.pair.logit_scale, self.processes)
        total = self.recipe.itc * parts["itc"]
        if self.mim is not None:
            assert self.tokens is not None
            with self.autocast:
                targets = self.tokens.ids(x, side)[own]
            # The mean over the masked patches of all processes, whose gradients and losses are averaged later.
            share = self.processes.count / masked.sum().item()
            parts["mim"] = share * F.cross_entropy(scores.float(), targets, reduction="sum")
            total = total + self.recipe.mim * parts["mim"]
        return total, parts

    def _attention(self) -> Any:
        """Return the context of attention. On CPUs, torch's fused attention has a slow backward pass in bfloat16.

        With matrix products, a step of preset "mini" takes 1.4 s instead of 1.9 s (two cores, torch 2.15).
        """
        return sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else contextlib.nullcontext()

    def _batch(self, index: int) -> dict[str, Any]:
        """Return the batch of step ``index``. Batches are made ahead in order; a resumed run starts anew."""
        if index != self._next:
            self._coming = iter(self.batches.from_step(index))
        self._next = index + 1
        return next(self._coming)

    def _masks(self, index: int, side: int) -> Tensor:
        """Return the masks (B, P) of the whole batch, independent of the number of processes."""
        if self.mim is None:
            return torch.zeros(0)
        return random_masks(self.recipe.batch_size, side, generator_for(self.seed, index, 9))

    def gradients(self, index: int) -> dict[str, Tensor]:
        """Compute the gradients of step ``index`` over all processes, and return this process's parts of the loss."""
        # The backward pass is inside, too, as recomputed blocks must use the same attention.
        with self._attention():
            total, parts = self.losses(index)
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()
        self.processes.average_gradients(self.parameters)
        return parts

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(index)
        parts = self.gradients(index)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        self.optimiser.step()
        return self.processes.average(parts)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on. It is complete in the first process only."""
        if isinstance(self.optimiser, ZeroRedundancyOptimizer):
            self.optimiser.consolidate_state_dict()
            if not self.processes.first:
                return {}
        return {"networks": self.networks.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.networks.load_state_dict(state["networks"])
        self.optimiser.load_state_dict(state["optimiser"])
