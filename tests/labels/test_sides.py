"""Names with a side are paired in many languages, and sets that cannot be mirrored are recognised (case 01)."""

from __future__ import annotations

import time

import numpy as np
import pytest

import facekit.labels as lb
from facekit.annotations.set_description import parse_set
from facekit.data.synthetic_cats.label_sets import ANIMAL_PARTS, ANIMAL_POINTS, CAT_HEAD_9
from facekit.labels.sides import sides_of
from facekit.tasks import AttributesTask, LandmarkTask

# Of the sets as they were before sides were found anywhere in a name. London's follow from its mean shape.
FLIPS = {
    "5": "1 0 2 4 3",
    "19": "5 4 3 2 1 0 11 10 9 8 7 6 14 13 12 17 16 15 18",
    "44": "12 11 10 9 8 7 6 5 4 3 2 1 0 22 21 20 19 18 17 16 15 14 13 28 27 26 25 24 23 43 42 41 40 39 38 "
    "37 36 35 34 33 32 31 30 29",
    "68": "16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 26 25 24 23 22 21 20 19 18 17 27 28 29 30 35 34 33 32 "
    "31 45 44 43 42 47 46 39 38 37 36 41 40 54 53 52 51 50 49 48 59 58 57 56 55 64 63 62 61 60 67 66 "
    "65",
    "98": "32 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 46 45 "
    "44 43 42 50 49 48 47 37 36 35 34 33 41 40 39 38 51 52 53 54 59 58 57 56 55 72 71 70 69 68 75 74 "
    "73 64 63 62 61 60 67 66 65 82 81 80 79 78 77 76 87 86 85 84 83 92 91 90 89 88 95 94 93 97 96",
    "112": "16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 26 25 24 23 22 21 20 19 18 17 27 28 29 30 35 34 33 32 "
    "31 45 44 43 42 47 46 39 38 37 36 41 40 54 53 52 51 50 49 48 59 58 57 56 55 64 63 62 61 60 67 66 "
    "65 80 79 78 77 76 75 74 73 72 71 70 69 68 90 89 88 87 86 85 84 83 82 81 96 95 94 93 92 91 111 "
    "110 109 108 107 106 105 104 103 102 101 100 99 98 97",
    "london189": "1 0 10 17 16 15 14 13 12 11 2 9 8 7 6 5 4 3 27 26 25 24 23 22 21 20 19 18 33 32 31 30 29 28 43 42 41 "
    "40 39 38 37 36 35 34 49 48 47 46 45 44 56 57 58 59 60 55 50 51 52 53 54 66 67 68 69 70 61 62 63 64 "
    "65 82 81 80 79 78 77 76 75 74 73 72 71 86 85 84 83 93 92 91 90 89 88 87 98 97 96 95 94 103 102 101 "
    "100 99 108 107 106 105 104 112 113 114 109 110 111 120 121 122 123 124 115 116 117 118 119 133 132 "
    "131 130 129 128 127 126 125 144 143 142 141 140 139 138 137 136 135 134 157 156 155 154 153 152 151 "
    "150 149 148 147 146 145 161 162 163 158 159 160 167 168 169 164 165 166 172 173 170 171 174 175 178 "
    "177 176 182 181 180 179 184 183 187 188 185 186",
    "helen194": "40 39 38 37 36 35 34 33 32 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 "
    "6 5 4 3 2 1 0 57 56 55 54 53 52 51 50 49 48 47 46 45 44 43 42 41 72 71 70 69 68 67 66 65 64 63 62 "
    "61 60 59 58 85 84 83 82 81 80 79 78 77 76 75 74 73 100 99 98 97 96 95 94 93 92 91 90 89 88 87 86 "
    "113 112 111 110 109 108 107 106 105 104 103 102 101 134 135 136 137 138 139 140 141 142 143 144 "
    "145 146 147 148 149 150 151 152 153 114 115 116 117 118 119 120 121 122 123 124 125 126 127 128 "
    "129 130 131 132 133 174 175 176 177 178 179 180 181 182 183 184 185 186 187 188 189 190 191 192 "
    "193 154 155 156 157 158 159 160 161 162 163 164 165 166 167 168 169 170 171 172 173",
    "cat_head9": "1 0 2 8 7 6 5 4 3",
    "animal24": "1 0 2 8 7 6 5 4 3 12 11 10 9 15 14 13 17 16 19 18 20 22 21 23",
    "helen11": "0 1 3 2 5 4 6 7 8 9 10",
    "lapa11": "0 1 3 2 5 4 6 7 8 9 10",
    "synthparse11": "0 1 3 2 5 4 6 7 8 9 10",
    "celebamask19": "0 1 2 3 5 4 7 6 9 8 10 11 12 13 14 15 16 17 18",
    "facesynthetics19": "0 1 2 4 3 6 5 8 7 9 10 11 12 13 14 15 16 17 18",
    "fsma_custom21": "0 1 3 2 4 5 8 9 6 7 11 10 13 12 14 15 16 17 18 19 20",
    "facekit27": "0 1 3 2 4 5 8 9 6 7 11 10 13 12 14 15 16 17 19 18 20 21 22 23 24 25 26",
    "animal10": "0 1 3 2 5 4 6 7 8 9",
}
ALL = [
    *lb.LANDMARK_SETS.values(),
    CAT_HEAD_9,
    ANIMAL_POINTS,
    *lb.SEGMENTATION_SETS.values(),
    *lb.PART_SETS.values(),
    ANIMAL_PARTS,
    lb.CELEBA_40,
]

