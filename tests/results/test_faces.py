"""The result for a searched image is always `Faces`, and code for one face works for one more release (kind 15)."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import facekit
from facekit import alignment as framing
from facekit.detection.face import Face
from facekit.labels import CELEBA_40, HELEN_11, landmark_set
from facekit.results.faces import Faces
from facekit.results.types import Attributes, ImageResult, Landmarks, Segmentation

IMAGE = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
BOXES = [Face((20, 40, 140, 160)), Face((150, 40, 270, 160))]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Face]:
    """What the search finds."""
    faces: list[Face] = []
    monkeypatch.setattr(framing, "find_faces", lambda image: list(faces))
    return faces


def one(kind: str) -> Any:
    if kind == "landmarks":
        return Landmarks(np.full((2, 2), 5.0), np.ones(2), landmark_set(["a", "b"]), IMAGE)
    if kind == "segmentation":
        mask = np.zeros(IMAGE.shape[:2], np.uint8)
        mask[50:80] = 2
        return Segmentation(mask, HELEN_11, IMAGE, (1, 2, 3, 4))
    if kind == "attributes":
        return Attributes(np.linspace(0, 1, 40), CELEBA_40, IMAGE, (10, 20, 60, 70))
    return ImageResult(255 - IMAGE, IMAGE)


KINDS = ("landmarks", "segmentation", "attributes", "picture")


@pytest.fixture
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no face found")
def test_nine_images_and_the_tenth(found: list[Face]) -> None:
    """Code for one number of faces is code for all."""
    kinds = []
    for count in (0, 1, 2):
        found[:] = BOXES[:count]
        for model in ("landmarks", "segmentation", "attributes"):
            result = facekit.predict(model, IMAGE)
            kinds.append(type(result))
            assert len(result) == count and len(result.to_dict()["faces"]) == count
            assert result.to_dict()["kind"] == "faces" and result.draw(legend=True).dtype == np.uint8
            (same,) = facekit.predict(model, [IMAGE])
            ((also,),) = facekit.predict([model], [IMAGE])
            assert type(same) is type(also) is Faces and len(same) == len(also) == count
    assert set(kinds) == {Faces}


def test_own_boxes_give_faces_too() -> None:
    (face,) = facekit.predict("landmarks", IMAGE, faces=[(20, 40, 140, 160)], align="box")
    assert isinstance(face, Landmarks)


def test_own_boxes_count_whatever_the_align() -> None:
    result = facekit.predict("landmarks", IMAGE, faces=[face.box for face in BOXES], align="none")
    assert isinstance(result, Faces) and len(result) == 2


def test_a_face_crop_gives_the_single_result() -> None:
    assert isinstance(facekit.predict("landmarks", IMAGE, align="none"), Landmarks)
    assert [type(r) for r in facekit.predict("segmentation", [IMAGE, IMAGE], align="none")] == [Segmentation] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_old_code_for_one_face_works_and_is_warned(kind: str) -> None:
    face = one(kind)
    faces = Faces([face])
    names = [n for n in dir(face) if not n.startswith("_") and n not in dir(faces)]
    assert names, "attributes that only the face has"
    for name in names:
        with pytest.warns(DeprecationWarning, match=rf"use faces\[0\].{name}") as seen:
            assert np.array_equal(getattr(faces, name), getattr(face, name)) or callable(getattr(face, name))
        assert [w.filename for w in seen if "use faces[0]" in str(w.message)] == [__file__]
    old, new = face.to_dict(), faces.to_dict()
    assert new["kind"] == "faces" and new["faces"] == [old]
    assert {k: v for k, v in new.items() if k not in ("kind", "faces")} == {k: v for k, v in old.items() if k != "kind"}


@pytest.mark.parametrize("kind", KINDS)
def test_one_face_is_drawn_as_before(kind: str, no_warnings: None) -> None:
    face = one(kind)
    faces = Faces([face])
    assert np.array_equal(faces.draw(), face.draw())
    assert faces._repr_png_() == face._repr_png_()
    wanted = face.draw(legend=True) if kind == "segmentation" else face.draw()
    assert np.array_equal(faces.draw(legend=True), wanted)


def test_options_of_one_face() -> None:
    for kind, options in (("attributes", {"panel": False}), ("picture", {"compare": True})):
        with pytest.warns(DeprecationWarning, match=r"use faces\[0\].draw\("):
            drawn = Faces([one(kind)]).draw(**options)
        assert np.array_equal(drawn, one(kind).draw(**options))
    with pytest.warns(DeprecationWarning, match=r"use faces\[0\]"), pytest.raises(TypeError):
        Faces([one("segmentation")]).draw(colour="red")


@pytest.mark.parametrize("count", [0, 2])
def test_other_numbers_of_faces_say_what_to_do(count: int, no_warnings: None) -> None:
    faces = Faces([one("landmarks")] * count, IMAGE)
    counted = "no face was found" if count == 0 else "2 faces were found"
    with pytest.raises(AttributeError, match=rf"^{counted} in this image, expected one for .points; take it from each"):
        faces.points  # noqa: B018
    assert not hasattr(faces, "points") and list(faces.to_dict()) == ["kind", "faces", "size"]


def test_the_first_of_no_faces() -> None:
    with pytest.raises(IndexError, match="expected a face, got none: no face was found in this image; test"):
        Faces([], IMAGE)[0]
    assert Faces([], IMAGE)[:1] == []


def test_a_name_that_no_result_has(no_warnings: None) -> None:
    for count in (1, 2):
        with pytest.raises(AttributeError, match="'Faces' object has no attribute 'mask'"):
            Faces([one("landmarks")] * count).mask  # noqa: B018
    for name in ("_ipython_display_", "__array__", "__deepcopy__"):
        assert not hasattr(Faces([one("landmarks")]), name)


def test_copies(no_warnings: None) -> None:
    faces = Faces([one("segmentation")])
    for again in (copy.copy(faces), copy.deepcopy(faces), pickle.loads(pickle.dumps(faces))):
        assert type(again) is Faces and again.to_dict() == faces.to_dict() and np.array_equal(again.image, IMAGE)


@pytest.mark.slow
def test_a_model_may_be_a_file(tmp_path: Any) -> None:
    """The contract: a path to a .facekit file works in every function."""
    from facekit.model import ready_model

    model, path = ready_model("landmarks"), tmp_path / "m.facekit"
    model.save(path)
    direct = facekit.predict(model, IMAGE, align="none")
    for meant in (path, str(path), "landmarks"):
        assert np.allclose(facekit.predict(meant, IMAGE, align="none").points, direct.points, atol=1e-3)
        points = direct.points[None]
        assert facekit.evaluate(meant, [IMAGE], points, align="none")["nme"] < 1e-2
        by = facekit.evaluate_by(meant, [IMAGE], points, ["a"], align="none")
        assert by["all"]["nme"] < 1e-2
    both = facekit.predict([path, "landmarks"], IMAGE, align="none")
    assert [type(r) for r in both] == [Landmarks] * 2
    with pytest.raises(FileNotFoundError, match="no such file or ready model"):
        facekit.predict(tmp_path / "none.facekit", IMAGE)


def test_some_of_the_faces_are_faces_of_the_same_image() -> None:
    faces = Faces([one("landmarks"), one("landmarks"), one("landmarks")])
    some = faces[1:]
    assert isinstance(some, Faces) and some.image is faces.image and list(some) == list(faces)[1:]
    assert faces[5:].draw().shape == IMAGE.shape and faces[-1] is list(faces)[2]
