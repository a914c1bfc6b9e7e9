"""Class ids of masks are read as the file stores them, for every depth, colour type and container."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.label_file_makers import photo
from helpers.mask_file_makers import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, PALETTE, chunk, png
from PIL import Image

from facekit.annotations import read_labels
from facekit.annotations.mask_checks import check_masks
from facekit.annotations.mask_ids import read_ids
from facekit.labels.palettes import voc_colours

pytestmark = pytest.mark.filterwarnings("error")


def some_ids(highest: int, size: tuple[int, int] = (9, 13)) -> np.ndarray:
    ids = np.random.default_rng(highest).integers(0, highest + 1, size)
    ids[0, 0] = highest
    return ids


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("kind", "depth"),
    [
        (GREY, 1),
        (GREY, 2),
        (GREY, 4),
        (GREY, 8),
        (GREY, 16),
        (PALETTE, 1),
        (PALETTE, 2),
        (PALETTE, 4),
        (PALETTE, 8),
        (COLOUR, 8),
        (COLOUR, 16),
        (GREY_ALPHA, 8),
        (GREY_ALPHA, 16),
        (COLOUR_ALPHA, 8),
        (COLOUR_ALPHA, 16),
    ],
)
def test_png_of_every_kind_and_depth(tmp_path: Path, kind: int, depth: int, interlaced: bool) -> None:
    """Case 02: greys of 2 and 4 bits, and their neighbours."""
    ids = some_ids({1: 1, 2: 3, 4: 15}.get(depth, 200))
    clear = {GREY: b"\0\1", PALETTE: b"\0", COLOUR: b"\0\1" * 3}.get(kind)  # tRNS marks an id, it does not change it
    for extra in [b"", chunk(b"tRNS", clear)] if clear else [b""]:
        (tmp_path / "m.png").write_bytes(png(ids, depth, kind, interlaced, extra))
        np.testing.assert_array_equal(read_ids(tmp_path / "m.png").ids, ids)
        np.testing.assert_array_equal(check_masks(tmp_path / "m.png", [ids.shape], None)[0], ids)


@pytest.mark.parametrize("depth", [2, 4, 8])
def test_grey_masks_through_every_reader(tmp_path: Path, depth: int) -> None:
    ids = some_ids(3, (20, 30))
    photo(tmp_path / "a.jpg")
    (tmp_path / "a.png").write_bytes(png(ids, depth))
    found = read_labels(tmp_path, "segmentation")
    np.testing.assert_array_equal(found.labels[0], ids)
    assert len(found.names) == 4
    opened = Image.open(tmp_path / "a.png")
    np.testing.assert_array_equal(check_masks(opened, [(20, 30)], 4)[0], ids)
    np.testing.assert_array_equal(check_masks(opened, [(20, 30)], 4)[0], ids)  # its pixels are read now
    np.testing.assert_array_equal(
        check_masks(Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())), [(20, 30)], 4)[0], ids
    )


@pytest.mark.parametrize(("depth", "step"), [(2, 85), (4, 17)])
def test_lost_depths_are_told(depth: int, step: int) -> None:
    ids = some_ids(2**depth - 1)
    image = Image.open(io.BytesIO(png(ids, depth)))
    image.load()
    for mask in (image, np.asarray(image)):
        with pytest.warns(UserWarning, match=f"mask 0: expected .*, got only multiples of {step} .*{depth}-bit greys"):
            assert check_masks(mask, [ids.shape], None)[0].max() == 255
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_masks(np.array([[0, 17]], np.uint8), [(1, 2)], 18)  # one such id is nothing special


@pytest.mark.parametrize("form", ["L", "P", "1", "I;16", "I", "F"])
def test_tiff(tmp_path: Path, form: str) -> None:
    ids = some_ids(1 if form == "1" else 100)
    types = {"I;16": np.uint16, "I": np.int32, "F": np.float32, "1": bool}
    image = Image.fromarray(ids.astype(types.get(form, np.uint8)))
    if form == "P":
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    image.save(tmp_path / "m.tif")
    np.testing.assert_array_equal(read_ids(tmp_path / "m.tif").ids, ids)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_tiff_of_few_bits_and_white_is_zero(tmp_path: Path, bits: int, inverted: bool) -> None:
    ids = some_ids(3, (4, 8))
    rows = np.packbits(np.unpackbits(ids.astype(np.uint8)[..., None], axis=2)[..., -bits:].reshape(4, -1), axis=1)
    tags = [
        (256, 8),
        (257, 4),
        (258, bits),
        (259, 1),
        (262, 0 if inverted else 1),
        (273, 200),
        (277, 1),
        (278, 4),
        (279, rows.size),
    ]
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags))
    head += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + bytes(4)
    (tmp_path / "m.tif").write_bytes(head.ljust(200, b"\0") + rows.tobytes())
    np.testing.assert_array_equal(read_ids(tmp_path / "m.tif").ids, ids)


@pytest.mark.parametrize("name", ["m.gif", "m.bmp", "m.webp", "m.png", "m.tif"])
@pytest.mark.parametrize("ramp", [True, False])
def test_palettes_in_other_containers(tmp_path: Path, name: str, ramp: bool) -> None:
    ids = some_ids(15)
    image = Image.fromarray(ids.astype(np.uint8))
    image.putpalette([value for i in range(16) for value in ((i, i, i) if ramp else (255 - 3 * i, i, 9 * i))])
    if name == "m.webp":
        image = Image.fromarray(ids.astype(np.uint8)).convert("RGB")
    image.save(tmp_path / name, **({"lossless": True} if name == "m.webp" else {}))
    np.testing.assert_array_equal(read_ids(tmp_path / name).ids, ids)


@pytest.mark.parametrize("largest", [3, 15, 200, 255, 1000])
def test_pgm_of_any_largest_value(tmp_path: Path, largest: int) -> None:
    ids = some_ids(min(largest, 255))
    pixels = ids.astype(np.uint8 if largest < 256 else ">u2").tobytes()
    (tmp_path / "m.pgm").write_bytes(f"P5\n13 9\n{largest}\n".encode() + pixels)
    np.testing.assert_array_equal(read_ids(tmp_path / "m.pgm").ids, ids)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(("kind", "depth"), [(GREY, 2), (PALETTE, 8), (COLOUR, 16), (COLOUR_ALPHA, 8)])
def test_exif_turns_masks_as_images(tmp_path: Path, kind: int, depth: int, turn: int) -> None:
    ids = some_ids(3, (5, 7))
    exif = Image.Exif()
    exif[0x0112] = turn
    extra = chunk(b"eXIf", exif.tobytes()[6:])
    (tmp_path / "m.png").write_bytes(png(ids, depth, kind, extra=extra))
    plain = Image.fromarray(ids.astype(np.uint8))
    plain.save(tmp_path / "p.png", exif=exif)
    np.testing.assert_array_equal(read_ids(tmp_path / "m.png").ids, read_ids(tmp_path / "p.png").ids)
    assert (read_ids(tmp_path / "m.png").ids.shape == (7, 5)) == (turn > 4)


def colours_file(path: Path, ids: np.ndarray, palette: Any) -> Path:
    Image.fromarray(np.array(palette, np.uint8)[ids]).save(path)
    return path


def test_colours_become_ids_by_the_sets_palette(tmp_path: Path) -> None:
    from facekit.labels import HELEN_11

    ids = some_ids(10, (20, 30))
    photo(tmp_path / "a.jpg")
    palette = [*HELEN_11.palette, (255, 255, 255)]
    ids[3, 4] = 11
    file = colours_file(tmp_path / "a.png", ids, palette)
    expected = np.where(ids == 11, 255, ids)
    np.testing.assert_array_equal(read_labels(tmp_path, "segmentation", HELEN_11).labels[0], expected)
    masks = check_masks(file, [(20, 30)], 11, colours=HELEN_11.palette)
    np.testing.assert_array_equal(masks[0], expected)
    np.testing.assert_array_equal(check_masks(Image.open(file), [(20, 30)], 11, colours=HELEN_11.palette)[0], expected)
    with pytest.raises(ValueError, match=r'expected .* mode "RGB" .*\(\d+, \d+, \d+\).* and 4 more\).*palette'):
        read_labels(tmp_path, "segmentation")


def test_voc_colours(tmp_path: Path) -> None:
    assert voc_colours(22)[:4] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    assert voc_colours(22)[15] == (192, 128, 128) and voc_colours(22)[20] == (0, 64, 128)
    ids = some_ids(2, (20, 30))
    photo(tmp_path / "a.jpg")
    colours_file(tmp_path / "a.png", ids, [*voc_colours(2), (224, 224, 192)])
    found = read_labels(tmp_path, "segmentation", ["background", "skin", "hair"])
    np.testing.assert_array_equal(found.labels[0], np.where(ids == 2, 255, ids))
    colours_file(tmp_path / "a.png", ids, [*voc_colours(2), (1, 2, 3)])
    with pytest.raises(ValueError, match=r"got colours of mode .RGB. \(\(1, 2, 3\), \(128, 0, 0\)\)"):
        read_labels(tmp_path, "segmentation", ["background", "skin", "hair"])


def test_a_colour_table_beside_the_masks(tmp_path: Path) -> None:
    """CVAT's "segmentation mask" export: JPEGImages, SegmentationClass and labelmap.txt."""
    ids = some_ids(2, (20, 30))
    photo(tmp_path / "JPEGImages" / "a.jpg")
    (tmp_path / "SegmentationClass").mkdir()
    colours_file(tmp_path / "SegmentationClass" / "a.png", ids, [(0, 0, 0), (250, 50, 83), (51, 221, 255)])
    table = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nhair:51,221,255::\nskin:250,50,83::\n"
    (tmp_path / "labelmap.txt").write_text(table)
    found = read_labels(tmp_path / "SegmentationClass", "segmentation")
    assert found.names.classes == ("background", "hair", "skin")
    np.testing.assert_array_equal(found.labels[0], np.array([0, 2, 1])[ids])


def test_lossy_and_paged_files_are_refused(tmp_path: Path) -> None:
    image = Image.fromarray(some_ids(3).astype(np.uint8))
    for name, options, what in (
        ("m.jpg", {}, "a JPEG file"),
        ("m.webp", {"quality": 90}, "a lossy WebP file"),
        ("m.tif", {"compression": "jpeg"}, "a TIFF with JPEG file"),
        ("m.tiff", {"save_all": True, "append_images": [image]}, "2 pages or frames"),
    ):
        image.save(tmp_path / name, **options)
        with pytest.raises(ValueError, match=f"expected .*, got {what};"):
            read_ids(tmp_path / name)
    half = Image.fromarray(np.full((2, 3, 4), 128, np.uint8))
    half.save(tmp_path / "clear.png")
    with pytest.raises(ValueError, match='expected .*, got mode "RGBA" with 6 transparent pixels'):
        read_ids(tmp_path / "clear.png")
