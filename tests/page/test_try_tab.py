"""The tab "Try" and the functions for programs give what facekit gives in Python."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import facekit
from facekit.data.sample_faces import FOLDER
from facekit.page.app import build
from facekit.page.batch_part import analyse_batch
from facekit.page.endpoints import ENDPOINTS
from facekit.page.photo_analysis import MODELS, SMALLEST, Analysis, analyse, view
from facekit.page.sample_photos import group_photo, sample_photos
from facekit.page.text_matching import SENTENCES, sentences_in
from facekit.page.try_tab import (
    PART_NAMES,
    WHOLE,
    analyse_photo,
    heat_map,
    match_face,
    photo_zip,
    show_face,
    show_parts,
)

PERSON = str(FOLDER / "008.jpg")


@pytest.fixture(scope="module")
def group_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two of the four sample faces of the group."""
    file = tmp_path_factory.mktemp("group") / "it's a group.png"
    Image.fromarray(group_photo()[:, :512]).save(file)
    return str(file)


@pytest.fixture(scope="module")
def group(group_file: str) -> Analysis:
    return analyse_photo(group_file, SENTENCES)[0]


def test_the_samples_are_eight_people_and_a_group() -> None:
    photos = sample_photos()
    assert len(photos) == 9 and all(Path(file).is_file() for file in photos)
    assert Image.open(photos[-1]).size == (1024, 256)