PAIRS = """
eye_left eye_right|l_eye r_eye|eye_l eye_r|L_Eye R_Eye|LeftEye RightEye|leftEye rightEye|eyeL eyeR|lefteye righteye
LEFT_EYE RIGHT_EYE|outer_left_eye outer_right_eye|left2 right2|left-eye right-eye|left.eye right.eye|LEye REye
L R|bottom_left bottom_right|lower_lip_l lower_lip_r|outerlefteye outerrighteye|left_eye eye_right|eye2L eye2R
linkes_auge rechtes_auge|linke_braue rechte_braue|linkerMundwinkel rechterMundwinkel|auge_links auge_rechts
linkeroog rechteroog|der_linke_mundwinkel der_rechte_mundwinkel|oeil_gauche oeil_droit|narine_gauche narine_droite
ojo_izquierdo ojo_derecho|ceja_izquierda ceja_derecha|ojo_izq ojo_der|occhio_sinistro occhio_destro|occhio_sx occhio_dx
olho_esquerdo olho_direito|orelha_esquerda orelha_direita|lewe_oko prawe_oko|lewa_brew prawa_brew|lewy_kat prawy_kat
sol_goz sag_goz|SOL_GÖZ SAĞ_GÖZ|левый_глаз правый_глаз|глаз_лев глаз_прав|左目 右目|目_左 目_右|왼쪽_눈 오른쪽_눈
vänster_öga höger_öga|øye_venstre øye_høyre|बायाँ_आँख दायाँ_आँख|العين_اليسرى العين_اليمنى|Ｌ_eye Ｒ_eye
left_eye_right_corner right_eye_left_corner
"""  # noqa: RUF001


@pytest.mark.parametrize("pair", [p for p in PAIRS.replace("\n", "|").split("|") if p])
def test_sides_are_found_anywhere(pair: str) -> None:
    names = [*pair.split(), "nose"]
    points, parts = lb.landmark_set(names), lb.segmentation_set(["background", *names])
    assert points.flip == (1, 0, 2) and points.mirrors
    assert parts.flip == (0, 2, 1, 3) and parts.mirrors
    attributes = lb.attribute_set(names)
    assert attributes.flip == (1, 0, 2) and attributes.mirrors


def test_names_with_blanks_and_brackets() -> None:
    assert lb.landmark_set(["Left Eye (outer)", "Nose Tip", "Right Eye (outer)"]).flip == (2, 1, 0)


def test_celebamasks_own_names() -> None:
    names = (
        "background skin nose eye_g l_eye r_eye l_brow r_brow l_ear r_ear mouth u_lip l_lip hair hat ear_r neck_l "
        "neck cloth"
    ).split()
    own = lb.segmentation_set(names)
    assert own.mirrors and [names[i] for i in own.flip[4:10]] == [
        "r_eye",
        "l_eye",
        "r_brow",
        "l_brow",
        "r_ear",
        "l_ear",
    ]
    assert all(own.flip[i] == i for i in (*range(4), *range(10, 19)))


