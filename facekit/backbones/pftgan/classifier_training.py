"""Train pixel classifiers on the features of drawn pixels, without a stack of maps (PFTGAN sections 3.3 and 4.1).

Pixels are drawn once from the maps of labelled images. The members of an ensemble are trained on them one after the
other. A step of the training loop is one epoch of one member.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.device import pick_device
from ...core.random_streams import generator_for
from ...training.loop import Progress, train
from .fused_classifier import Side, band_rows, evaluation_bytes, height_width, hidden_sizes, neighbours
from .pixel_classifier import Ensemble, check_maps

log = logging.getLogger("facekit")

IGNORED = 255
MEMORY_LIMIT = 2_000_000_000
# Pixels that are gathered at once.
_CHUNK = 1024

# The maps of all labelled images [(N, C_i, H_i, W_i)], or a function from the number of an image to its maps
# [(1, C_i, H_i, W_i)], so that only those of one image are in memory.
Maps = Sequence[Tensor] | Callable[[int], Sequence[Tensor]]


@dataclass(frozen=True)
class PixelRecipe:
    """Settings of the training of pixel classifiers. The defaults are those of DatasetGAN's paper and code.

    A member stops after more than ``patience`` batches in a row without a new smallest loss.

    Attributes:
        optimiser: "adam", or "sgd" without momentum.
        lr: Learning rate.
        batch_size: Pixels per batch.
        epochs: Epochs of each member, at most.
        patience: Number of batches, see above.
        patience_from: First epoch, counted from 0, in which batches are counted.
        unhurried: Number of pixels that a member is trained on before batches are counted.
        members: Number of members.
        pixels: Pixels drawn from all images. None is all labelled ones, or as many as the memory limit allows.
    """

    optimiser: str = "adam"
    lr: float = 1e-3
    batch_size: int = 64
    epochs: int = 100
    patience: int = 50
    patience_from: int = 4
    unhurried: int = 0
    members: int = 10
    pixels: int | None = None


DATASETGAN = PixelRecipe()
# Section 4.1 gives the optimiser and an "initial" learning rate without a schedule. The rest is DatasetGAN's (section 3.3).
PFTGAN = PixelRecipe(optimiser="sgd", lr=0.5)


@dataclass(frozen=True)
class Pixels:
    """Labelled pixels.

    Attributes:
        features: Float32 (P, sum(C_i)).
        labels: Class ids (P,) int64.
        channels: Channels C_i of the maps.
    """

    features: Tensor
    labels: Tensor
    channels: tuple[int, ...]


def sample_features(maps: Sequence[Tensor], rows: Tensor, columns: Tensor, side: Side) -> Tensor:
    """Sample the features of single pixels of one image from its maps.

    They are those of maps that are bilinearly resampled to ``side`` px (align_corners=False). Three times the widest
    map's part of the result is needed as temporary memory.

    Args:
        maps: Maps [(1, C_i, H_i, W_i)].
        rows: Rows of the pixels, int64 (P,).
        columns: Columns of the pixels, int64 (P,).
        side: Side of the image in pixels, or (height, width).

    Returns:
        Float32 of shape (P, sum(C_i)).

    Raises:
        ValueError: If maps are of several images, or a pixel is outside.
    """
    check_maps(maps)
    size, device = height_width(side), maps[0].device
    if len(maps[0]) != 1:
        raise ValueError(f"maps of {len(maps[0])} images: expected one image's, (1,C,H,W)")
    for places, extent, what in ((rows, size[0], "rows"), (columns, size[1], "columns")):
        if len(places) and not 0 <= int(places.min()) <= int(places.max()) < extent:
            raise ValueError(
                f"{what} from {int(places.min())} to {int(places.max())}: expected 0 to {extent - 1} at side={side}"
            )
    channels = [x.shape[1] for x in maps]
    out = torch.empty(len(rows), sum(channels), device=device)
    for x, part in zip(maps, out.split(channels, 1), strict=True):
        (height, width), flat = x.shape[2:], x[0].flatten(1)
        vertical, horizontal = neighbours(size[0], height, device), neighbours(size[1], width, device)
        top, bottom, down = (t[rows.to(device)] for t in vertical)
        left, right, across = (t[columns.to(device)] for t in horizontal)
        upper = _between(flat, top * width + left, top * width + right, across)
        lower = _between(flat, bottom * width + left, bottom * width + right, across)
        part.copy_(upper.lerp_(lower, down).t())
    return out


def _between(flat: Tensor, first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """Interpolate between two pixels of a flat map (C, H*W)."""
    return flat.index_select(1, first).float().lerp_(flat.index_select(1, second).float(), weight)


@torch.no_grad()
def draw_pixels(
    maps: Maps, labels: Tensor, pixels: int | None = None, memory_limit: int = MEMORY_LIMIT, seed: int = 0
) -> Pixels:
    """Draw labelled pixels at random without repetition, from each image in proportion to its labelled pixels.

    Args:
        maps: Feature maps, see `Maps`.
        labels: Class ids (N, H, W), 255 = ignored. Their size may differ from that of the maps.
        pixels: Number of pixels. None is all labelled ones, or as many as fit into ``memory_limit``.
        memory_limit: Bytes for the pixels.
        seed: Seed of the draw.

    Raises:
        ValueError: If the number does not fit into the limit, or fewer than two pixels are labelled.
    """
    labels = _checked_labels(labels)
    counts = [int((one != IGNORED).sum()) for one in labels]
    total = sum(counts)
    if total < 2:
        raise ValueError(f"{total} of {labels.numel()} pixels are labelled (not {IGNORED}): expected at least 2")
    height, width = labels.shape[1:]
    channels: tuple[int, ...] | None = None
    ids, start = [], 0
    for n, label in enumerate(labels):
        own = _maps_of(maps, n, len(labels))
        check_maps(own, channels)
        if channels is None:
            channels = tuple(x.shape[1] for x in own)
            wanted = _affordable(channels, total, pixels, memory_limit)
            features = torch.empty(wanted, sum(channels))
        stop = wanted * sum(counts[: n + 1]) // total
        labelled = (label != IGNORED).flatten().nonzero()[:, 0]
        drawn = torch.randperm(len(labelled), generator=generator_for(seed, n, 13))[: stop - start]
        # In the order of the image, as neighbouring pixels read the same memory.
        places = labelled[drawn.sort().values]
        for some, part in zip(places.split(_CHUNK), features[start:stop].split(_CHUNK), strict=True):
            part.copy_(sample_features(own, some // width, some % width, (height, width)))
        ids.append(label.flatten()[places].long())
        start = stop
    assert channels is not None
    return Pixels(features, torch.cat(ids), channels)


def _maps_of(maps: Maps, n: int, images: int) -> list[Tensor]:
    """Return the maps of image n."""
    if callable(maps):
        return list(maps(n))
    if not maps or any(x.ndim != 4 or len(x) != images for x in maps):
        raise ValueError(
            f"maps of shapes {[tuple(x.shape) for x in maps]} but {images} label masks: expected maps (N,C,H,W) of "
            f"{images} images"
        )
    return [x[n : n + 1] for x in maps]


def _checked_labels(labels: Tensor, classes: int = IGNORED) -> Tensor:
    """Check label masks and return them on the CPU as uint8."""
    if labels.ndim != 3 or labels.is_floating_point() or not labels.numel():
        raise ValueError(
            f"labels of shape {tuple(labels.shape)}, {labels.dtype}: expected (N,H,W) integers, one mask per image"
        )
    labels = labels.detach().cpu()
    wrong = labels[(labels != IGNORED) & ((labels < 0) | (labels >= classes))].unique().tolist()
    if wrong:
        raise ValueError(f"labels hold {wrong}: expected 0 to {classes - 1}, or {IGNORED} where there is none")
    return labels.to(torch.uint8)


def bank_bytes(channels: Sequence[int], pixels: int) -> int:
    """Return the bytes that drawn pixels need with labels and order, and temporarily while they are drawn."""
    return pixels * (4 * sum(channels) + 24) + 4 * _CHUNK * (sum(channels) + 3 * max(channels))


def _affordable(channels: Sequence[int], total: int, pixels: int | None, memory_limit: int) -> int:
    """Return the number of pixels to draw from all labelled ones."""
    each, least = bank_bytes(channels, 1) - bank_bytes(channels, 0), bank_bytes(channels, 0)
    most = (memory_limit - least) // each
    if pixels is not None and pixels < 2:
        raise ValueError(f"pixels={pixels}: expected at least 2, or None for all")
    wanted = total if pixels is None else min(pixels, total)
    if most < 2 or (pixels is not None and wanted > most):
        raise ValueError(
            f"memory_limit={memory_limit:,} bytes came, but {wanted:,} pixels of {sum(channels)} features take "
            f"{bank_bytes(channels, wanted):,}: draw {max(most, 0):,} pixels or raise the limit"
        )
    if wanted > most:
        log.info("%d of %d labelled pixels are drawn: memory_limit=%d holds no more", most, total, memory_limit)
    return min(wanted, most)


class PixelFitting:
    """Training of an ensemble: a `facekit.training.loop.Program`. A step is one epoch of one member.

    After a member has stopped early, its remaining steps do nothing.
    """

    def __init__(self, ensemble: Ensemble, pixels: Pixels, recipe: PixelRecipe, device: torch.device, seed: int = 0):
        """Prepare the training.

        Args:
            ensemble: The classifiers.
            pixels: The labelled pixels.
            recipe: Settings.
            device: Where to train.
            seed: Seed of the order of pixels.

        Raises:
            ValueError: If a setting is out of range.
        """
        if recipe.optimiser not in ("adam", "sgd"):
            raise ValueError(f"optimiser={recipe.optimiser!r}: expected 'adam' or 'sgd'")
        if recipe.batch_size < 2 or recipe.epochs < 1 or recipe.lr <= 0:
            raise ValueError(
                f"batch_size={recipe.batch_size}, epochs={recipe.epochs}, lr={recipe.lr}: expected at least 2 (for "
                "BatchNorm), at least 1 and a positive number"
            )
        self.ensemble, self.recipe, self.device, self.seed = ensemble.to(device), recipe, device, seed
        self.features, self.labels = pixels.features.to(device), pixels.labels.to(device)
        self.batch = min(recipe.batch_size, len(self.labels))
        self._begin(0)

    @property
    def steps(self) -> int:
        """Number of steps of the whole training."""
        return len(self.ensemble.members) * self.recipe.epochs

    def _begin(self, member: int) -> None:
        """Start the training of a member."""
        self.member, self.network = member, self.ensemble.members[member]
        kind = torch.optim.Adam if self.recipe.optimiser == "adam" else torch.optim.SGD
        self.optimiser = kind(self.network.parameters(), lr=self.recipe.lr)
        self.lowest, self.waited, self.loss = math.inf, 0, math.nan

    @property
    def stopped(self) -> bool:
        """Whether the current member has stopped early."""
        return self.waited > self.recipe.patience

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        member, epoch = divmod(index, self.recipe.epochs)
        if member != self.member:
            self._begin(member)
        if not self.stopped:
            seen = epoch * len(self.labels)
            self.loss = self._epoch(index, epoch >= self.recipe.patience_from and seen >= self.recipe.unhurried)
        return {"loss": self.loss}

    def _epoch(self, index: int, impatient: bool) -> float:
        """Train one epoch and return the mean loss over batches."""
        self.network.train()
        order = torch.randperm(len(self.labels), generator=generator_for(self.seed, index, 14)).to(self.device)
        losses = []
        # An incomplete last batch is left out, as BatchNorm fails on one pixel.
        for chosen in order[: len(order) // self.batch * self.batch].split(self.batch):
            loss = F.cross_entropy(self.network(self.features[chosen]), self.labels[chosen])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            losses.append(loss.item())
            if impatient:
                self.waited = 0 if losses[-1] < self.lowest else self.waited + 1
                self.lowest = min(self.lowest, losses[-1])
            if self.stopped:
                break
        return sum(losses) / len(losses)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "ensemble": self.ensemble.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "member": self.member,
            "lowest": self.lowest,
            "waited": self.waited,
            "loss": self.loss,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.ensemble.load_state_dict(state["ensemble"])
        self._begin(state["member"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.lowest, self.waited, self.loss = state["lowest"], state["waited"], state["loss"]


def fit_classifier(
    maps: Maps,
    labels: Tensor,
    classes: int,
    *,
    recipe: PixelRecipe = PFTGAN,
    memory_limit: int = MEMORY_LIMIT,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
) -> Ensemble:
    """Train an ensemble of pixel classifiers on labelled images' feature maps; returns it in eval mode.

    maps: [(N,C_i,H_i,W_i)], or a function that gives image n's [(1,C_i,H_i,W_i)] and is asked once for each. labels:
    (N,H,W) integers below `classes`, 255 = ignored; of any side, the features are those of the labels' pixels.
    memory_limit: bytes for the drawn pixels, see `draw_pixels` and `estimate_memory`. checkpoint: a file, as in
    `facekit.training.loop.train`; a run that was killed resumes from it and gives the same weights. Same seed, same weights.
    Raises ValueError for labels and maps that do not fit each other or the limit, FloatingPointError where the learning
    rate is too high for the features.
    """
    if not 2 <= classes <= IGNORED:
        raise ValueError(f"classes={classes}: expected 2 to {IGNORED}")
    labels, chosen = _checked_labels(labels, classes), pick_device(device)
    pixels = draw_pixels(maps, labels, recipe.pixels, memory_limit, seed)
    ensemble = Ensemble(pixels.channels, classes, recipe.members, generator_for(seed, 0, 15))
    program = PixelFitting(ensemble, pixels, recipe, chosen, seed)
    train(program, program.steps, checkpoint=checkpoint, progress=progress, name="pixel classifiers")
    return ensemble.eval()


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes besides the feature maps.

    Attributes:
        evaluation: Evaluation in bands.
        evaluation_stack: Evaluation on the upsampled stack of maps.
        training: Training on drawn pixels.
        training_stack: Training on the upsampled stack of maps.
        rows: Rows of a band of the evaluation.
    """

    evaluation: int
    evaluation_stack: int
    training: int
    training_stack: int
    rows: int

    def __str__(self) -> str:
        sizes = (
            f"{n / 1e6:,.1f} MB" for n in (self.evaluation, self.evaluation_stack, self.training, self.training_stack)
        )
        return "evaluation takes {} in bands of {rows} rows (the stack {}), training {} (the stack {})".format(
            *sizes, rows=self.rows
        )


