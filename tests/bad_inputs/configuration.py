"""Bad arguments and configuration fields of the public functions, each refused before a network is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import facekit
from facekit.backbones.farl.config import FaRLAdaptation
from facekit.backbones.pftgan.config import PFTGANAdaptation

NAN, INF = float("nan"), float("inf")
IMAGES = np.full((2, 40, 40, 3), 90, np.uint8)
POINTS = np.array([[[10.0, 10], [30, 10], [20, 30]]] * 2)
MASKS = np.array([[[0, 1] * 20] * 40] * 2, np.uint8)
Row = tuple[str, type[Exception], Callable[[Path], Any], str]


def adapt(backbone: Any = "fsma", **settings: Any) -> Any:
    return facekit.adapt(IMAGES, POINTS, "landmarks", backbone, **{"progress": False, "steps": 1, **settings})


def parts(backbone: str = "fsma", **settings: Any) -> Any:
    steps = {} if settings.get("recipe") in ("farl", "datasetgan") else {"steps": 1}  # these do not read it
    return facekit.adapt(IMAGES, MASKS, "segmentation", backbone, **{"progress": False, **steps, **settings})


def pretrain(backbone: Any = "fsma", images: Any = "generated:4", out: Any = "w.safetensors", **settings: Any) -> Any:
    return facekit.pretrain(backbone, images, **{"out": out, "progress": False, **settings})


def relabel(model: Any, **settings: Any) -> Any:
    return facekit.adapt_labels(model, IMAGES, MASKS, **{"progress": False, "steps": 1, **settings})


def backbone_call(name: str, method: str, value: Any) -> Any:
    return getattr(facekit.load_backbone(name), method)(value)


BACKBONE_CALLS: list[tuple[str, str, Any, type[Exception], str]] = [
    ("farl", "features", 5, TypeError, "x=5: expected a tensor of RGB images"),
    ("farl", "encode", torch.zeros(3, 96, 96), ValueError, r"got shape \(3, 96, 96\); for one image pass x\[None\]"),
    ("fsma", "encode", torch.zeros(1, 3, 128, 128, dtype=torch.uint8), TypeError, "got torch.uint8"),
    ("fsma", "decode", torch.zeros(2, 98), ValueError, r"z: expected latent codes \(N, 99\), got shape \(2, 98\)"),
    ("fsma", "features", torch.zeros(1, 1, 128, 128), ValueError, r"got shape \(1, 1, 128, 128\)"),
    ("synthparse", "features", "face.jpg", TypeError, "x='face.jpg': expected a tensor"),
    ("pftgan", "generate", 5, TypeError, "z=5: expected a tensor of latent codes"),
    ("pftgan", "synthesize", torch.zeros(1, 3), ValueError, "w: expected latent codes"),
    ("pftgan", "encode", np.zeros((1, 3, 64, 64)), TypeError, "expected a tensor of RGB images"),
]


def field(name: str, value: Any, kind: type[Exception], message: str, backbone: str = "fsma") -> Row:
    return f"field {name}={value!r} of {backbone}", kind, lambda f: adapt(backbone, **{name: value}), message


# fmt: off
ROWS: list[Row] = [
    # Fields of another backbone, of another task, and misspelt ones.
    ("fsma with input_size", TypeError, lambda f: adapt(input_size=256),
     r"backbone 'fsma' has no field 'input_size'.*expected.*'farl', 'synthparse' and 'pftgan'"),
    ("fsma with decoder", TypeError, lambda f: adapt(decoder="nonsense"), "no field 'decoder'.*expected.*'synthparse'"),
    ("fsma with tower_lr", TypeError, lambda f: adapt(tower_lr=1e-3), "no field 'tower_lr'.*expected.*'farl'"),
    ("farl with skip", TypeError, lambda f: adapt("farl", skip="1111"), "'farl' has no field 'skip'.*expected.*'fsma'"),
    ("synthparse with stages", TypeError, lambda f: parts("synthparse", stages="1"), "no field 'stages'.*'pftgan'"),
    ("pftgan with adv", TypeError, lambda f: parts("pftgan", adv=2.0), "'pftgan' has no field 'adv'.*expected.*'fsma'"),
    ("a misspelt field", TypeError, lambda f: adapt(batchsize=3), "no field 'batchsize'.*expected.*'batch_size'"),
    ("heatmaps for parts", TypeError, lambda f: parts(heatmaps="l2"),
     "heatmaps has no effect for 'segmentation' on backbone 'fsma': expected it for landmarks"),
    ("activation for points", TypeError, lambda f: adapt(activation="sigmoid"), "activation has no effect.*expected"),
    ("adv for points", TypeError, lambda f: adapt(adv=2.0), "adv has no effect for 'landmarks'.*expected.*stylization"),
    ("weight decay of pftgan's stages", TypeError, lambda f: parts("pftgan", weight_decay=0.1), "no effect.*expected"),
    ("several classifiers of points", TypeError, lambda f: adapt("pftgan", members=3),
     "members has no effect for 'landmarks' on backbone 'pftgan': expected it for segmentation only"),
    ("stages for points", TypeError, lambda f: adapt("pftgan", stages="12"),
     "stages has no effect for 'landmarks'.*expected it for segmentation and stylization only"),
    ("codes of points", TypeError, lambda f: adapt("pftgan", latent_codes="w.npy", views=1, least_views=1),
     "latent_codes has no effect for 'landmarks'.*expected it for segmentation and stylization only"),
    ("stages without a generator", TypeError, lambda f: parts("pftgan", recipe="farl", stages="12"),
     "stages has no effect for 'segmentation'.*expected it with features='generator' only"),
    *(
        (f"pftgan's {field} for points", TypeError, lambda f, own=own: adapt("pftgan", **own),
         f"^{field} has no effect for 'landmarks' on backbone 'pftgan'")
        for own in ({"refine": 5}, {"perceptual": "lpips-alex"}, {"distance_side": 64}, {"classifier_epochs": 3},
                    {"memory_limit": 10_000_000}, {"pixels": 100})
        for field in own
    ),
    ("turned views of one view", TypeError, lambda f: parts("pftgan", rotate=40.0),
     "^rotate has no effect for 'segmentation'.*expected it with views or least_views above 1 only"),
    ("a timm tower of the embedded one", TypeError, lambda f: parts("pftgan", recipe="farl", tower="no_such_model"),
     "^tower has no effect.*expected it with features='vit' only"),
    ("fit of points", TypeError, lambda f: adapt("pftgan", fit=0.5),
     "^fit has no effect for 'landmarks'.*expected it for segmentation only"),
    ("interpolation without a mixed target", TypeError,
     lambda f: facekit.adapt(IMAGES, IMAGES, "stylization", "pftgan", interpolation=0.7),
     "^interpolation has no effect for 'stylization'.*expected it with stage 1 or 2 only"),
    ("images without a stage", ValueError,
     lambda f: facekit.adapt(IMAGES, IMAGES, "stylization", "pftgan", weights="none", stages="", progress=False),
     "^stages='': expected one stage or more for images"),
    ("support images of points", ValueError,
     lambda f: adapt("pftgan", weights="none", support_images=IMAGES),
     "^support_images: expected none for landmarks"),
    ("optimisation without a generator", TypeError, lambda f: parts("pftgan", recipe="farl", lr=1e-3),
     "^lr has no effect for 'segmentation'.*expected it with features='generator' only"),
    ("steps without stages", TypeError, lambda f: parts("pftgan", recipe="datasetgan", steps=5),
     "^steps has no effect for 'segmentation'.*expected it with one stage or more only"),
    ("epochs without stages", TypeError, lambda f: parts("pftgan", recipe="datasetgan", epochs=5),
     "^epochs has no effect for 'segmentation'.*expected it with one stage or more only"),
    ("a distance without comparisons", TypeError, lambda f: parts("pftgan", recipe="datasetgan", distance_side=64),
     "^distance_side has no effect.*expected it with stages or refine only"),
    ("shared layers of one stream", TypeError,
     lambda f: parts("pftgan", recipe=PFTGANAdaptation(steps=1, image_stream=False), shared=0),
     "^shared has no effect.*expected it with image_stream=True only"),
    ("heatmaps in a recipe for parts", TypeError,
     lambda f: parts(recipe=facekit.Adaptation(steps=1, heatmaps="l2")), "heatmaps has no effect.*expected"),
    ("another backbone's recipe", TypeError, lambda f: adapt(recipe=FaRLAdaptation(steps=1)),
     "recipe is FaRLAdaptation: expected a FSMAAdaptation"),
    # Arguments of the public functions: name of the argument, what was expected, what to do.
    ("match with a number", TypeError, lambda f: facekit.match(IMAGES[0], 5),  # type: ignore[arg-type]
     r"^texts=5: expected texts \(str\), got int; pass a list"),
    ("match with a number among texts", TypeError, lambda f: facekit.match(IMAGES[0], ["a", 3]),
     r"^text 1: expected str, got int \(3\); pass a str"),
    ("match with wrong weights", TypeError, lambda f: facekit.match(IMAGES[0], "a", weights=3),  # type: ignore[arg-type]
     "^weights=3: expected a name or a path .*; pass one"),
    ("explain several texts", TypeError, lambda f: facekit.explain(IMAGES[0], ["a"]),  # type: ignore[arg-type]
     r"^text=\['a'\]: expected one text .*got list; call explain for each text"),
    ("explain several images", ValueError, lambda f: facekit.explain(IMAGES, "a"),
     "^image: expected one image, got 2; call explain for each image"),
    ("a list as align", ValueError, lambda f: facekit.predict("landmarks", IMAGES[0], align=["mean"]),  # type: ignore[call-overload]
     r"^align=\['mean'\]: expected one of 'none', .*; choose one"),
    ("a number as boxes of images", TypeError, lambda f: facekit.predict("landmarks", IMAGES, faces=5),
     "^faces=5: expected a list of boxes per image, got int; pass one list"),
    ("another model", TypeError, lambda f: facekit.predict(5, IMAGES[0]),  # type: ignore[call-overload]
     "^model is int: expected .*; pass one of these"),
    ("a number as groups", ValueError, lambda f: facekit.evaluate_by("landmarks", IMAGES, POINTS, 5),  # type: ignore[arg-type]
     "^groups: expected one group's name per image, got 5; pass a list"),
    ("too few groups", ValueError, lambda f: facekit.evaluate_by("landmarks", IMAGES, POINTS, ["a"]),
     "^groups: expected one group per image, got 2 images but 1 groups; pass None"),
    ("load a number", TypeError, lambda f: facekit.load(5),  # type: ignore[arg-type]
     "^path=5: expected a name or a path .*; pass one"),
    ("load what is not there", FileNotFoundError, lambda f: facekit.load("nope.facekit"),
     "^nope.facekit: no such file; expected .*; check the path"),
    ("an unknown task", ValueError, lambda f: facekit.adapt(IMAGES, POINTS, "points"),
     "^task='points': expected one of 'landmarks', .*; choose one"),
    ("an unknown backbone", ValueError, lambda f: adapt("resnet"),
     "^backbone='resnet': expected one of .*; choose one"),
    ("a task that a backbone lacks", ValueError, lambda f: facekit.adapt(IMAGES, POINTS, "attributes"),
     "^backbone 'fsma' cannot do 'attributes': expected one of .*; choose one, or"),
    ("an unknown recipe", ValueError, lambda f: adapt(recipe="fast"), "^recipe='fast': expected one of .*; choose one"),
    ("a recipe of another task", ValueError, lambda f: adapt("pftgan", recipe="paper"),
     r"^recipe='paper': expected a task of the paper \(segmentation\), got 'landmarks'; take recipe='quick'"),
    ("adapter without parser", ValueError, lambda f: relabel("landmarks"),
     "^model: expected one for segmentation, got one for landmarks; pass a parser"),
    ("adapter with unknown reads", ValueError, lambda f: relabel("segmentation", reads="x"),
     "^reads='x': expected one of 'onehot', 'ids'; choose one"),
    ("adapter with unknown encoder", ValueError, lambda f: relabel("segmentation", encoder="x"),
     "^encoder='x': expected an encoder of .*; pass one, such as 'mobilenet_v2'"),
    ("adapter with one channel", TypeError, lambda f: relabel("segmentation", decoder_channels=5),
     "^decoder_channels=5: expected five numbers, got int; pass a tuple"),
    ("uncertainty of one network", ValueError, lambda f: facekit.uncertainty("landmarks", IMAGES[0]),
     "no classifiers that could disagree, expected several; pass a model of"),
    ("a recipe of another type", TypeError, lambda f: adapt(recipe=3), "recipe=3: expected a recipe's name"),
    ("tower with a generator", ValueError, lambda f: parts("pftgan", tower="vit_tiny_patch16_224"),
     "tower=.* with features='generator': expected None"),
    # Ranges and types of fields.
    field("views", 0, ValueError, "views=0: expected at least 1"),
    field("least_views", -1, ValueError, "least_views=-1: expected at least 0"),
    field("steps", -3, ValueError, "steps=-3: expected at least 1"),
    field("batch_size", True, TypeError, "batch_size=True: expected int"),
    field("batch_size", 2.5, TypeError, "batch_size=2.5: expected int"),
    field("lr", 0, ValueError, r"lr=0.0: expected a number above 0"),
    field("lr", INF, ValueError, "lr=inf: expected a number above 0; pass a finite one"),
    field("lr", NAN, ValueError, "lr=nan: expected a number above 0"),
    field("betas", (0.9, 1.0), ValueError, r"betas=\(0.9, 1.0\): expected two numbers from 0 to below 1"),
    field("betas", (0.9,), TypeError, r"betas=\(0.9,\): expected tuple"),
    field("scale", (0, 0), ValueError, r"scale=\(0.0, 0.0\): expected .*0 < least <= most"),
    field("scale", (1.2, 0.8), ValueError, r"scale=\(1.2, 0.8\): expected"),
    field("rotate", NAN, ValueError, "rotate=nan: expected degrees from 0 to 180"),
    field("rotate", 720, ValueError, "rotate=720.0: expected degrees"),
    field("shift", -0.1, ValueError, "shift=-0.1: expected a number from 0 to 1"),
    field("jitter", 5, ValueError, "jitter=5.0: expected a number from 0 to 1"),
    field("weight_decay", -1, ValueError, "weight_decay=-1.0: expected a number of 0 or more"),
    field("warmup", -1, ValueError, "warmup=-1: expected at least 0"),
    field("cache_bytes", -1, ValueError, "cache_bytes=-1: expected at least 0"),
    field("optimiser", "sgd", ValueError, "optimiser='sgd': expected 'adamw' or 'nadam'"),
    field("mirror", "no", TypeError, "mirror='no': expected bool"),
    field("skip", "12345", ValueError, "skip='12345': expected 4 digits"),
    field("baseline", "vgg", ValueError, "baseline='vgg': expected None or 'unet'"),
    field("start", "", ValueError, "start='': expected a name or a file"),
    field("start", "embedded", ValueError, "start='embedded'.*expected start='none'", "farl"),
    field("layers", (0, 1, 2, 3), ValueError, r"layers=\(0, 1, 2, 3\): expected blocks counted from 1", "farl"),
    field("layers", (), ValueError, r"layers=\(\): expected blocks", "farl"),
    field("layers", "4,6", TypeError, "layers='4,6': expected tuple", "farl"),
    field("head_channels", 0, ValueError, "head_channels=0: expected at least 1", "farl"),
    field("tower_lr", INF, ValueError, "tower_lr=inf: expected a number above 0", "synthparse"),
    field("input_size", -128, ValueError, "input_size=-128: expected at least 1", "synthparse"),
    field("decoder_channels", (96, 0, 48, 32, 16), ValueError, "decoder_channels=.*: expected numbers", "synthparse"),
    field("members", 256, ValueError, "members=256: expected a number from 1 to 255", "pftgan"),
    field("interpolation", 1.5, ValueError, "interpolation=1.5: expected a number from 0 to 1", "pftgan"),
    ("amsgrad without AdamW", ValueError, lambda f: adapt(amsgrad=True, optimiser="nadam"), "amsgrad=True.*expected"),
    # Epochs.
    ("epochs and steps", TypeError, lambda f: adapt(epochs=2), "epochs=2: expected epochs or steps, got also steps=1"),
    ("no epochs", ValueError, lambda f: adapt(epochs=0), "epochs=0: expected at least 1"),
    ("half an epoch", TypeError, lambda f: adapt(epochs=0.5), r"epochs=0.5: expected a whole number"),
    # Arguments of adapt.
    ("seed below 0", ValueError, lambda f: adapt(seed=-1), "seed=-1: expected a whole number from 0"),
    ("seed of 70 bits", ValueError, lambda f: adapt(seed=2**70), "seed=1180591620717411303424: expected"),
    ("seed as text", TypeError, lambda f: adapt(seed="1"), "seed='1': expected a whole number"),
    ("device unknown", ValueError, lambda f: adapt(device="banana"), "device='banana': expected one of 'cpu'"),
    ("device not there", ValueError, lambda f: adapt(device="cuda:99"), "device='cuda:99': expected one of 'cpu'"),
    ("device meta", ValueError, lambda f: adapt(device="meta"), "device='meta': expected one of 'cpu'"),
    ("device as a number", TypeError, lambda f: adapt(device=0), "device=0: expected a str"),
    ("align misspelt", ValueError, lambda f: adapt(align="boxes"), "align='boxes': expected one of 'none', 'box'"),
    ("boxes without align", ValueError, lambda f: adapt(faces=[(0, 0, 30, 30)] * 2),
     "faces: expected no boxes with align='none'.*pass align='box'"),
    ("a box too few", ValueError, lambda f: adapt(faces=[(0, 0, 30, 30)]), "2 images but 1 face boxes.*expected"),
    ("boxes as a number", TypeError, lambda f: adapt(faces=3), "faces=3: expected one box per image"),
    ("progress as text", TypeError, lambda f: adapt(progress="bar"), "progress='bar': expected True, False"),
    ("checkpoint is a folder", ValueError, lambda f: adapt(checkpoint=f), "checkpoint=.*: expected a file.*folder"),
    ("checkpoint is a number", TypeError, lambda f: adapt(checkpoint=7), "checkpoint=7: expected"),
    ("validation without labels", TypeError, lambda f: adapt(validation=(IMAGES,)), "validation=.*expected a pair"),
    ("validation of one face's labels", ValueError, lambda f: adapt(validation=(IMAGES, POINTS[:1])),
     "got 2 images but 1 arrays of landmarks"),
    ("weights as a number", TypeError, lambda f: adapt(weights=5), "weights=5: expected a name or a path"),
    ("task as a list", TypeError, lambda f: facekit.adapt(IMAGES, POINTS, ["landmarks"]),  # type: ignore[arg-type]
     "task=.*: expected a name"),
    ("backbone as None", TypeError, lambda f: adapt(None), "backbone=None: expected a name"),
    ("backbone unknown", ValueError, lambda f: adapt("stargan"), "backbone='stargan': expected one of 'fsma'"),
    ("images None", ValueError, lambda f: facekit.adapt(None, POINTS), "expected a path.*got NoneType"),
    # Other public functions.
    ("pretrain no steps", ValueError, lambda f: pretrain(steps=0), "steps=0: expected at least 1"),
    ("pretrain steps below 0", ValueError, lambda f: pretrain(steps=-1), "steps=-1: expected at least 1"),
    ("pretrain until 0", ValueError, lambda f: pretrain(until=0), "until=0: expected at least 1"),
    ("pretrain until -1", ValueError, lambda f: pretrain(until=-1), "until=-1: expected at least 1"),
    ("pretrain half a step", TypeError, lambda f: pretrain(steps=2.5), "steps=2.5: expected a whole number"),
    ("pretrain pixels", TypeError, lambda f: pretrain(images=IMAGES), "images: expected folders .*, got ndarray"),
    ("pretrain no images", TypeError, lambda f: pretrain(images=[]), "images: expected folders .*, got an empty list"),
    ("pretrain out None", TypeError, lambda f: pretrain(out=None), "out=None: expected a name or a path"),
    ("pretrain lr", ValueError, lambda f: pretrain(lr=-1.0), "lr=-1.0: expected a number above 0"),
    ("pretrain a field of another", TypeError, lambda f: pretrain(mim=1.0), "has no field 'mim': expected"),
    ("pretrain an unknown backbone", ValueError, lambda f: pretrain("vgg"), "backbone='vgg': expected one of 'fsma'"),
    ("pretrain save_every", ValueError, lambda f: pretrain(save_every=NAN), "save_every=nan: expected seconds"),
    ("pretrain checkpoint folder", ValueError, lambda f: pretrain(checkpoint=f), "checkpoint=.*expected a file"),
    ("pretrain seed", ValueError, lambda f: pretrain(seed=-5), "seed=-5: expected"),
    ("load_backbone option", TypeError, lambda f: facekit.load_backbone("fsma", inversion="e.pt"),
     "backbone 'fsma' has no option 'inversion': expected one of weights"),
    ("load_backbone name", TypeError, lambda f: facekit.load_backbone(3), "name=3: expected"),  # type: ignore
    ("load_backbone weights", TypeError, lambda f: facekit.load_backbone("fsma", 3),  # type: ignore[arg-type]
     "weights=3: expected"),
    *[(f"{name}.{method}({value!r})", kind, lambda f, n=name, m=method, v=value: backbone_call(n, m, v), message)
      for name, method, value, kind, message in BACKBONE_CALLS],
    ("Adaptation with views 0", ValueError, lambda f: facekit.Adaptation(steps=1, views=0), "views=0: expected"),
    ("Adaptation with lr NaN", ValueError, lambda f: facekit.Adaptation(steps=1, lr=NAN), "lr=nan: expected"),
    ("adapt_labels without a model", TypeError, lambda f: relabel(None), "expected a facekit.Model"),
]
