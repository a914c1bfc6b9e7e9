"""PFTGAN's hyper-parameters: StyleGAN2's own training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StyleGAN2Pretraining:
    """Training a generator; the values are stylegan2-ada-pytorch's for FFHQ at 256 px (configuration "paper256")."""

    batch_size: int = 64  # of all processes together
    lr: float = 2.5e-3
    betas: tuple[float, float] = (0.0, 0.99)
    style_mixing: float = 0.9  # chance that a picture's layers from a random one on have another code
    r1: float = 1.0  # gamma
    r1_every: int = 16
    path_length: float = 2.0
    path_length_every: int = 4
    path_length_shrink: int = 2  # the batch divided by this
    ema_pictures: int = 20_000  # half-life of the mean weights
    ema_rampup: float = 0.0  # of the pictures seen so far, as an upper limit of that half-life; 0: none
    ada_target: float = 0.6  # mean sign of real pictures' logits; 0: no augmentation
    ada_pictures: int = 500_000  # in which the chance of a change may go from 0 to 1
    ada_every: int = 4
    bfloat16: bool = False  # where the machine computes in it
    steps: int = 390_625  # 25 million pictures


PRETRAIN_256 = StyleGAN2Pretraining()
PRETRAIN_1024 = StyleGAN2Pretraining(batch_size=32, lr=2e-3, r1=10.0, ema_pictures=10_000, steps=781_250)
# Ours: hours on two cores. gamma by stylegan2-ada's rule .0002 side^2 / batch; path lengths half as often.
PRETRAIN_MINI = StyleGAN2Pretraining(
    batch_size=32, r1=0.0256, path_length_every=8, ema_pictures=10_000, ema_rampup=0.05, bfloat16=True, steps=10_000
)
