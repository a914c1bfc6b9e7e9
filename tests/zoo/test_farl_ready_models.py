"""The embedded FaRL tower and the ready models on it describe faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut

import facekit
from facekit.data.synthetic_faces.generator import ATTRIBUTES, GeneratedFaces
from facekit.results.types import Attributes


@pytest.mark.slow
def test_it_knows_words_of_generated_faces() -> None:
    """Nobody labelled anything: sentences alone tell colours of hair, hats, beards, women and men."""
    faces = GeneratedFaces(seed=4242, size=96, domain="wild", framing=2.0, yaw=(-25, 25))
    batch = faces.batch(range(120), want=("image", "attributes"))
    images = list(batch["image"].permute(0, 2, 3, 1).numpy())
    truth = dict(zip(ATTRIBUTES, batch["attributes"].T.numpy().astype(bool), strict=True))
    for name, texts, least in (
        ("Blond_Hair", ["blond hair", "black hair"], 0.9),
        ("Wearing_Hat", ["a hat", "a person with hair"], 0.75),
        ("No_Beard", ["a woman", "a man with a beard"], 0.65),
        ("Male", ["a man", "a woman"], 0.65),
    ):
        chance = facekit.match(images, texts, weights="embedded")[:, 0]
        yes, no = chance[truth[name]], chance[~truth[name]]
        ranked = (yes[:, None] > no[None]).mean()  # the area under the ROC curve
        assert ranked > least, f"{name}: {ranked:.2f}"


def test_the_ready_model_describes_a_photo() -> None:
    (result,) = facekit.predict("attributes", astronaut())
    assert isinstance(result, Attributes) and len(result.probabilities) == 40
    says = dict(zip(result.labels.names, result.probabilities, strict=True))
    assert says["Smiling"] > 0.5 and max(says["Bald"], says["Eyeglasses"], says["Wearing_Hat"], says["Goatee"]) < 0.3
    assert result.box is not None


def test_three_ready_models_look_once(tower_runs: list[int]) -> None:
    three = facekit.predict(["farl-landmarks", "farl-segmentation", "attributes"], astronaut())
    (aligned,), (parsed,), (tagged,) = three
    assert sum(tower_runs) == 2, "the face and its mirrored copy"
    assert aligned.box == parsed.box == tagged.box
    (fine,) = facekit.predict("landmarks", astronaut())
    apart = np.linalg.norm(aligned.points - fine.points, axis=1).mean()
    assert apart < 0.1 * np.linalg.norm(fine.points[45] - fine.points[36]), "the same face, about the same points"
    mouth, eye = fine.points[48:60].mean(0), fine.points[36:42].mean(0)
    cheek = (fine.points[2] + fine.points[31]) / 2
    for name, (x, y) in (("skin", cheek), ("hair", eye + 1.3 * (eye - mouth)), ("nose", fine.points[30])):
        assert parsed.labels.classes[parsed.mask[round(y), round(x)]] == name
    assert (parsed.mask == parsed.labels.index("left_eye")).any()


def test_its_size() -> None:
    pair = facekit.load_backbone("farl", weights="embedded")
    assert pair.image.size.input_size == 96 and pair.text is not None
    with torch.inference_mode():
        maps = pair.features(torch.rand(1, 3, 96, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 192, 12, 12)] * 4


@pytest.mark.slow
def test_it_beats_the_commoner_answer_on_unseen_faces(data: Path) -> None:
    from facekit.data.face_sources import celebahq128, celebahq_attributes

    _, table = celebahq_attributes()
    faces = [(name.removesuffix(".jpg"), image) for name, image, _ in celebahq128()][-200:]
    truth = np.stack([table[name] for name, _ in faces])
    scores = facekit.evaluate("attributes", [p for _, p in faces], truth, align="none")
    commoner = 100 * float(np.maximum(truth.mean(0), 1 - truth.mean(0)).mean())
    assert scores["accuracy"] > commoner + 4
