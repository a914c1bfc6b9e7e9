"""PFTGAN's hyper-parameters: those of the generator, of its inversion encoder and of the few-shot adaptation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...training.config import Adaptation
from ...training.config_fields import Checked, check_range, one_of


@dataclass(frozen=True)
class StyleGAN2Pretraining(Checked):
    """Training a generator; the values are stylegan2-ada-pytorch's for FFHQ at 256 px (configuration "paper256")."""

    batch_size: int = 64  # of all processes together
    lr: float = 2.5e-3
    betas: tuple[float, float] = (0.0, 0.99)
    style_mixing: float = 0.9  # chance that an image's layers from a random one on have another code
    r1: float = 1.0  # gamma
    r1_every: int = 16
    path_length: float = 2.0
    path_length_every: int = 4
    path_length_shrink: int = 2  # the batch divided by this
    ema_images: int = 20_000  # half-life of the mean weights
    ema_rampup: float = 0.0  # of the images seen so far, as an upper limit of that half-life; 0: none
    ada_target: float = 0.6  # mean sign of real images' logits; 0: no augmentation
    ada_images: int = 500_000  # in which the chance of a change may go from 0 to 1
    ada_every: int = 4
    # Real images a step that an encoder finds and the generator shows again ("l2" and "lpips" of INVERSION_BESIDE);
    # 0: none, as in the paper. The file then holds the encoder, too.
    reconstructed: int = 0
    again: float = 1.0  # weight of all that is asked of these, against the discriminator's loss
    judged_again: bool = False  # the discriminator judges those, too: sharper than the mean of what they could be
    projected: bool = False  # a discriminator on frozen features (Projected GANs), not StyleGAN2's; r1=0 goes with it
    keep_discriminator: bool = True  # the discriminator in the file, too, if it is StyleGAN2's
    bfloat16: bool = False  # where the machine computes in it
    steps: int = 390_625  # 25 million images


PRETRAIN_256 = StyleGAN2Pretraining()
PRETRAIN_1024 = StyleGAN2Pretraining(batch_size=32, lr=2e-3, r1=10.0, ema_images=10_000, steps=781_250)
# Ours: hours on two cores. gamma by stylegan2-ada's rule .0002 side^2 / batch; path lengths half as often.
PRETRAIN_MINI = StyleGAN2Pretraining(
    batch_size=32, r1=0.0256, path_length_every=8, ema_images=10_000, ema_rampup=0.05, reconstructed=16,
    bfloat16=True, steps=5_000,
)  # fmt: skip


@dataclass(frozen=True)
class InversionPretraining(Checked):
    """Training an inversion encoder; pSp's and e4e's losses, with ours on the generator's own images."""

    batch_size: int = 16  # real ones, of all processes together; as many generated ones come with them
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = 0.4  # part of the run over which the learning rate falls to a tenth
    l2: float = 1.0
    lpips: float = 0.8
    deltas: float = 1e-3
    codes: float = 0.1  # squared error of the codes of generated images
    truncation: float = 1.0  # of these
    # Beside a generator that is still learning: weight of the latent discriminator's losses, and its gamma.
    prior: float = 0.0
    prior_r1: float = 1.0
    rotate: float = 6.0
    scale: tuple[float, float] = (0.94, 1.06)
    shift: float = 0.02
    bfloat16: bool = True  # where the machine computes in it
    steps: int = 8_000

    @property
    def weights(self) -> dict[str, float]:
        return {"l2": self.l2, "lpips": self.lpips, "codes": self.codes, "deltas": self.deltas}


INVERSION_MINI = InversionPretraining()
# Beside a generator that is still learning: against its discriminator's loss, which is about 1.
INVERSION_BESIDE = InversionPretraining(l2=2.0, lpips=2.0, prior=0.5)


