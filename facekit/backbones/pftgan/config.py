"""Settings of PFTGAN: the generator, its inversion encoder, and the few-shot adaptation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...training.config import Adaptation, check_recipe
from ...training.config_fields import Checked, check_range, one_of


@dataclass(frozen=True)
class StyleGAN2Pretraining(Checked):
    """Training of a StyleGAN2 generator.

    The defaults are those of stylegan2-ada-pytorch for FFHQ at 256 px (configuration "paper256").

    Attributes:
        resolution: Side of the images in pixels. None is the preset's, or that of the generator of ``weights``. That
            generator gets new blocks for a larger side, see `generator_growth`.
        batch_size: Images per step of all processes together.
        lr: Learning rate.
        betas: Adam's decay rates.
        style_mixing: Probability that the layers of an image from a random one on have another code.
        r1: Weight gamma of the R1 regularisation.
        r1_every: Steps between two R1 regularisations.
        path_length: Weight of the path length regularisation.
        path_length_every: Steps between two path length regularisations.
        path_length_shrink: Divisor of the batch size for it.
        ema_images: Half-life of the running mean of the weights, in images.
        ema_rampup: Upper limit of that half-life as a part of the images seen so far. 0 is no limit.
        ada_target: Mean sign of the logits of real images that adaptive augmentation aims at. 0 is no augmentation.
        ada_images: Images over which the probability of augmentation may rise from 0 to 1.
        ada_every: Steps between two adjustments of that probability.
        reconstructed: Real images per step that an encoder encodes and the generator reconstructs. The file then holds
            the encoder, too. 0, as in the paper, trains no encoder.
        reconstruction: Weight of the losses of these reconstructions, where the discriminator's loss has weight 1.
        discriminate_reconstructions: Whether the discriminator is trained on reconstructions, too, which sharpens them.
        fitted_codes: Real images to which a normal distribution of codes is fitted after the training, see
            `code_distribution`. Samples are then drawn from it. 0, or no encoder (``reconstructed=0``): samples are
            drawn from the mapping network, as in the paper.
        projected: Whether the discriminator works on frozen features (Projected GANs). It needs r1=0.
        keep_discriminator: Whether the file holds StyleGAN2's discriminator.
        bfloat16: Whether to compute in bfloat16 where the machine supports it.
        steps: Number of steps. The default is 25 million images.
    """

    resolution: int | None = None
    batch_size: int = 64
    lr: float = 2.5e-3
    betas: tuple[float, float] = (0.0, 0.99)
    style_mixing: float = 0.9
    r1: float = 1.0
    r1_every: int = 16
    path_length: float = 2.0
    path_length_every: int = 4
    path_length_shrink: int = 2
    ema_images: int = 20_000
    ema_rampup: float = 0.0
    ada_target: float = 0.6
    ada_images: int = 500_000
    ada_every: int = 4
    reconstructed: int = 0
    reconstruction: float = 1.0
    discriminate_reconstructions: bool = False
    fitted_codes: int = 0
    projected: bool = False
    keep_discriminator: bool = True
    bfloat16: bool = False
    steps: int = 390_625


PRETRAIN_256 = StyleGAN2Pretraining()
PRETRAIN_1024 = StyleGAN2Pretraining(batch_size=32, lr=2e-3, r1=10.0, ema_images=10_000, steps=781_250)
# Ours: hours on two cores. gamma follows stylegan2-ada's rule 0.0002 side^2 / batch; path lengths are regularised half
# as often.
PRETRAIN_MINI = StyleGAN2Pretraining(
    batch_size=32,
    r1=0.0256,
    path_length_every=8,
    ema_images=10_000,
    ema_rampup=0.05,
    reconstructed=16,
    fitted_codes=6_000,
    bfloat16=True,
    steps=5_000,
)


@dataclass(frozen=True)
class InversionPretraining(Checked):
    """Training of an inversion encoder.

    The losses are those of pSp and e4e, and ours on generated images.

    Attributes:
        batch_size: Real images per step of all processes together.
        generated: Generated images per real one. Their codes are known. With 0 the loss of known codes is left out.
        keep_generator: Whether the file holds the generator, too, with a distribution of the new codes.
        fitted_codes: Real images to which that distribution is fitted, see `code_distribution`.
        lr: Learning rate.
        betas: Adam's decay rates.
        decay: Part of the run over which the learning rate falls to a tenth.
        l2: Weight of the squared error.
        lpips: Weight of LPIPS.
        deltas: Weight of e4e's penalty on differences between codes of layers.
        codes: Weight of the squared error of codes of generated images.
        truncation: Truncation of the generated images.
        prior: Weight of the latent discriminator's losses, for an encoder that is trained with its generator.
        prior_r1: Weight gamma of the latent discriminator's R1 regularisation.
        rotate: Largest rotation in degrees.
        scale: Smallest and largest zoom.
        shift: Largest shift as a part of the side.
        bfloat16: Whether to compute in bfloat16 where the machine supports it.
        steps: Number of steps.
    """

    batch_size: int = 16
    generated: int = 1
    keep_generator: bool = False
    fitted_codes: int = 6_000
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = 0.4
    l2: float = 1.0
    lpips: float = 0.8
    deltas: float = 1e-3
    codes: float = 0.1
    truncation: float = 1.0
    prior: float = 0.0
    prior_r1: float = 1.0
    rotate: float = 6.0
    scale: tuple[float, float] = (0.94, 1.06)
    shift: float = 0.02
    bfloat16: bool = True
    steps: int = 8_000

    @property
    def weights(self) -> dict[str, float]:
        """Weights of the losses by name."""
        return {"l2": self.l2, "lpips": self.lpips, "codes": self.codes, "deltas": self.deltas}


INVERSION_MINI = InversionPretraining()
# For an encoder that is trained with its generator, whose discriminator's loss is about 1.
INVERSION_JOINT = InversionPretraining(l2=2.0, lpips=2.0, prior=0.5)


# Fields by what reads them: the codes of labelled images, the comparison of images, the streams, the optimiser of the
# stages, the pixel classifiers, and the classifier of landmarks.
_CODES = ("latent_codes", "refine")
_COMPARISON = ("perceptual", "distance_side")
_STREAMS = ("interpolation", "image_stream", "shared", "support_batch", "l2", "fit")
_OPTIMISER = ("steps", "batch_size", "lr", "betas", "warmup", "cosine", "bfloat16")
_CLASSIFIERS = ("members", "classifier_epochs", "classifier_optimiser", "classifier_lr", "pixels", "memory_limit")
_LANDMARKS = ("optimiser", "amsgrad", "weight_decay")


@dataclass(frozen=True)
class PFTGANAdaptation(Adaptation):
    """Fine-tuning of the two streams, then pixel classifiers on the segmentation stream's maps (section 3).

    ``steps`` is T, the number of steps of each stage; for landmarks, which have no stages, that of the head. ``lr``,
    ``betas``, ``warmup`` and ``cosine`` are those of Adam in each stage. The paper gives none of them; the recipe
    "paper" uses those of JoJoGAN, whose loss the paper uses.

    Attributes:
        stages: Steps of Algorithm 1 in a row. "1": toRGB layers towards X_M, "2": all layers towards X_M, "3": toRGB
            layers towards M, "v": all layers towards M ("vanilla ft." of Table 6). "" leaves the generator as it is
            (DatasetGAN).
        interpolation: lambda of equation 5.
        image_stream: Whether there is an image stream. False is the single stream of Table 4.
        shared: Largest side in pixels whose layers both streams share. None is 4/9 of the blocks, 0 is none (Table 5),
            `ALL_SHARED` is all.
        support_batch: Images per step of the image stream.
        perceptual: Name of the perceptual distance, see `perceptual_distance.perceptual`.
        distance_side: Side in pixels at which images are compared. JoJoGAN's is 256.
        l2: Weight of the squared error beside the perceptual distance. The paper has none.
        fit: A stage ends early as soon as the generated label images have this mIoU with their labels, 0 to 1. With 1
            it makes all steps.
        reads_colours: Whether classifiers read the images of the toRGB layers, too: "the outputs can facilitate the
            training of the subsequent Pixel-level Classifier" (section 3.2, on step 3, which has no effect otherwise).
        members: Segmentation only: number of pixel classifiers that vote.
        classifier_epochs: Epochs of each classifier, at most.
        classifier_optimiser: "sgd" (section 4.1) or "adam" (DatasetGAN).
        classifier_lr: Learning rate of the classifiers. Section 4.1 gives 0.5 as the "initial" one, and no schedule.
        pixels: Number of labelled pixels to learn from. None is all of them, as far as they fit into ``memory_limit``.
        memory_limit: Bytes for the features of these pixels.
        refine: Steps in which the codes of labelled images are optimised to reconstruct them better.
        latent_codes: A .npy file of the latent codes of the labelled images, (N, L, w_dim) or (N, w_dim), if the
            generator made these images. The encoder is then used for other images only.
        inversion: File of the encoder, if ``weights`` is the file of a generator without one.
        features: Maps that the classifiers read: "generator", or a baseline of the paper: "vit" (``tower``, a timm
            ViT), "farl" (the embedded tower), "diffusion" (``weights`` is the folder of a diffusers UNet).
        tower: Name of the ViT.
        layers: Blocks that are read, counted from 1.
        input_size: Side of the baseline's input in pixels.
    """

    stages: str = "123"
    interpolation: float = 0.1
    image_stream: bool = True
    shared: int | None = None
    support_batch: int = 4
    perceptual: str = "auto"
    distance_side: int = 256
    l2: float = 0.0
    fit: float = 1.0
    reads_colours: bool = True
    members: int = 1
    classifier_epochs: int = 100
    classifier_optimiser: str = "sgd"
    classifier_lr: float = 0.5
    pixels: int | None = None
    memory_limit: int = 2_000_000_000
    refine: int = 0
    latent_codes: str | None = None
    inversion: str | None = None
    features: str = "generator"
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
        moved = self.views > 1 or self.least_views > 1
        if self.latent_codes is not None and (moved or self.features != "generator"):
            raise ValueError(
                f"latent_codes={self.latent_codes!r} with views={self.views}, least_views={self.least_views} and "
                f"features={self.features!r}: expected views=1, least_views=1 and features='generator', as codes "
                "belong to unmoved images; leave latent_codes out"
            )
        if self.keep_best:
            raise ValueError(
                "keep_best=True: pftgan's stages have no epochs to choose from, expected False; try other recipes by "
                "evaluate"
            )
        extra = [name for name in ("tower", "layers", "input_size") if getattr(self, name) is not None]
        if extra and self.features == "generator":
            raise ValueError(
                f"{extra[0]}={getattr(self, extra[0])!r} with features='generator': expected None, for a generator's "
                "maps have neither; pass features='vit', 'farl' or 'diffusion'"
            )

    def unread(self, task: str) -> dict[str, str]:
        """Return the fields that have no effect for a task with these settings, each with what it needs."""
        own = {"activation": "for segmentation on other backbones"}
        if task == "landmarks":
            unread = ("stages", *_STREAMS, *_CODES, *_COMPARISON)
            own |= dict.fromkeys(unread, "for segmentation and stylization")
        else:
            own |= dict.fromkeys(_LANDMARKS, "for landmarks on pftgan")
            own |= self._unread_of_features() if self.features != "generator" else self._unread_of_stages()
        if task != "segmentation":
            own |= dict.fromkeys((*_CLASSIFIERS, "fit"), "for segmentation")
        if task not in ("segmentation", "landmarks"):
            own["reads_colours"] = "for segmentation and landmarks"
        if self.views == self.least_views == 1:
            own |= dict.fromkeys(("rotate", "scale", "shift", "mirror"), "with views or least_views above 1")
        return super().unread(task) | own

    def _unread_of_features(self) -> dict[str, str]:
        """Return the fields that other features than a generator's do not read."""
        names = ["stages", *_STREAMS, *_CODES, *_COMPARISON, *_OPTIMISER, "reads_colours", "inversion"]
        own = dict.fromkeys(names, "with features='generator'")
        if self.features == "diffusion":
            own["input_size"] = "with features='vit' or 'farl'"
        if self.features != "vit":
            own["tower"] = "with features='vit'"
        return own

    def _unread_of_stages(self) -> dict[str, str]:
        """Return the fields that the stages do not read."""
        if not self.stages:
            own = dict.fromkeys((*_STREAMS, *_OPTIMISER), "with one stage or more")
            return own if self.refine else own | dict.fromkeys(_COMPARISON, "with stages or refine")
        own = {} if set(self.stages) & {"1", "2"} else {"interpolation": "with stage 1 or 2"}
        if not self.image_stream:
            own |= dict.fromkeys(("shared", "support_batch"), "with image_stream=True")
        return own


