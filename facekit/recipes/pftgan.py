"""PFTGAN's hyper-parameters: StyleGAN2's own training."""

from __future__ import annotations

from dataclasses import dataclass

from .adaptation import Adaptation


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


@dataclass(frozen=True)
class InversionPretraining:
    """Training an inversion encoder; pSp's and e4e's losses, with ours on the generator's own pictures."""

    batch_size: int = 16  # real ones, of all processes together; as many generated ones come with them
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = 0.4  # part of the run over which the learning rate falls to a tenth
    l2: float = 1.0
    lpips: float = 0.8
    deltas: float = 1e-3
    codes: float = 0.1  # squared error of the codes of generated pictures
    truncation: float = 1.0  # of these
    rotate: float = 6.0
    scale: tuple[float, float] = (0.94, 1.06)
    shift: float = 0.02
    bfloat16: bool = True  # where the machine computes in it
    steps: int = 8_000

    @property
    def weights(self) -> dict[str, float]:
        return {"l2": self.l2, "lpips": self.lpips, "codes": self.codes, "deltas": self.deltas}


INVERSION_MINI = InversionPretraining()


@dataclass(frozen=True)
class PFTGANAdaptation(Adaptation):
    """PFTGAN section 3: fine-tuning of the two streams, then pixel classifiers on the segmentation stream's maps.

    T, the optimiser and rates of the stages are nowhere published: JoJoGAN's, whose loss the paper takes, are the
    defaults.
    """

    # Algorithm 1's steps in a row: "1" toRGB layers towards X_M, "2" all layers towards X_M, "3" toRGB towards M;
    # "v" all layers towards M ("vanilla ft." of Table 6); "" leaves the generator as it is (DatasetGAN).
    stages: str = "123"
    stage_steps: int = 300  # T
    stage_lr: float = 2e-3
    stage_betas: tuple[float, float] = (0.0, 0.99)
    interpolation: float = 0.1  # lambda of equation 5
    image_stream: bool = True  # False: Table 4's single stream
    shared: int | None = None  # px; up to which side both streams share layers. None: 4/9 of them; 0: none (Table 5)
    support_batch: int = 4  # pictures that the image stream sees a step
    perceptual: str = "auto"  # see `backbones.pftgan.perceptual`
    members: int = 1  # pixel classifiers that vote
    classifier_epochs: int = 100  # of each
    classifier_optimiser: str = "sgd"
    classifier_lr: float = 0.5
    pixels: int | None = None  # labelled ones that they learn from; None: all, as far as memory allows
    refine: int = 0  # steps in which the encoder's codes of labelled pictures are made to fit them better
