"""Label sets are complete, convert into each other by name, and flip left and right."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from helpers.viewer_sides import left_of_right
from PIL import Image

from facekit import labels as lb

LANDMARKS = list(lb.LANDMARK_SETS.values())
SEGMENTATIONS = list(lb.SEGMENTATION_SETS.values())


@pytest.mark.parametrize("s", LANDMARKS, ids=lambda s: s.name)
def test_landmark_sets_are_whole(s: lb.LandmarkSet) -> None:
    assert len(s) == len(set(s.points)) == int(s.name.removeprefix("london").removeprefix("helen"))
    assert [s.flip[s.flip[i]] for i in range(len(s))] == list(range(len(s)))
    for i, name in enumerate(s.points):
        assert s.points[s.flip[i]] == name.replace("left_", "L_").replace("right_", "left_").replace("L_", "right_")
    assert all(0 <= a < len(s) and 0 <= b < len(s) and a != b for a, b in s.edges)
    # Mirroring maps lines onto lines.
    lines = {frozenset(edge) for edge in s.edges}
    assert {frozenset((s.flip[a], s.flip[b])) for a, b in s.edges} == lines and len(lines) == len(s.edges)


def test_the_68_are_in_ibug_order() -> None:
    s = lb.LANDMARKS_68
    assert s.eye_corners == (36, 45) and s.eyes == (tuple(range(36, 42)), tuple(range(42, 48)))
    places = {
        "jaw_bottom": 8,
        "nose_tip": 30,
        "left_mouth_corner": 48,
        "right_mouth_corner": 54,
        "inner_upper": 62,
        "lower_lip_middle": 57,
        "left_brow_0": 17,
        "right_brow_0": 26,
        "left_eye_inner": 39,
    }
    assert {name: s.index(name) for name in places} == places
    flip = {
        0: 16,
        17: 26,
        21: 22,
        27: 27,
        31: 35,
        36: 45,
        37: 44,
        39: 42,
        40: 47,
        41: 46,
        48: 54,
        50: 52,
        60: 64,
        61: 63,
        67: 65,
        59: 55,
    }
    assert all(s.flip[a] == b and s.flip[b] == a for a, b in flip.items())


def test_the_98_are_in_wflw_order() -> None:
    s = lb.LANDMARKS_98
    assert s.eye_corners == (60, 72) and s.eyes == ((96,), (97,))
    # The pairs that WFLW's code writes down.
    pairs = [
        (0, 32),
        (15, 17),
        (33, 46),
        (37, 42),
        (38, 50),
        (41, 47),
        (55, 59),
        (60, 72),
        (61, 71),
        (62, 70),
        (63, 69),
        (64, 68),
        (65, 75),
        (66, 74),
        (67, 73),
        (76, 82),
        (77, 81),
        (87, 83),
        (88, 92),
        (89, 91),
        (95, 93),
        (96, 97),
    ]
    assert all(s.flip[a] == b for a, b in pairs)
    assert all(s.flip[i] == i for i in (16, 51, 54, 57, 79, 85, 90, 94))
    # The usual table from WFLW to 300-W.
    table = [
        *range(0, 33, 2),
        *range(33, 38),
        *range(42, 47),
        *range(51, 60),
        60,
        61,
        63,
        64,
        65,
        67,
        68,
        69,
        71,
        72,
        73,
        75,
        *range(76, 96),
    ]
    assert lb.landmark_map("98", "68").tolist() == table


def test_the_19_and_the_112() -> None:
    s = lb.LANDMARKS_19
    pairs = [(0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 14), (15, 17)]
    assert all(s.flip[a] == b for a, b in pairs) and s.flip[13] == 13 and s.flip[18] == 18
    assert lb.LANDMARKS_112.points == lb.LANDMARKS_68.points + lb.LANDMARKS_44.points
    groups = {"forehead": 13, "socket": 10, "cheek": 12, "ala": 4, "nostril": 2, "chin": 3}
    for word, count in groups.items():
        assert sum(word in name for name in lb.LANDMARKS_44.points) == count


def test_maps_go_by_name_and_by_mean() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (4, 98, 2)).astype(np.float32)
    as68 = lb.convert_landmarks(points, "98", "68")
    assert as68.shape == (4, 68, 2) and as68.dtype == np.float32
    assert np.array_equal(as68, points[:, lb.landmark_map("98", "68")])
    back = lb.convert_landmarks(as68, "68", "98")
    known = lb.landmark_map("68", "98") >= 0
    assert known.sum() == 68 and np.array_equal(back[:, known], points[:, known])
    # Pupils follow from the eyes; the points between have nothing to follow from.
    assert np.allclose(back[:, 96], as68[:, 36:42].mean(1), atol=1e-5)
    assert np.isnan(back[:, 1]).all() and np.isnan(back[:, 62]).all()
    five = lb.convert_landmarks(as68, "68", "5")
    assert np.isfinite(five).all() and np.array_equal(five[:, 2:], as68[:, [30, 48, 54]])
    nineteen = lb.convert_landmarks(as68, "68", "19")
    assert np.allclose(nineteen[:, 16], (as68[:, 62] + as68[:, 66]) / 2, atol=1e-5)
    assert np.isnan(lb.convert_landmarks(five, "5", "44")).all()
    with pytest.raises(ValueError, match=r"expected points of shape \(..., 68, 2\)"):
        lb.convert_landmarks(points, "68", "5")


@pytest.mark.parametrize("s", LANDMARKS, ids=lambda s: s.name)
def test_flipping_landmarks_twice_changes_nothing(s: lb.LandmarkSet) -> None:
    points = np.random.default_rng(0).uniform(0, 100, (3, len(s), 2))
    points[1, 2] = np.nan
    once = lb.flip_landmarks(points, 101, s)
    assert not np.allclose(once, points, equal_nan=True)
    assert np.allclose(lb.flip_landmarks(once, 101, s), points, equal_nan=True)


@pytest.mark.parametrize("s", SEGMENTATIONS, ids=lambda s: s.name)
def test_segmentation_sets_are_whole(s: lb.SegmentationSet) -> None:
    assert s.classes[0] == "background" and s.palette[0] == (0, 0, 0)
    assert len(set(s.palette)) == len(s)
    colours = np.array(s.palette, float)
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=-1) + 1e9 * np.eye(len(s))
    assert distance.min() > 25, [s.classes[i] for i in np.unravel_index(distance.argmin(), distance.shape)]
    mask = np.random.default_rng(0).integers(0, len(s), (20, 31), dtype=np.uint8)
    mask[3, 4] = 255
    once = lb.flip_mask(mask, s)
    assert once.dtype == np.uint8 and once[3, 26] == 255
    assert np.array_equal(lb.flip_mask(once, s), mask)
    for i, name in enumerate(s.classes):
        other = name.replace("left_", "L_").replace("right_", "left_").replace("L_", "right_")
        assert s.classes[s.flip[i]] == other
    assert "nose" in [s.classes[i] for i in s.facial_parts]
    assert not {"background", "skin", "hair", "neck", "cloth"} & {s.classes[i] for i in s.facial_parts}


def test_orders_of_the_data_sets() -> None:
    assert (
        lb.LAPA_11.classes
        == lb.HELEN_11.classes
        == (
            "background",
            "skin",
            "left_brow",
            "right_brow",
            "left_eye",
            "right_eye",
            "nose",
            "upper_lip",
            "inner_mouth",
            "lower_lip",
            "hair",
        )
    )
    assert lb.CELEBAMASK_19.index("right_eye") == 4 and lb.CELEBAMASK_19.index("inner_mouth") == 10
    assert lb.FACESYNTHETICS_19.index("right_eye") == 3 and lb.FACESYNTHETICS_19.index("facial_hair") == 14
    assert lb.FACEKIT_27.classes[1:10] == lb.CUSTOM_FSMA.classes[1:10] and len(lb.FACEKIT_27) == 27
    assert [lb.FACEKIT_27.classes[i] for i in (5, 6, 14, 20, 26)] == [
        "under_nose",
        "left_upper_socket",
        "nose",
        "neck",
        "cloth",
    ]
    assert len(lb.CUSTOM_FSMA) == 21


@pytest.mark.parametrize("target", SEGMENTATIONS, ids=lambda s: s.name)
def test_every_set_follows_from_the_finest(target: lb.SegmentationSet) -> None:
    table = lb.segmentation_map(lb.FACEKIT_27, target)
    assert table.shape == (256,) and table.dtype == np.uint8 and (table[27:] == 255).all() and table[0] == 0
    reached = {target.classes[i] for i in table[table != 255]}
    assert set(target.classes) - reached <= {"earring", "necklace", "facewear"}
    assert np.array_equal(lb.segmentation_map(target, target)[: len(target)], np.arange(len(target)))
    # Converting and mirroring may be done in either order.
    mask = np.random.default_rng(0).integers(0, 27, (9, 11), dtype=np.uint8)
    assert np.array_equal(lb.flip_mask(table[mask], target), table[lb.flip_mask(mask, lb.FACEKIT_27)])


def named(source: lb.SegmentationSet, target: lb.SegmentationSet, name: str) -> str | int:
    i = int(lb.segmentation_map(source, target)[source.index(name)])
    return target.classes[i] if i != 255 else 255


def test_where_classes_go() -> None:
    fine = lb.FACEKIT_27
    assert {named(fine, lb.LAPA_11, n) for n in fine.classes[1:10]} == {"skin"}
    assert named(fine, lb.FASSEG_6, "left_brow") == "hair_and_brows" == named(fine, lb.FASSEG_6, "hair")
    assert named(fine, lb.FASSEG_6, "inner_mouth") == "mouth" and named(fine, lb.FASSEG_6, "neck") == "skin"
    assert named(fine, lb.CELEBAMASK_19, "moustache") == "skin"
    assert named(fine, lb.FACESYNTHETICS_19, "moustache") == "facial_hair"
    assert named(fine, lb.LAPA_11, "glasses") == 255 == named(fine, lb.LAPA_11, "left_ear")
    assert named(fine, lb.LAPA_11, "neck") == "background"
    assert named(fine, lb.SYNTHPARSE_11, "neck") == "skin_ears_neck" and named(fine, lb.SYNTHPARSE_11, "beard") == 255
    # Coarse cannot become fine.
    assert named(lb.CELEBAMASK_19, fine, "skin") == 255 and named(lb.FASSEG_6, lb.LAPA_11, "mouth") == 255
    assert named(lb.CELEBAMASK_19, lb.FACESYNTHETICS_19, "left_ear") == "left_ear"
    assert named(lb.FACESYNTHETICS_19, lb.SYNTHPARSE_11, "skin") == "skin_ears_neck"


def test_own_landmark_sets() -> None:
    plain = lb.landmark_set(None, 73)
    assert len(plain) == 73 and not plain.mirrors
    with pytest.raises(ValueError, match="pairs="):
        lb.flip_landmarks(np.zeros((73, 2)), 10, plain)
    paired = lb.landmark_set(None, 3, pairs=[(0, 2)])
    assert paired.flip == (2, 1, 0) and paired.mirrors
    named_set = lb.landmark_set(["left ear", "right ear", "nose_tip"])
    assert named_set.flip == (1, 0, 2) and named_set.mirrors
    assert not lb.landmark_set(["left_ear", "nose"]).mirrors
    assert lb.landmark_set(["a", "b"], pairs=[("a", "b")]).flip == (1, 0)
    own = lb.convert_landmarks(np.arange(6.0).reshape(3, 2), named_set, "5")
    assert np.array_equal(own[2], [4, 5]) and np.isnan(own[0]).all()


def test_own_segmentation_sets() -> None:
    s = lb.segmentation_set(["background", "left_lens", "right_lens", "frame"])
    assert s.flip == (0, 2, 1, 3) and s.facial_parts == (1, 2, 3) and len(set(s.palette)) == 4
    assert lb.segmentation_set(None, 2).mirrors and not lb.segmentation_set(None, 5).mirrors
    assert len(set(lb.segmentation_set(None, 80).palette)) == 80
    assert lb.segmentation_set(None, 3, pairs=[(1, 2)]).flip == (0, 2, 1)
    with pytest.raises(ValueError, match="pairs="):
        lb.flip_mask(np.zeros((2, 2), np.uint8), lb.segmentation_set(None, 5))


def test_names_find_sets() -> None:
    assert lb.landmark_set("68") is lb.landmark_set(68) is lb.landmark_set("LANDMARKS_68") is lb.landmark_set("300w")
    assert lb.landmark_set(lb.LANDMARKS_19, 19) is lb.LANDMARKS_19
    for name in ("LAPA_11", "lapa11", "lapa"):
        assert lb.segmentation_set(name) is lb.LAPA_11
    for s in SEGMENTATIONS:
        assert lb.segmentation_set(s.name) is s
    assert lb.segmentation_set("CUSTOM_FSMA") is lb.CUSTOM_FSMA
    assert lb.segmentation_set("facekit_27", 27) is lb.FACEKIT_27


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lb.landmark_set("67"), "known: 5, 19"),
        (lambda: lb.landmark_set("68", 98), "68 points, but the labels have 98"),
        (lambda: lb.landmark_set(None), "k >= 1"),
        (lambda: lb.landmark_set([]), "at least one"),
        (lambda: lb.landmark_set(["a", "a"]), "got a more than once"),
        (lambda: lb.landmark_set(None, 3, pairs=[(0, 3)]), "outside 0..2"),
        (lambda: lb.landmark_set(None, 3, pairs=[(0, 1), (1, 2)]), "one pair only"),
        (lambda: lb.landmark_set(["a"], pairs=[("a", "b")]), "'b' is not among"),
        (lambda: lb.landmark_set("68", pairs=[(0, 1)]), "leave out pairs="),
        (lambda: lb.LANDMARKS_68.index("ear"), "no point 'ear'"),
        (lambda: lb.segmentation_set("lapa12"), "known: helen11"),
        (lambda: lb.segmentation_set("lapa11", 12), "11 classes, but the labels have 12"),
        (lambda: lb.segmentation_set(None), "n >= 2"),
        (lambda: lb.segmentation_set(["background"]), "at least one class"),
        (lambda: lb.segmentation_set(None, 300), "1 to 255 classes"),
        (lambda: lb.LAPA_11.index("ear"), "no class 'ear'"),
        (lambda: lb.flip_landmarks(np.zeros((5, 2)), 10, "68"), r"expected points of shape \(..., 68, 2\)"),
    ],
)
def test_errors_say_what_to_do(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_left_stays_left_in_300w(data: Path) -> None:
    with (data / "300w" / "index.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    points = np.array([[float(v) for v in row[2:]] for row in rows]).reshape(len(rows), 68, 2)
    assert left_of_right(points, lb.LANDMARKS_68).mean() > 0.99
    flipped = lb.flip_landmarks(points, 256, lb.LANDMARKS_68)
    assert left_of_right(flipped, lb.LANDMARKS_68).mean() > 0.99


@pytest.mark.parametrize("s", [lb.CELEBAMASK_19, lb.FACESYNTHETICS_19], ids=lambda s: s.name)
def test_left_is_the_viewers_left_in_the_masks(data: Path, s: lb.SegmentationSet) -> None:
    folder = data / {"celebamask19": "celebamask19", "facesynthetics19": "facesynthetics/masks"}[s.name]
    files = sorted(folder.glob("*.png"))
    assert len(files) >= 4
    compared = 0
    for file in files:
        mask = np.asarray(Image.open(file))
        for version in (mask, lb.flip_mask(mask, s)):
            for part in ("eye", "brow", "ear"):
                left = np.nonzero(version == s.index(f"left_{part}"))[1]
                right = np.nonzero(version == s.index(f"right_{part}"))[1]
                if len(left) and len(right):
                    compared += 1
                    assert left.mean() < right.mean(), (file.name, part)
    assert compared >= 20


def test_a_number_is_no_segmentation_set() -> None:
    with pytest.raises(ValueError, match="segmentation set 6: expected a set, its name, or a list of class names"):
        lb.segmentation_set(6)  # type: ignore[arg-type]