def test_the_code_on_the_screen_gives_what_is_shown(
    group: Analysis, group_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    code = show_face(group, "Face 2", PART_NAMES, "a woman\na man's face")[7]
    monkeypatch.chdir(tmp_path)
    Image.open(group_file).save(tmp_path / Path(group_file).name)
    made: dict[str, Any] = {}
    exec(compile(code, "code", "exec"), made)
    assert len(made["points"]) == len(group.faces) == 2
    for i in range(2):
        np.testing.assert_allclose(made["points"][i].points, group.points[i].points, atol=0.02)
        np.testing.assert_allclose(made["attributes"][i].probabilities, group.attributes[i].probabilities, atol=1e-3)
    for drawn, shown in ((made["sketch"], group.sketch), (made["bright"], group.bright)):
        assert np.abs(drawn.draw().astype(float) - shown).mean() < 0.05  # grey levels
    assert made["face"] == 1 and {"parts.png", "sketch.png", "heat.png"} <= {file.name for file in tmp_path.iterdir()}
    capsys.readouterr()
    scores = match_face(group, "Face 2", "a woman\na man's face")[0]
    expected = facekit.match(group.image, ["a woman", "a man's face"], align="mean", faces=group.faces[1])
    assert scores == pytest.approx({"a woman": expected[0], "a man's face": expected[1]})


def test_a_face_is_shown_alone(group: Analysis) -> None:
    x0, y0, x1, y1 = group.faces[1].box
    alone = view(group, 1)
    assert len(alone.faces) == len(alone.points) == 1 and max(alone.image.shape) == SMALLEST
    size = alone.faces[0].box[2] - alone.faces[0].box[0], alone.faces[0].box[3] - alone.faces[0].box[1]
    factor = size[0] / (x1 - x0)
    assert factor > 1 and size[1] == pytest.approx(factor * (y1 - y0))
    moved = group.points[1].points - alone.points[0].points / factor
    assert np.abs(moved - moved[0]).max() < 1e-3 and moved[0, 0] > 200, "moved by the corner of the region"
    one, two = (match_face(group, face, SENTENCES)[0] for face in ("Face 1", "Face 2"))
    assert one != two, "each face has its own probabilities"
    assert match_face(group, WHOLE, SENTENCES)[0] == one and "Face 1" in show_face(group, WHOLE, [], "")[3]
    assert heat_map(group, "Face 2", "a smile").shape == alone.image.shape
    assert not np.array_equal(heat_map(group, "Face 2", "a smile"), alone.image)


def test_large_photos_are_scaled_down_with_their_points() -> None:
    small = analyse("a.jpg", np.asarray(Image.open(PERSON)))
    large = Analysis(**{**vars(small), "image": small.image.repeat(8, 0).repeat(8, 1)})
    ids = small.parts.mask.repeat(8, 0).repeat(8, 1)
    object.__setattr__(large, "parts", type(small.parts)(ids, small.parts.labels, large.image))
    object.__setattr__(large, "sketch", large.image)
    object.__setattr__(large, "bright", large.image)
    points = [type(p)(p.points * 8 + 3.5, p.scores, p.labels, large.image) for p in small.points]
    object.__setattr__(large, "points", points)
    shown = view(large, None)
    assert shown.image.shape == (1024, 1024, 3)
    np.testing.assert_allclose(shown.points[0].points, small.points[0].points * 4 + 1.5, atol=1e-3)
    assert np.array_equal(shown.parts.mask[::4, ::4], small.parts.mask)


def test_parts_are_chosen(group: Analysis) -> None:
    image, layers = show_parts(group, WHOLE, ["nose", "hair"])
    assert {name for _, name in layers} == {"nose", "hair"} and image.shape == group.image.shape
    nose = group.parts.mask == PART_NAMES.index("nose") + 1
    assert np.array_equal({name: mask for mask, name in layers}["nose"] > 0, nose)
    assert show_parts(group, WHOLE, [])[1] == [] and show_parts(None, WHOLE, []) == gr.skip()
    assert show_face(None, WHOLE, [], "") == (gr.skip(),) * 13


def test_sex_age_and_looks_are_not_shown(group: Analysis) -> None:
    shown = show_face(group, "Face 1", PART_NAMES, "")[4]
    assert not shown.keys() & {"Male", "Young", "Attractive", "Chubby", "Big Nose", "Big Lips", "Pale Skin"}
    probabilities = dict(group.attributes[0].top())
    assert shown["Smiling"] == probabilities["Smiling"] and len(shown) == 24


def test_files_of_a_photo(group: Analysis) -> None:
    with zipfile.ZipFile(photo_zip(group)) as archive:
        names = {name.removeprefix(group.name) for name in archive.namelist()}
        kinds = ("points", "part-ids", "parts", "sketch", "without-shadows")
        assert names == {*(f".{kind}.png" for kind in kinds), ".json", "faces.csv"}
        saved = json.loads(archive.read(f"{group.name}.json"))
        rows = list(csv.DictReader(io.StringIO(archive.read("faces.csv").decode())))
        with archive.open(f"{group.name}.part-ids.png") as file:
            assert np.array_equal(np.asarray(Image.open(file)), group.parts.mask)
    assert saved["faces"][1]["landmarks"]["points"][0] == pytest.approx(group.points[1].points[0].tolist(), abs=1e-3)
    assert len(rows) == 2 and float(rows[1]["Smiling"]) == pytest.approx(
        group.attributes[1].probabilities[group.attributes[1].labels.names.index("Smiling")], abs=1e-4
    )


def test_many_photos(group_file: str, tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html>")
    Image.new("RGB", (90, 70), "grey").save(tmp_path / "nobody.png")
    files = [PERSON, str(tmp_path / "page.jpg"), str(tmp_path / "nobody.png")]
    text, gallery, button = analyse_batch(files)
    assert "1 of 3 photos" in text and "page.jpg: not a readable" in text and "nobody.png: expected a photo" in text
    assert len(gallery.value) == 1
    with zipfile.ZipFile(button.value["path"]) as archive:
        assert len(archive.read("faces.csv").splitlines()) == 2
    for given, match in (
        (files[1:], "none of the 2 photos"),
        ([], "expected photos, got none"),
        ([PERSON] * 101, "100"),
    ):
        with pytest.raises(gr.Error, match=match):
            analyse_batch(given)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (90, 70), "grey").save(tmp_path / "nobody.png")
    for path, match in (
        (None, "an image, got none"),
        (str(tmp_path / "nobody.png"), "nobody.png: .* no face was found"),
    ):
        with pytest.raises(gr.Error, match=match):
            analyse_photo(path, SENTENCES)
    with pytest.raises(gr.Error, match="analyse a photo first"):
        match_face(None, WHOLE, SENTENCES)
    with pytest.raises(gr.Error, match="analyse a photo first"):
        photo_zip(None)
    assert heat_map(None, WHOLE, "a smile") is None
    assert sentences_in("a man\n\na woman\na man\n") == ["a man", "a woman"]


def test_programs_get_names_and_coordinates() -> None:
    named = build().get_api_info()["named_endpoints"]
    assert set(named) == {f"/{name}" for name in ENDPOINTS}, "all other functions are hidden"
    listing = {model["name"]: model for model in ENDPOINTS["models"]()}
    assert set(MODELS) <= set(listing)
    assert len(listing["landmarks"]["names"]) == 68 and "nose" in listing["segmentation"]["names"]
    answers = {name: ENDPOINTS[name](PERSON) for name in ("find_faces", "landmarks", "segmentation", "attributes")}
    json.dumps(answers)
    points = facekit.predict("landmarks", PERSON)[0].points
    np.testing.assert_allclose(answers["landmarks"]["faces"][0]["points"], points, atol=1e-3)
    assert "Smiling" in answers["attributes"]["faces"][0]["probabilities"] and len(answers["find_faces"]["faces"]) == 1
    assert ENDPOINTS["analyse_json"](PERSON)["faces"][0]["landmarks"] == answers["landmarks"]["faces"][0]
    assert ENDPOINTS["sketch"](PERSON).shape == ENDPOINTS["remove_shadows"](PERSON).shape == (256, 256, 3)
    assert sum(ENDPOINTS["match"](PERSON, "a man\na woman").values()) == pytest.approx(1)
    assert ENDPOINTS["explain"](PERSON, "a smile").shape == (256, 256, 3)
    with zipfile.ZipFile(ENDPOINTS["analyse_zip"](PERSON)) as archive:
        assert "faces.csv" in archive.namelist()


def test_programs_run_their_own_model(tmp_path: Path) -> None:
    ready = facekit.load(Path(facekit.__file__).parent / "zoo" / "weights" / "landmarks68.facekit")
    ready.save(tmp_path / "mine.facekit")
    answer = ENDPOINTS["predict_own"](str(tmp_path / "mine.facekit"), PERSON)
    assert len(answer["faces"][0]["names"]) == 68
    for file, match in ((None, "a .facekit file, got none"), (PERSON, "008.jpg")):
        with pytest.raises(gr.Error, match=match):
            ENDPOINTS["predict_own"](file, PERSON)
