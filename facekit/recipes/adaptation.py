"""What every adaptation recipe is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Adaptation:
    """Supervised few-shot adaptation. Fields that one backbone alone knows say so; others do without them."""

    steps: int
    batch_size: int = 20
    lr: float = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    optimiser: str = "adamw"  # or "nadam"
    amsgrad: bool = False
    weight_decay: float = 0.0  # AdamW's
    warmup: int = 0  # steps of linear warm-up
    cosine: bool = False  # the learning rate falls to 0 along a half cosine
    # Augmented views a face: their frozen features are computed once. Short sets get more, so that all have
    # `least_views`.
    views: int = 10
    least_views: int = 500
    rotate: float = 20.0
    scale: tuple[float, float] = (0.85, 1.15)
    shift: float = 0.06
    jitter: float = 0.2
    mirror: bool = True
    instance_norm: bool = False  # fsma: in the skip layers, instead of batch norm
    skip: str | None = None  # fsma; None: all skip layers
    # fsma. "unet": the same network, but nothing is frozen and all of it starts from random weights (Table 5).
    baseline: str | None = None
    heatmaps: str = "softmax"  # landmarks: "l2" is the paper's squared error, see `tasks.landmarks`
    activation: str = "softmax"  # segmentation: "sigmoid" asks about every class by itself, see `tasks.segmentation`
    wild: bool = False  # segmentation: views as section 3.1.2 of synthparse makes them, see `facekit.wild`
    keep_best: bool = False  # the weights of the epoch that does best on adapt()'s `validation` are kept
    # farl: blocks that the head reads, counted from 1 (None: 4, 6, 8, 12 of 12); channels inside UperNet (None: 64 on
    # the embedded tower, else the tower's width).
    layers: tuple[int, ...] | None = None
    head_channels: int | None = None
    input_size: int | None = None  # farl, synthparse: px (None: what the tower was trained on; the paper's 128)
    tower: str | None = None  # farl: a timm ViT by name in the tower's place
    tower_lr: float | None = None  # farl, synthparse: the tower or encoder trains at this rate (FaRL_ft)
    # synthparse: the segmentation model and its encoder by segmentation_models_pytorch's names.
    decoder: str = "unet"
    encoder: str = "mobilenet_v2"
    decoder_channels: tuple[int, ...] | None = None  # of UNet's five stages, coarsest first (None: the library's own)
    adv: float = 1.0  # weight of L_adv beside L_rec in grey levels, for tasks that have it
    cache: bool = True  # False: compute the frozen features anew at every step (the same numbers, slower)
    cache_bytes: int = 1_000_000_000  # above this the features go to a file on disk
    # Where the trained layers start. "none": fsma's transfer layers as identities, the rest random. "embedded": fsma's
    # layers that were fitted on labelled generated faces (no real label), synthparse's head from the ready parser's, if
    # they fit the network. Or a .facekit file of the user's.
    start: str = "none"
    bfloat16: bool = False  # where the machine computes in it
