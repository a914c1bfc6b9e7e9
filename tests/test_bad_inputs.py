"""Every bad input in the table raises an error that names the item, what was expected and what to do.

One row per input: what is wrong, a call that must fail, and what its message must hold in this order. `f` in a call is
a folder of prepared files (see `f` below). Rows of images raise ImageError, rows of labels plain ValueError. The
modules of `tests/bad_inputs` hold the rows of the other parts of the package, with the type of the error in each row.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bad_inputs
import numpy as np
import pytest
import torch
from PIL import Image

from facekit.annotations.checks import check_attributes, check_landmarks, check_targets
from facekit.annotations.mask_checks import check_masks
from facekit.images.reader import ImageError, list_images, load_image, read_images, save_image, to_tensor

NAN, INF = float("nan"), float("inf")
GOOD = np.full((6, 8, 3), 90, np.uint8)
COLOUR = np.array([0, 0, 30], np.uint8)  # equal channels would be ids
SIZES = [(6, 8), (6, 8)]
NAMES = ["anna.png", "ben.png"]
FACES = np.array([[[1.0, 2], [3, 4]], [[2, 2], [5, 5]]])
IDS = np.array([[0, 1, 2, 1, 0, 0, 0, 0]] * 6)


@pytest.fixture(scope="module")
def f(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and broken files: see the names."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("empty folder", "only text", "mixed", "masks"):
        (folder / name).mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    for kind in ("png", "jpg"):
        Image.fromarray(noise).save(folder / f"whole.{kind}")
        whole = (folder / f"whole.{kind}").read_bytes()
        (folder / f"truncated.{kind}").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("not an image")
    (folder / "page.jpg").write_text("<!DOCTYPE html>")
    header = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (folder / "bomb.png").write_bytes(bomb + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    (folder / "only text" / "notes.txt").write_text("no images here")
    Image.fromarray(GOOD).save(folder / "mixed" / "1.png")
    (folder / "mixed" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    Image.fromarray(GOOD + COLOUR).save(folder / "colours.png")
    Image.fromarray(IDS.astype(np.uint8)).save(folder / "ids.jpg")
    Image.fromarray(IDS.astype(np.uint8)).save(folder / "masks" / "anna.png")
    Image.fromarray(IDS.astype(np.uint8)).save(folder / "masks" / "carl.png")
    return folder


def changed(array: np.ndarray, index: Any, value: float) -> np.ndarray:
    array = array.copy()
    array[index] = value
    return array


def masks(labels: Any, classes: int | None = 3, **options: Any) -> list[np.ndarray]:
    return check_masks(labels, SIZES, classes, names=NAMES, **options)


def landmarks(labels: Any, k: int | None = None) -> np.ndarray:
    return check_landmarks(labels, SIZES, NAMES, k)


def attributes(labels: Any, names: list[str] | None = None) -> np.ndarray:
    return check_attributes(labels, 2, NAMES, names)


def float_image(value: float) -> np.ndarray:
    return changed(np.full((6, 8, 3), 0.5, np.float32), (2, 5, 0), value)


Row = tuple[str, Callable[[Path], Any], str]

# fmt: off
IMAGES: list[Row] = [
    # files
    ("missing file", lambda f: load_image(f / "gone.png"),
     r"^gone.png: no such file .*expected an image; check the path"),
    ("missing in a list", lambda f: read_images([GOOD, str(f / "gone.png")]),
     r"^image 1 \(gone.png\): no such file"),
    ("empty path", lambda f: load_image(""),
     r"^'': no such file"),
    ("empty file", lambda f: load_image(f / "empty.png"),
     r"^empty.png: expected .*empty file \(0 bytes\); .*download it again"),
    ("truncated png", lambda f: load_image(f / "truncated.png"),
     r"^truncated.png: expected a whole image, .*truncated"),
    ("truncated jpeg", lambda f: load_image(f / "truncated.jpg"),
     r"^truncated.jpg: expected a whole image, .*truncated"),
    ("text called png", lambda f: load_image(f / "text.png"),
     r"^text.png: not a readable image.*expected JPEG, PNG.*save it"),
    ("web page called jpg", lambda f: load_image(f / "page.jpg"),
     r"^page.jpg: not a readable image.*expected.*a web page"),
    ("web address", lambda f: load_image("https://example.org/a.png"),
     r"^a.png: expected a file, got a web address; download"),
    ("bomb", lambda f: load_image(f / "bomb.png"),
     r"^bomb.png: .*at most 100 megapixels, got .*1600.0 megapixels\); shrink"),
    ("bomb in memory", lambda f: load_image(np.broadcast_to(np.uint8(0), (11000, 10000, 3))),
     r"10000 x 11000.*110.0 mega"),
    ("truncated PIL image", lambda f: read_images([GOOD, Image.open(f / "truncated.jpg")]),
     r"^image 1: expected .*truncated"),
    # folders
    ("missing folder", lambda f: list_images(f / "gone"),
     r"gone: .*, expected a folder.*; check the"),
    ("folder without files", lambda f: read_images(f / "empty folder"),
     r"empty folder: no images .*expected .jpg"),
    ("folder of other files", lambda f: read_images(f / "only text"),
     r"only text: .*1 other files.*expected.*; pass the folder"),
    ("corrupt file in a folder", lambda f: read_images(f / "mixed"),
     r"^2.png: not a readable image file, expected.*truncated"),
    ("folder in a list", lambda f: read_images([f / "mixed"]),
     r"^image 0 \(mixed\): expected one image, got a folder; pass"),
    ("folder as one image", lambda f: load_image(f / "mixed"),
     r"^mixed: expected one image, got a folder; pass the folder"),
    # shapes
    ("zero-sized array", lambda f: load_image(np.zeros((0, 8, 3), np.uint8)),
     r"^image: expected at least 1.*zero-sized .*8 x 0"),
    ("zero-sized PIL", lambda f: load_image(Image.new("RGB", (0, 4))),
     r"^image: expected at least 1 x 1 .*zero-sized .*0 x 4"),
    ("zero-sized tensor", lambda f: load_image(torch.zeros(3, 4, 0)),
     r"^image: expected .*zero-sized .*0 x 4.*; check the crop"),
    ("rank 1", lambda f: load_image(np.zeros(12, np.uint8), "mine"),
     r"^mine: expected \(H,W,3\).*numpy array of rank 1.*; reshape"),
    ("rank 5", lambda f: read_images([np.zeros((1, 1, 2, 2, 3))]),
     r"^image 0: expected \(H,W,3\).*numpy array of rank 5"),
    ("rank 1 tensor", lambda f: load_image(torch.zeros(7)),
     r"^image: expected \(3,H,W\).*torch tensor of rank 1.*; reshape"),
    ("two channels", lambda f: load_image(GOOD[..., :2]),
     r"^image: expected \(H,W,3\).*\(6, 8, 2\); keep 1, 3 or 4"),
    ("numpy channels first", lambda f: load_image(GOOD.transpose(2, 0, 1)),
     r"expected.*\(3, 6, 8\); .*transpose\(1, 2, 0\)"),
    ("torch channels last", lambda f: read_images([torch.from_numpy(GOOD)]),
     r"^image 0: expected \(3,H,W\).*\(6, 8, 3\); .*permute"),
    ("torch batch channels last", lambda f: read_images(torch.zeros(2, 6, 8, 3)),
     r"^image 0: .*\(6, 8, 3\).*permute\(2, 0, 1\)"),
    ("torch five channels", lambda f: load_image(torch.zeros(5, 6, 8)),
     r"expected \(3,H,W\).*\(5, 6, 8\); keep 1, 3 or 4"),
    ("a batch for one image", lambda f: load_image(GOOD[None]),
     r"expected.*rank 4.*this is a batch"),
    ("a batch in a list", lambda f: read_images([torch.zeros(2, 3, 6, 8)]),
     r"^image 0: expected.*rank 4.*pass it alone"),
    # numbers
    ("NaN", lambda f: read_images([GOOD, float_image(NAN)]),
     r"^image 1: expected.*\[0,1\], got 1 values.*row 2, column 5\); replace"),
    ("inf in a tensor", lambda f: load_image(torch.full((3, 2, 2), INF)),
     r"^image: expected.*got 12 values that are NaN or inf"),
    ("0 to 255 as float", lambda f: load_image(GOOD.astype(np.float32)),
     r"\[0,1\], got floats from 90 to 90; divide it by 255"),
    ("-1 to 1", lambda f: load_image(torch.full((3, 2, 2), -0.5)),
     r"expected.*\[0,1\], got floats from -0.5 .*\(x \+ 1\) / 2"),
    ("float far out", lambda f: read_images([float_image(1e6)]),
     r"^image 0: .*got floats from 0.5 to 1e\+06; scale it to \[0,1\]"),
    ("bool array", lambda f: load_image(np.ones((2, 2), bool)),
     r"^image: expected.*got a bool array \(a mask\?\); .*mask \* numpy"),
    ("int64", lambda f: load_image(GOOD.astype(np.int64)),
     r"^image: expected uint8.*got numbers of type int64; .*convert it to"),
    ("complex", lambda f: load_image(GOOD.astype(complex)),
     r"^image: expected uint8.*got numbers of type complex128"),
    ("array of words", lambda f: load_image(np.array([["a", "b"]])),
     r"^image: expected uint8.*got numbers of type <U1"),
    ("PIL I out of range", lambda f: load_image(Image.new("I", (2, 2), 70000)),
     r'expected 0 to 65535 in PIL mode "I", got values 70000'),
    ("PIL F out of range", lambda f: load_image(Image.new("F", (2, 2), -3)),
     r"^image: expected.*got floats from -3 to -3; scale"),
    # other things
    ("None in a list", lambda f: read_images([GOOD, None]),
     r"^image 1: expected a path, a PIL image.*got NoneType; convert"),
    ("bytes", lambda f: load_image((f / "whole.png").read_bytes()),
     r"^image: expected .*got bytes; .*PIL.Image.open"),
    ("an open file", lambda f: read_images(io.BytesIO()),
     r"^image 0: expected .*got BytesIO; .*PIL.Image.open"),
    ("a dict", lambda f: read_images({"a": GOOD}),
     r"^image 0: expected .*got dict; convert it"),
    ("a list for one image", lambda f: load_image([GOOD]),
     r"^image: expected .*got list; pass its images one by one"),
    ("an empty list", lambda f: read_images([]),
     r"^no images: expected.*got an empty list .*; pass at least one image"),
    ("an empty batch", lambda f: read_images(np.zeros((0, 6, 8, 3), np.uint8)),
     r"^no images: expected.*at least one"),
    ("nothing but bad ones", lambda f: read_images([None, f / "empty.png"], "skip"),
     r"^none of the 2 .*image 0: .*got None.*empty.png"),
    # going out
    ("unknown suffix", lambda f: save_image(GOOD, f / "a.psd"),
     r"^a.psd: expected .png, .jpg.*got the suffix '.psd'; rename"),
    ("save without a suffix", lambda f: save_image(GOOD, f / "a"),
     r"^a: expected .png, .jpg.*got the suffix ''; rename"),
    ("save a mask", lambda f: save_image(GOOD > 3, f / "a.png"),
     r"expected .*got a bool array"),
    ("tensor of floats", lambda f: to_tensor(GOOD / 255),
     r"^to_tensor: expected uint8.*got float64 \(6, 8, 3\); .*load_image"),
    ("batch of two sizes", lambda f: to_tensor([GOOD, GOOD[1:]]),
     r"expected one common shape, .*\(5, 8, 3\), \(6, 8, 3\)\]; crop"),
    # target images
    ("target of another size", lambda f: check_targets([GOOD, GOOD[:5]], SIZES, NAMES),
     r"^target 1 \(ben.png\): expected.*6 x 8, got 5 x 8; crop"),
    ("target turned", lambda f: check_targets([GOOD.transpose(1, 0, 2), GOOD], SIZES),
     r"^target 0: expected.*8 x 6.*swapped.*transpose"),
    ("target missing", lambda f: check_targets([GOOD, f / "gone.png"], SIZES, NAMES),
     r"^target 1 \(gone.png\): no such file"),
]

LABELS: list[Row] = [
    ("on_error misspelt", lambda f: read_images([GOOD], on_error="ignore"),
     r"expected on_error=\"raise\" or .*got on_error='ignore'"),
    ("targets too few", lambda f: check_targets([GOOD], SIZES),
     r"^expected one target image per image, got 2 images but 1 target images; pass"),
    ("targets None", lambda f: check_targets(None, SIZES),
     r"^labels: expected one target image per image, 2 in all, got NoneType; pass"),
    # landmarks
    ("landmarks too few", lambda f: landmarks(FACES[:1]),
     r"^expected one \(K,2\) array per image, got 2 images but 1 arrays of landmarks; pass"),
    ("landmarks for none", lambda f: check_landmarks([], []),
     r"^expected .*, got 0 images but 0 arrays of landmarks"),
    ("landmarks with a third column", lambda f: landmarks(np.ones((2, 4, 3))),
     r"^landmarks 0 \(anna.png\): expected shape \(K,2\), got \(4, 3\); drop"),
    ("landmarks of rank 1", lambda f: landmarks([[1, 2], [3, 4]]),
     r"^landmarks 0 \(anna.png\): expected shape \(K,2\), got \(2,\)"),
    ("landmarks of different K", lambda f: landmarks([FACES[0], FACES[1][:1]]),
     r"^landmarks 1 \(ben.png\): expected 2 points .*, got 1"),
    ("landmarks of another set", lambda f: landmarks(FACES, k=68),
     r"^landmarks 0 \(anna.png\): expected 68 points as in the label set, got 2"),
    ("landmarks inf", lambda f: landmarks(changed(FACES, (1, 0, 0), INF)),
     r"^landmarks 1 \(ben.png\): expected pixels, got inf in point 0; .*NaN"),
    ("landmark without y", lambda f: landmarks(changed(FACES, (1, 1, 1), NAN)),
     r"^landmarks 1 .*expected both x and y of point 1, got \(5, nan\)"),
    ("landmark far right", lambda f: landmarks(changed(FACES, (1, 0, 0), 17)),
     r"^landmarks 1 \(ben.png\): expected x in \[-8, 16\].*got point 0 at x=17"),
    ("landmark far above", lambda f: landmarks(changed(FACES, (0, 1, 1), -7)),
     r"^landmarks 0 .*y in \[-6, 12\], got point 1 at x=3, y=-7.*order"),
    ("landmarks all NaN", lambda f: landmarks(FACES * NAN),
     r"^landmarks: expected.*, got all 2 points of all 2 images as NaN; check"),
    ("landmarks ragged", lambda f: landmarks([[[1, 2], [3]], FACES[1]]),
     r"^landmarks 0 \(anna.png\): expected.*got list.*same length"),
    ("landmarks None for one", lambda f: landmarks([FACES[0], None]),
     r"^landmarks 1 \(ben.png\): expected an array.*got NoneType"),
    ("landmarks as a path", lambda f: landmarks("points.pts"),
     r"^landmarks: expected .*, got a path \(points.pts\); read the file"),
    # masks
    ("masks too many", lambda f: masks([IDS] * 3),
     r"^expected one mask per image, got 2 images but 3 masks; pass as many"),
    ("one mask for two images", lambda f: masks(IDS), r"^expected one mask per image, got 2 images but 1 mask"),
    ("one mask of colours", lambda f: check_masks(np.stack([IDS] * 3, -1), SIZES[:1], 3, names=NAMES[:1]),
     r"^mask 0 \(anna.png\): expected \(H,W\) class ids, got"),
    ("mask of another size", lambda f: masks([IDS, IDS[:5]]),
     r"^mask 1 \(ben.png\): expected.*6 x 8, got 5 x 8; resize.*nearest"),
    ("mask turned", lambda f: masks([IDS.T, IDS]),
     r"^mask 0 \(anna.png\): expected .*6 x 8, got 8 x 6; .*swapped"),
    ("mask one-hot", lambda f: masks([IDS, np.stack([IDS] * 3)]),
     r"^mask 1 \(ben.png\): expected \(H,W\) class ids, got rank 3.*argmax"),
    ("mask of floats", lambda f: masks([IDS, IDS * 1.0]),
     r"^mask 1 .*expected integer.*type float64; .*astype\(numpy.uint8\)"),
    ("mask of probabilities", lambda f: masks(torch.rand(2, 6, 8)),
     r"^mask 0 .*expected integer.*float64; .*argmax"),
    ("mask of words", lambda f: masks([np.full((6, 8), "hair"), IDS]),
     r"^mask 0 .*expected integer class ids, got .*type <U4"),
    ("mask ids unknown", lambda f: masks([IDS, IDS + 7]),
     r"^mask 1 \(ben.png\): expected ids 0 to 2, or 255.*got 7, 8, 9 \(48 pixels\)"),
    ("mask ids negative", lambda f: masks([IDS - 1, IDS]),
     r"^mask 0 \(anna.png\): expected ids 0 to 2.*got -1 .*negative"),
    ("mask ids above 255", lambda f: masks([IDS * 300, IDS], None),
     r"^mask 0 .*expected ids 0 to 254.*got 300, 600"),
    ("masks all ignored", lambda f: masks([IDS * 0 + 255] * 2),
     r"^masks: expected labelled pixels, got only ignored pixels .* in all 2 masks"),
    ("masks black and white", lambda f: masks([(IDS > 0) * 255] * 2),
     r"^masks: expected.*only the ids 0 and 255.*mask // 255"),
    ("mask in colour", lambda f: masks([f / "colours.png", IDS]),
     r'^mask 0 \(colours.png\): expected.* mode "RGB" .*palette \("P"\)'),
    ("mask PIL in colour", lambda f: masks([IDS, Image.fromarray(GOOD + COLOUR)]),
     r'^mask 1 \(ben.png\): expected one class id per pixel, got colours of mode "RGB"'),
    ("mask as JPEG", lambda f: masks([f / "ids.jpg", IDS]),
     r"^mask 0 \(ids.jpg\): expected PNG, got a JPEG file; .*save"),
    ("mask file missing", lambda f: masks([IDS, f / "gone.png"]),
     r"^mask 1 \(gone.png\): no such file.*expected"),
    ("mask file truncated", lambda f: masks([f / "truncated.png", IDS]),
     r"^mask 0 \(truncated.png\): expected .*truncated"),
    ("mask folder of others", lambda f: masks(f / "masks"),
     r"^ben.png: expected a label named ben\.\*, got carl.png; rename it to ben.png"),
    ("mask None for one", lambda f: masks([IDS, None]),
     r"^mask 1 \(ben.png\): expected a path.*got NoneType"),
    ("masks in a dict", lambda f: masks({"anna.png": IDS}),
     r"^labels: expected one \(H,W\) .*2 in all, got dict; pass a list"),
    ("300 classes", lambda f: masks([IDS, IDS], 300),
     r"^expected 1 to 255 classes, got 300"),
    # attributes
    ("attributes too few", lambda f: attributes([[0, 1]]),
     r"^expected one row per image, got 2 images but 1 rows of attributes"),
    ("attributes rank 1", lambda f: attributes([0, 1]),
     r"^attributes: expected \(N,A\), got rank 1, shape \(2,\); .*\[:, None\]"),
    ("attributes -1 and 1", lambda f: attributes([[0, 1], [1, -1]]),
     r"^attributes 1 \(ben.png\): expected 0, 1 or NaN, got -1 in column 1.*/ 2"),
    ("attributes in between", lambda f: attributes([[0.5], [1]], ["hat"]),
     r"^attributes 0 \(anna.png\): expected.*0.5 in column 0 \(hat\)"),
    ("attributes misnamed", lambda f: attributes([[0], [1]], ["hat", "smile"]),
     r"expected 2 \(hat, smile\), got 1 columns; give"),
    ("attributes all NaN", lambda f: attributes([[NAN], [NAN]]),
     r"^attributes: expected some labels .*, got only NaN for 2 images"),
    ("attributes by path", lambda f: attributes("labels.csv"),
     r"^attributes: expected an \(N,A\) array, got a path \(labels.csv\); .*read_attributes"),
    ("attributes as words", lambda f: attributes([["yes"], ["no"]]),
     r"^attributes: expected an array of numbers, got list"),
]
# fmt: on


TypedRow = tuple[str, type[Exception], Callable[[Path], Any], str]
PARTS = [importlib.import_module(f"bad_inputs.{module.name}") for module in pkgutil.iter_modules(bad_inputs.__path__)]
PART_ROWS: list[TypedRow] = [row for part in PARTS for row in part.ROWS]


def check_error(kind: type[Exception], call: Callable[[Path], Any], message: str, folder: Path) -> None:
    with pytest.raises(kind) as caught:
        call(folder)
    text = str(caught.value)
    assert re.search(message, text), f"{text}\ndoes not match\n{message}"
    assert "expected" in text and len(text) < 500 and "\n" not in text


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("kind", "call", "message"),
    [pytest.param(ImageError, call, message, id=name) for name, call, message in IMAGES]
    + [pytest.param(ValueError, call, message, id=name) for name, call, message in LABELS],
)
def test_bad_input(f: Path, kind: type[Exception], call: Callable[[Path], Any], message: str) -> None:
    check_error(kind, call, message, f)


@pytest.mark.parametrize(("kind", "call", "message"), [pytest.param(*row[1:], id=row[0]) for row in PART_ROWS])
def test_bad_input_of_a_part(tmp_path: Path, kind: type[Exception], call: Callable[[Path], Any], message: str) -> None:
    check_error(kind, call, message, tmp_path)


def test_the_table_is_long_enough_and_its_rows_differ() -> None:
    names = [row[0] for row in (*IMAGES, *LABELS, *PART_ROWS)]
    assert len(names) >= 170 and len(set(names)) == len(names)
