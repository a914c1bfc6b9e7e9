"""Wrong input of synthparse's own calls: each error names the item, what came, what was expected and what to do.

Other modules test the parts: test_bad_inputs.py single images and masks, test_parsing_datasets.py the files of data
sets, test_synthparse_adaptation.py the fields of configurations.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import facekit
from facekit.data.datasets import GeneratedParsing, LazyFaces, ParsedFace, ParsingSet, crops, mix, split
from facekit.labels import CELEBAMASK_19, FASSEG_6, SYNTHPARSE_11, SegmentationSet

FAST: dict[str, Any] = {"weights": "none", "batch_size": 4, "progress": False, "device": "cpu", "steps": 1}
SIDE = 64


def face(ids: int = 11, value: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise, and a mask in stripes of the ids from `value` up."""
    image = np.random.default_rng(ids).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    return image, np.resize(np.arange(value, ids, dtype=np.uint8).repeat(SIDE), (SIDE, SIDE))


def labelled(count: int = 4, labels: SegmentationSet = SYNTHPARSE_11) -> LazyFaces[ParsedFace]:
    box = (-0.5, -0.5, SIDE - 0.5, SIDE - 0.5)
    return LazyFaces("striped", range(count), lambda i: ParsedFace(f"{i}.png", *face(len(labels)), box, labels))


IMAGES, MASKS = ([part for _ in range(4)] for part in face())
BLANK = np.full((SIDE, SIDE, 3), 128, np.uint8)


def learned(images: Any = IMAGES, masks: Any = MASKS, **settings: Any) -> facekit.Model:
    settings = {"names": SYNTHPARSE_11, "input_size": SIDE, **FAST, **settings}
    return facekit.adapt(images, masks, "segmentation", "synthparse", **settings)


def relabelled(model: Any, images: Any = IMAGES, masks: Any = MASKS, **settings: Any) -> facekit.Model:
    return facekit.adapt_labels(model, images, masks, **{**FAST, **settings})


@pytest.fixture(scope="module")
def parser() -> facekit.Model:
    return learned(seed=1)


Row = tuple[str, Callable[[facekit.Model], Any], type[Exception], str]
UNKNOWN = [*MASKS[:2], MASKS[2] + 9, MASKS[3]]
SMALLER = [*MASKS[:3], MASKS[3][1:]]
IGNORED = [np.full_like(m, 255) for m in MASKS]
# fmt: off
ROWS: list[Row] = [
    # training
    ("ids beyond the set", lambda m: learned(masks=UNKNOWN), ValueError,
     r"^mask 2: expected ids 0 to 10, or 255 for ignored, got 11, 12, 13, 14, 15, 16, 17, 18 ... .*; map your ids"),
    ("another size", lambda m: learned(masks=SMALLER), ValueError,
     r"^mask 3: expected its image's height x width 64 x 64, got 63 x 64; resize it with nearest"),
    ("too few masks", lambda m: learned(masks=MASKS[:3]), ValueError,
     r"^expected one mask per image, got 4 images but 3 masks"),
    ("nothing labelled", lambda m: learned(masks=IGNORED), ValueError,
     r"^masks: expected .*, got only ignored pixels .* in all 4"),
    ("no images", lambda m: learned([], []), ValueError, r"^no images: .*got an empty list .*pass at least one"),
    ("no face by the paper's cascades", lambda m: learned([BLANK] * 4, align="haar"), ValueError,
     r"^image 0: no face found; pass faces= with its box, or align='none' if it is a face crop"),
    ("no face by landmarks", lambda m: learned([BLANK] * 4, align="landmarks"), ValueError, r"^image 0: no face found"),
    ("validation of another size", lambda m: learned(recipe="paper", validation=(IMAGES, SMALLER)), ValueError,
     r"^mask 3: expected its image's height x width 64 x 64, got 63 x 64"),
    ("validation beyond the set", lambda m: learned(recipe="paper", validation=(IMAGES, UNKNOWN)), ValueError,
     r"^mask 2: expected ids 0 to 10, .*got 11"),
    # the label adapter
    ("adapter: ids beyond the set", lambda m: relabelled(m, masks=UNKNOWN), ValueError,
     r"^mask 2: expected ids 0 to 10, .*got 11"),
    ("adapter: ids beyond the target's set", lambda m: relabelled(m, names=FASSEG_6), ValueError,
     r"^mask 0: expected ids 0 to 5, .*got 6, 7, 8, 9, 10 "),
    ("adapter: another size", lambda m: relabelled(m, masks=SMALLER), ValueError, r"^mask 3: .* got 63 x 64"),
    ("adapter: too few masks", lambda m: relabelled(m, masks=MASKS[:1]), ValueError,
     r"^expected .*, got 4 images but 1 masks"),
    ("adapter: nothing labelled", lambda m: relabelled(m, masks=IGNORED), ValueError,
     r"^masks: expected .*, got only ignored pixels"),
    ("adapter: no images", lambda m: relabelled(m, [], []), ValueError, r"^no images"),
    ("adapter: a box too few", lambda m: relabelled(m, faces=[(0, 0, 50, 50)]), ValueError,
     r"^4 images but 1 face boxes: pass one box per image"),
    ("adapter: a number for the model", lambda m: relabelled(3), TypeError,
     r"^model is int: expected a facekit.Model, the path of a .facekit file, or one of 'landmarks'"),
    ("adapter: neither a ready model nor a file", lambda m: relabelled("nose-finder"), ValueError,
     r"^nose-finder: no such file or ready model, expected a .facekit file or 'landmarks'"),
    ("adapter: weights misspelt", lambda m: relabelled(m, weights="image-net"), ValueError,
     r"^weights='image-net': expected one of 'auto', 'imagenet', 'none'"),
    ("adapter: unknown decoder", lambda m: relabelled(m, decoder="vgg"), ValueError, r"'vgg': expected one of .*'fcn'"),
    ("adapter: unknown encoder", lambda m: relabelled(m, encoder="vgg"), ValueError, "^encoder='vgg': expected an enc"),
    ("adapter: no steps", lambda m: relabelled(m, steps=0), ValueError, r"^steps=0: expected at least 1"),
    ("adapter: empty batches", lambda m: relabelled(m, batch_size=0), ValueError, r"batch_size=0: expected at least"),
    # data
    ("empty mix", lambda m: mix({}, 4, {"a": labelled()}), ValueError,
     r"^expected at least one part .* got 0 parts and n=4; name a source"),
    ("mix of no faces", lambda m: mix({"a": 1.0}, 0, {"a": labelled()}), ValueError,
     r"^expected .* one face, got 1 parts and n=0; .* n of at least 1"),
    ("mix without sources", lambda m: mix({"a": 1.0}, 4, {}), ValueError, r"^source 'a': expected one of none, got"),
    ("mix of an empty source", lambda m: mix({"a": 1.0}, 4, {"a": labelled(0)}), ValueError,
     r"^source 'a': expected 4 faces for 4 in total, got 0"),
    ("split of nothing", lambda m: split(labelled(0)), ValueError,
     r"^expected at least 3 faces for 3 sets, got 0; pass more"),
    ("crops of nothing", lambda m: crops(labelled(0), 32), ValueError,
     r"^expected at least one face, got no faces; pass at least one"),
    ("crops of an empty mix", lambda m: crops(ParsingSet({}, []), 32), ValueError,
     r"^expected at least one face, got no faces"),
    ("no generated faces", lambda m: crops(GeneratedParsing(0), 32), ValueError,
     r"^expected at least 1 generated face, got 0; pass count="),
    ("crops in two label sets", lambda m: crops(mix({"a": 0.5, "b": 0.5}, 8, {
        "a": labelled(), "b": labelled(labels=CELEBAMASK_19)}), 32), ValueError,
     r"^expected faces labelled in one set, got celebamask19 and synthparse11; .* same labels="),
]
# fmt: on