@dataclass(frozen=True)
class PFTGANAdaptation(Adaptation):
    """PFTGAN section 3: fine-tuning of the two streams, then pixel classifiers on the segmentation stream's maps.

    `steps` is T, of each stage (for landmarks, which have no stages, of their head); lr and betas are Adam's in the
    stages. None of them is published: the recipes take JoJoGAN's, whose loss the paper takes.
    """

    # Algorithm 1's steps in a row: "1" toRGB layers towards X_M, "2" all layers towards X_M, "3" toRGB towards M;
    # "v" all layers towards M ("vanilla ft." of Table 6); "" leaves the generator as it is (DatasetGAN).
    stages: str = "123"
    interpolation: float = 0.1  # lambda of equation 5
    image_stream: bool = True  # False: Table 4's single stream
    shared: int | None = None  # px; up to which side both streams share layers. None: 4/9 of them; 0: none (Table 5)
    support_batch: int = 4  # images that the image stream sees a step
    perceptual: str = "auto"  # see `backbones.pftgan.perceptual`
    # The classifiers read what the stream has painted by each side, too: "the outputs can facilitate the training of
    # the subsequent Pixel-level Classifier" (section 3.2, of step 3, which without them would be for nothing).
    reads_colours: bool = True
    members: int = 1  # pixel classifiers that vote
    classifier_epochs: int = 100  # of each, at most
    classifier_optimiser: str = "sgd"
    classifier_lr: float = 0.5
    pixels: int | None = None  # labelled ones that they learn from; None: all, as far as they fit
    memory_limit: int = 2_000_000_000  # bytes that their features may take
    refine: int = 0  # steps in which the encoder's codes of labelled images are made to fit them better
    inversion: str | None = None  # the encoder's file, where adapt()'s weights= is a generator's
    # Whose maps the classifiers read. "generator"; or what the paper compares with: "vit" (`tower`, a timm ViT),
    # "farl" (its embedded tower), "diffusion" (a diffusers UNet's folder as weights=). Those have no stages; `layers`
    # are the blocks that are read.
    features: str = "generator"
    # Of the compared features: the ViT's name, the blocks that are read (counted from 1), the input's side in px.
    tower: str | None = None
    layers: tuple[int, ...] | None = None
    input_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("features", self.features, one_of("generator", "vit", "farl", "diffusion"))
        unknown = sorted(set(self.stages) - set("123v"))
        if unknown:
            raise ValueError(
                f"stages={self.stages!r}: expected some of '1', '2', '3', 'v' in a row, such as '123', or '' for the "
                "generator as it is"
            )
        if self.keep_best:
            raise ValueError(
                "keep_best=True: pftgan's stages have no epochs to choose from, expected False; try other recipes by "
                "evaluate"
            )
        given = [name for name in ("tower", "layers", "input_size") if getattr(self, name) is not None]
        if given and self.features == "generator":
            raise ValueError(
                f"{given[0]}={getattr(self, given[0])!r} with features='generator': expected None, for a generator's "
                "maps have neither; pass features='vit', 'farl' or 'diffusion'"
            )

    def unread(self, task: str) -> dict[str, str]:
        """Return the fields that have no effect for a task: Adam and the classifiers have settings of their own."""
        head = ("optimiser", "amsgrad", "weight_decay", "warmup", "cosine")
        own = {} if task == "landmarks" else dict.fromkeys(head, "for landmarks on pftgan")
        return super().unread(task) | own | {"activation": "for segmentation on other backbones"}


# Views beside the image itself stay near it: what the encoder finds of others is worse.
NEAR: dict[str, Any] = {"rotate": 8.0, "scale": (0.93, 1.07), "shift": 0.03, "jitter": 0.1}
PAPER = PFTGANAdaptation(steps=300, batch_size=4, lr=2e-3, betas=(0.0, 0.99), views=1, least_views=1, members=10)
DATASETGAN = replace(PAPER, stages="", reads_colours=False, classifier_optimiser="adam", classifier_lr=1e-3)
QUICK: dict[str, PFTGANAdaptation] = {
    # Step 3 moves colours only, and classifiers that read those were no better (benchmarks/parts.py ablations).
    "segmentation": replace(PAPER, steps=100, stages="12", reads_colours=False),
    "landmarks": PFTGANAdaptation(
        steps=300, batch_size=8, lr=1e-2, warmup=10, cosine=True, stages="", reads_colours=False, views=20,
        least_views=100, **NEAR,
    ),
    "stylization": replace(PAPER, stages="v", views=4, refine=100, **NEAR),
}  # fmt: skip
# What the paper compares with: ten classifiers as DatasetGAN's on other frozen features.
COMPARED = {
    "datasetgan": DATASETGAN,
    "mae": replace(DATASETGAN, features="vit", tower="vit_large_patch16_224.mae"),
    "ddpm": replace(DATASETGAN, features="diffusion"),
    "farl": replace(DATASETGAN, features="farl"),
}
NAMES = ("quick", "paper", *COMPARED)


def named_recipe(recipe: str, task: str, customised: bool, faces: int) -> PFTGANAdaptation:
    """The settings of a recipe by name: "paper" (section 4.1 as far as it says; ten classifiers vote), "quick" (a third
    of its steps, and two of its stages) or what the paper compares with: "datasetgan" (the generator as it is), "mae"
    (a ViT), "ddpm" (a diffusion UNet) or "farl" (our embedded tower). Raises ValueError that lists the names, or for a
    task that the papers do not have."""
    if recipe not in NAMES:
        raise ValueError(f"recipe={recipe!r}: expected one of {', '.join(map(repr, NAMES))} or a PFTGANAdaptation")
    if recipe == "quick":
        return QUICK[task]
    if task != "segmentation":
        raise ValueError(f"recipe={recipe!r}: the paper is about segmentation, not {task!r}: take recipe='quick'")
    return PAPER if recipe == "paper" else COMPARED[recipe]