# More than the side of any generator.
ALL_SHARED = 1 << 16
# Ranges of the views. The encoder's codes of views further from the image are worse.
NEAR: dict[str, Any] = {"rotate": 8.0, "scale": (0.93, 1.07), "shift": 0.03, "jitter": 0.1}
PAPER = PFTGANAdaptation(
    steps=300, batch_size=4, lr=2e-3, betas=(0.0, 0.99), views=1, least_views=1, jitter=0.0, members=10
)
DATASETGAN = replace(PAPER, stages="", reads_colours=False, classifier_optimiser="adam", classifier_lr=1e-3)
QUICK: dict[str, PFTGANAdaptation] = {
    # Without step 3, which trains toRGB layers only: classifiers that read colours were no better
    # (`facekit reproduce pftgan/table6`). Few steps: more of them, or a larger learning rate, fit the label better, but
    # with some labelled faces the parts of other faces are worse. Sharing all layers is as good as sharing the paper's
    # part (both: `python -m benchmarks.pftgan.label_fit --choose`). The classifiers' optimiser is that of "datasetgan",
    # so that the two recipes differ in the stream only; the paper's SGD was as good.
    "segmentation": replace(
        PAPER,
        steps=50,
        stages="12",
        shared=ALL_SHARED,
        reads_colours=False,
        betas=(0.9, 0.99),
        cosine=True,
        l2=1.0,
        support_batch=2,
        classifier_optimiser="adam",
        classifier_lr=1e-3,
        bfloat16=True,
    ),
    "landmarks": PFTGANAdaptation(
        steps=300,
        batch_size=8,
        lr=1e-2,
        warmup=10,
        cosine=True,
        stages="",
        reads_colours=False,
        views=20,
        least_views=100,
        **NEAR,
    ),
    "stylization": replace(PAPER, stages="v", views=4, refine=100, **NEAR),
}
# Baselines of the paper: ten classifiers as in DatasetGAN on other frozen features.
COMPARED = {
    "datasetgan": DATASETGAN,
    "mae": replace(DATASETGAN, features="vit", tower="vit_large_patch16_224.mae"),
    "ddpm": replace(DATASETGAN, features="diffusion"),
    "farl": replace(DATASETGAN, features="farl"),
}
NAMES = ("quick", "paper", *COMPARED)


def named_recipe(recipe: str, task: str, customised: bool, faces: int) -> PFTGANAdaptation:
    """Return the settings of a recipe.

    Args:
        recipe: "paper" (section 4.1; ten classifiers vote), "quick" (two of its stages, with a squared error beside the
            perceptual distance and a falling learning rate), or a baseline: "datasetgan" (the generator as it is),
            "mae" (a ViT), "ddpm" (a diffusion UNet) or "farl" (the embedded tower).
        task: Name of the task.
        customised: Whether labels follow the user's own format. It has no effect here.
        faces: Number of labelled faces. It has no effect here.

    Raises:
        ValueError: If there is no such recipe for the task.
    """
    check_recipe(recipe, NAMES, task, ("segmentation",))
    if recipe == "quick":
        return QUICK[task]
    return PAPER if recipe == "paper" else COMPARED[recipe]