@pytest.mark.parametrize(
    ("call", "kind", "message"), [pytest.param(call, kind, message, id=name) for name, call, kind, message in ROWS]
)
def test_bad_input(parser: facekit.Model, call: Callable[..., Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call(parser)
    assert re.search(message, str(caught.value)), f"{caught.value}\ndoes not match\n{message}"
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)


@pytest.mark.parametrize("align", ["haar", "box", "landmarks", "mean", "tanh"])
def test_no_face_in_any_image(parser: facekit.Model, align: str) -> None:
    for images in (BLANK, [BLANK, BLANK]):
        with pytest.warns(
            UserWarning, match="image.*: no face found; pass faces= with its box, or align='none'"
        ) as seen:
            found = facekit.predict(parser, images, align=align)
        empty = [found] if images is BLANK else found
        assert len(seen) == len(empty) and all(isinstance(f, facekit.results.Faces) and not f for f in empty)
        assert seen[0].filename == __file__
    # Scores are of all images: where no face is found, of the whole one.
    assert 0 <= facekit.evaluate(parser, [BLANK], [MASKS[0]], align=align)["accuracy"] <= 100


@pytest.mark.slow
def test_classes_that_never_occur_are_named() -> None:
    few = face(9)[1]  # without lower lip and hair
    message = r"no pixel of 2 of the 11 classes in 4 masks \(lower_lip, hair\), expected some of each.*add masks"
    with pytest.warns(UserWarning, match=message) as seen:
        model = learned(masks=[few] * 4)
    assert [w.filename for w in seen if "no pixel" in str(w.message)] == [__file__]
    with pytest.warns(UserWarning, match=message):
        relabelled(model, masks=[few] * 4)
    with pytest.warns(UserWarning, match=r"no pixel of 5 of the 6 classes .*\(skin, hair_and_brows"):
        relabelled(model, masks=[few * 0] * 4, names=FASSEG_6)
    with pytest.warns(UserWarning, match=r"no pixel of 18 of the 19 .*\.\.\.\)"):
        learned(masks=[few * 0 + 1] * 4, names=CELEBAMASK_19)
    with pytest.warns(UserWarning, match=r"no pixel of 1 of the 11 classes .*lower_lip|class"):
        learned(masks=[np.where(MASKS[0] == 9, 8, MASKS[0]).astype(np.uint8)] * 4, names=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learned(masks=[few, few, face(11, 9)[1], few])


def test_a_target_with_no_class_in_common_is_learned(parser: facekit.Model) -> None:
    """The adapter reads what the parser says, by whatever names: none has to be shared."""
    model = relabelled(parser, masks=[face(3)[1]] * 4, names=["nothing", "helmet", "visor"])
    assert [c for c in model.task.labels.classes if c in parser.task.labels.classes] == []
    assert set(np.unique(facekit.predict(model, IMAGES[0]).mask)) <= {0, 1, 2}


def test_a_parser_that_says_nothing_is_told(parser: facekit.Model) -> None:
    mute = learned(seed=2)
    for part in mute.network.model.segmentation_head.parameters():
        part.data.zero_()
    mute.network.model.segmentation_head[0].bias.data[SYNTHPARSE_11.index("nose")] = 1
    with pytest.warns(UserWarning, match="predicts 'nose' at every pixel of all 4 faces, .*check its align"):
        relabelled(mute)