@pytest.mark.parametrize(
    "names",
    [
        ["upright", "bright", "cleft", "leftover"],
        ["u_lip", "l_lip"],
        list("abcdefghijklmnopqrstuvwxyz"),
        ["sol", "luna"],
    ],
)
def test_words_that_only_look_like_sides(names: list[str]) -> None:
    found = sides_of(names)
    assert found.flip == tuple(range(len(names))) and not found.one_sided


@pytest.mark.parametrize(
    "names",
    [
        ["left_eye", "nose"],
        ["l_eye", "nose"],
        ["lefteye", "nose"],
        ["eye_left", "eye_right", "left_ear"],
        ["左目", "nose"],
        ["left_eye", "Left_Eye", "right_eye"],
        ["linkes_auge", "nose"],
    ],
)
def test_one_sided_sets_are_not_mirrored(names: list[str]) -> None:
    assert not lb.landmark_set(names).mirrors and not lb.segmentation_set(["background", *names]).mirrors
    assert not lb.attribute_set(names).mirrors and sides_of(names).one_sided
    points = np.random.default_rng(0).uniform(0, 99, (3, len(names), 2))
    task, _ = LandmarkTask.from_labels(points, names, _images(3))
    assert not task.mirrors


@pytest.mark.parametrize("names", [["eye1", "eye2"], ["p0", "p1", "p2"], ["left_eye", "right_eye", "ear1", "ear2"]])
def test_names_that_do_not_tell(names: list[str]) -> None:
    assert not lb.landmark_set(names).mirrors and not sides_of(names).one_sided


@pytest.mark.parametrize("s", ALL, ids=lambda s: s.name)
def test_known_sets_keep_their_pairs(s: lb.LandmarkSet) -> None:
    before = FLIPS.get(s.name)
    assert s.mirrors and list(s.flip) == ([int(i) for i in before.split()] if before else list(range(len(s))))


def test_explicit_pairs_are_kept() -> None:
    own = lb.landmark_set(["left_eye", "right_eye", "a", "b"], pairs=[("a", "b")])
    assert own.flip == (0, 1, 3, 2) and own.mirrors
    task, _ = LandmarkTask.from_labels(np.random.default_rng(0).uniform(0, 99, (2, 4, 2)), own, _images(2))
    assert task.labels == own


def test_many_names_are_checked_once() -> None:
    began = time.monotonic()
    many = lb.landmark_set([f"{side}_{i}" for i in range(20_000) for side in ("left", "right")])
    assert many.mirrors and many.flip[:4] == (1, 0, 3, 2)
    with pytest.raises(ValueError, match="p3"):
        lb.landmark_set([*(f"p{i}" for i in range(40_000)), "p3"])
    with pytest.raises(ValueError, match="255"):
        lb.segmentation_set([f"left {i}" for i in range(40_000)])
    assert time.monotonic() - began < 40  # comparing each with each took a minute, once takes a second


def test_label_files_of_earlier_versions_get_the_pairs_of_their_names() -> None:
    written = {
        "name": "own3",
        "points": ["eye_left", "eye_right", "nose"],
        "flip": [0, 1, 2],
        "edges": [],
        "eye_corners": None,
        "eyes": None,
        "mirrors": True,
    }
    found = parse_set({"task": "landmarks", "labels": written}, "landmarks")
    assert isinstance(found, lb.LandmarkSet) and found.flip == (1, 0, 2) and found.mirrors
    own = parse_set({"task": "landmarks", "labels": {**written, "flip": [2, 1, 0]}}, "landmarks")
    assert isinstance(own, lb.LandmarkSet) and own.flip == (2, 1, 0)


def test_models_of_earlier_versions_keep_their_pairs() -> None:
    old = {"name": "own2", "names": ["eye_left", "eye_right"]}
    assert AttributesTask.from_dict(old).labels.flip == (0, 1)  # as it was trained
    now = AttributesTask(lb.attribute_set(["eye_left", "eye_right"]))
    assert now.labels.flip == (1, 0) and AttributesTask.from_dict(now.to_dict()).labels == now.labels
    points = {
        "name": "own2",
        "points": ["eye_left", "eye_right"],
        "flip": [0, 1],
        "edges": [],
        "eye_corners": None,
        "eyes": None,
        "mirrors": True,
    }
    task = LandmarkTask.from_dict(points)
    assert task.mirrors and task.labels.flip == (0, 1)


def _images(n: int) -> object:
    from facekit.images.reader import read_images

    return read_images(np.zeros((n, 100, 100, 3), np.uint8))