def estimate_memory(
    channels: Sequence[int],
    sides: Sequence[Side],
    classes: int,
    side: Side,
    *,
    images: int = 1,
    members: int = 10,
    pixels: int | None = None,
    memory_limit: int | None = None,
    device: str = "cpu",
) -> MemoryEstimate:
    """Compute from shapes how much memory an ensemble needs.

    Args:
        channels: Channels of the maps in order.
        sides: Sides of the maps in pixels, or (height, width).
        classes: Number of classes.
        side: Side of the output and of the labels in pixels, or (height, width).
        images: Images that are evaluated in one call, and that are labelled.
        members: Number of classifiers. 1 is evaluated to logits, more to votes.
        pixels: Pixels drawn for the training. None is all.
        memory_limit: Bytes for the evaluation, which makes bands smaller.
        device: Kind of device, "cpu" or another, on which the size of bands depends.

    Raises:
        ValueError: As `PixelClassifier.logits`.
    """
    if len(channels) != len(sides):
        raise ValueError(f"{len(channels)} channels but {len(sides)} sides: expected one of each for every map")
    shapes = [(c, *height_width(s)) for c, s in zip(channels, sides, strict=True)]
    (h, w), dim, votes = height_width(side), sum(channels), members > 1
    rows = band_rows(shapes, classes, (h, w), memory_limit, images, votes, device)
    first, second = hidden_sizes(classes)
    weights = 4 * (dim * first + first * second + second * classes + 4 * (first + second))
    drawn = images * h * w if pixels is None else min(pixels, images * h * w)
    # Weights of all members; for the one in training also a gradient, Adam's two averages and a temporary.
    learning = (members + 4) * weights + 3 * 4 * 64 * (dim + first + second + classes)
    # The stack of one image at a time, the first layer's outputs and what its ReLU makes of them.
    stack = 4 * h * w * (dim + 2 * first) + images * h * w * (4 * classes + (5 if votes else 0))
    return MemoryEstimate(
        evaluation_bytes(shapes, classes, (h, w), rows, images, votes),
        stack,
        bank_bytes(channels, drawn) + learning,
        4 * images * h * w * dim + learning,
        rows,
    )
