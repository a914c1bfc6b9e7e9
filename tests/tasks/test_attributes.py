"""The attributes task has the right sets, loss and scores, and trains a tiny backbone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import facekit
import facekit.cli.adapt as command_line
from facekit.__main__ import main
from facekit.backbones.base import Backbone
from facekit.backbones.registry import register
from facekit.images.reader import save_image
from facekit.labels import CELEBA_40, AttributeSet, attribute_set
from facekit.metrics.scores import accuracy_by_attribute, balanced_accuracy_by_attribute, calibration_error
from facekit.results.types import Attributes
from facekit.tasks import TASKS, AttributesTask, task_from_dict
from facekit.training.adapted_network import AdaptedNetwork
from facekit.training.config import Adaptation

NAN = float("nan")
SETTINGS = Adaptation(
    steps=120, batch_size=40, lr=0.1, views=2, least_views=2, rotate=0.0, scale=(1.0, 1.0), shift=0.0, jitter=0.0
)


class Tiny(AdaptedNetwork):
    """One layer on the mean colour: the smallest network that can learn an attribute."""

    input_size = 16

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.head = nn.Linear(3, channels)

    def new_parameters(self) -> list[nn.Parameter]:
        return list(self.head.parameters())

    def frozen_features(self, x: Tensor) -> list[Tensor]:
        return [8 * (x.mean((2, 3)) - 0.5)]

    def from_features(self, features: list[Tensor]) -> Tensor:
        return self.head(features[0])

    def to_dict(self) -> dict[str, Any]:
        return {"channels": self.channels}


@register
class TinyBackbone(Backbone):
    """A backbone whose only network is `Tiny`."""

    name: ClassVar[str] = "tiny"
    tasks: ClassVar[tuple[str, ...]] = ("attributes",)
    config: ClassVar[type[Adaptation]] = Adaptation

    def recipe(self, name: str, task: str, customised: bool, faces: int) -> Adaptation:
        return SETTINGS

    def load(self, weights: Any = "auto", seed: int = 0) -> Tiny:
        return Tiny(1)

    def build(self, weights: Any, seed: int, task: Any, config: Adaptation) -> Tiny:
        return Tiny(task.channels)

    def network_from_dict(self, settings: dict[str, Any]) -> Tiny:
        return Tiny(**settings)


def colours(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (n,24,20,3) of one colour each and their attributes (n,3): red, green, blue above the middle."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (n, 3)).astype(np.float32)
    level = np.where(labels == 1, rng.uniform(160, 250, (n, 3)), rng.uniform(5, 95, (n, 3)))
    return np.broadcast_to(level[:, None, None].astype(np.uint8), (n, 24, 20, 3)).copy(), labels


def adapted(labels: np.ndarray, images: np.ndarray, **options: Any) -> facekit.Model:
    return facekit.adapt(images, labels, "attributes", "tiny", recipe=SETTINGS, device="cpu", progress=False, **options)


def test_sets() -> None:
    assert len(CELEBA_40) == len(set(CELEBA_40.names)) == 40 and CELEBA_40.index("Young") == 39
    for spec in ("celeba40", "CelebA", "CELEBA_40", "40", list(CELEBA_40.names), CELEBA_40):
        assert attribute_set(spec, 40) is CELEBA_40
    assert attribute_set(None, 40).names[:2] == ("attribute_0", "attribute_1") and attribute_set(None, 40) != CELEBA_40
    assert attribute_set(["hat", "beard"]) == AttributeSet("own2", ("hat", "beard"))
    for spec, n, said in (
        ("fairface", None, "known: celeba40"),
        (["a", "a"], None, "got a more than once"),
        ([], None, "empty list"),
        (None, None, "got n=None"),
        ("celeba", 3, "has 40 attributes, but the labels have 3"),
    ):
        with pytest.raises(ValueError, match=said):
            attribute_set(spec, n)
    with pytest.raises(ValueError, match="has no 'Hat'"):
        CELEBA_40.index("Hat")


@pytest.mark.data
def test_names_are_those_of_celeba() -> None:
    from facekit.data.face_sources import celebahq_attributes

    names, table = celebahq_attributes()
    assert names == CELEBA_40.names and len(table) == 10_000
    assert table["14670"][[2, 6, 39]].tolist() == [1, 1, 1] and set(np.unique(list(table.values()))) == {0.0, 1.0}


@pytest.mark.data
def test_utkface_in_words() -> None:
    from facekit.data.face_sources import utkface

    paths, age, gender, race = utkface()
    assert len(paths) == len(age) == len(gender) == len(race) == 3000 and paths[0].is_file()
    assert (age[0], gender[0], race[0]) == (2, "female", "asian") and set(gender) == {"male", "female"}


def test_sides_swap_in_a_mirrored_image() -> None:
    task = AttributesTask(attribute_set(["left_eye_closed", "right_eye_closed", "smile"]))
    labels = torch.tensor([[1.0, 0, 1], [1, NAN, 0]])
    moved = task.augmented(labels, torch.zeros(2, 2, 3), torch.tensor([True, False]), 16, 16)
    assert moved[0].tolist() == [0, 1, 1] and moved[1, 0] == 1 and moved[1, 1].isnan()
    assert task.mirror_maps(torch.tensor([[1.0, 2, 3]])).tolist() == [[2, 1, 3]]
    assert task.mirrors and not AttributesTask(attribute_set(["left_eye_closed"])).mirrors
    every = AttributesTask(CELEBA_40)
    logits = torch.randn(2, 40)
    assert every.mirrors and torch.equal(every.mirror_maps(logits), logits)


def test_loss_by_hand_and_blind_to_what_is_not_labelled() -> None:
    task = AttributesTask(attribute_set(None, 2))
    logits = torch.tensor([[0.0, 2.0], [math.log(3), -1.0]], requires_grad=True)
    loss = task.loss(logits, torch.tensor([[1.0, NAN], [0.0, 0.0]]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4) + math.log1p(math.exp(-1))) / 3)
    loss.backward()
    assert logits.grad is not None and logits.grad[0, 1] == 0
    assert logits.grad.flatten()[[0, 2]].tolist() == pytest.approx([-0.5 / 3, 0.75 / 3])
    logits.grad = None
    nothing = task.loss(logits, torch.full((2, 2), NAN))
    nothing.backward()
    assert nothing == 0 and logits.grad.abs().sum() == 0


FOUND = np.array([[0.9, 0.22], [0.62, 0.42], [0.22, 0.8], [0.42, 0.62]], np.float32)
TRUTH = np.array([[1, 0], [0, 0], [0, NAN], [0, 1]], np.float32)


def test_scores_by_hand() -> None:
    assert accuracy_by_attribute(FOUND, TRUTH).tolist() == [0.75, 1]
    assert balanced_accuracy_by_attribute(FOUND, TRUTH) == pytest.approx([(1 + 2 / 3) / 2, 1])
    # Bins: .9 true; .62 twice, one true; .22 twice, none; .42 twice, none.
    error = (0.1 + 0.24 + 0.44 + 0.84) / 7
    assert calibration_error(FOUND, TRUTH) == pytest.approx(error, abs=1e-6)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])) == 0
    # The last two of fifteen bins.
    assert calibration_error(np.array([[0.92], [0.97]]), np.array([[0], [1]])) == pytest.approx((0.92 + 0.03) / 2)
    task = AttributesTask(attribute_set(["hat", "beard"]))
    image = np.zeros((8, 8, 3), np.uint8)
    results = [Attributes(p, task.labels, image) for p in FOUND]
    scores = task.score(list(results), list(TRUTH))
    assert list(scores) == ["accuracy", "balanced_accuracy", "calibration", "accuracy_hat", "accuracy_beard"]
    assert list(scores.values()) == pytest.approx([87.5, 100 * 11 / 12, 100 * error, 75, 100], abs=1e-4)


def test_an_attribute_without_labels_or_without_both_answers_leaves_the_means() -> None:
    truth = np.array([[1, NAN, 1], [0, NAN, 1]])
    found = np.array([[0.9, 0.9, 0.9], [0.9, 0.9, 0.9]])
    assert accuracy_by_attribute(found, truth) == pytest.approx([0.5, NAN, 1], nan_ok=True)
    assert balanced_accuracy_by_attribute(found, truth) == pytest.approx([0.5, NAN, NAN], nan_ok=True)
    task = AttributesTask(attribute_set(None, 3))
    results: list[Any] = [Attributes(p, task.labels, np.zeros((8, 8, 3), np.uint8)) for p in found]
    assert task.score(results, list(truth))["accuracy"] == 75
    assert task.score(results, list(truth))["balanced_accuracy"] == 50
    none = task.score(results, [np.full(3, NAN)] * 2)
    assert all(math.isnan(value) for value in none.values())


def test_attributes_start_as_the_known_ones_that_go_along() -> None:
    known = AttributesTask(attribute_set(["a", "b", "c"]))
    task = AttributesTask(attribute_set(["like_c", "like_a", "always"]))
    logits = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 50.0, 0.1])
    labels = torch.stack([logits[:, 2] > 0, logits[:, 0] > 0.3, torch.ones(40) > 0], 1).float()
    labels[:10, 0] = NAN
    mixing = task.mixing(known, logits, labels)
    expected = torch.tensor([[0, 0, 1], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(mixing, expected)


def test_from_labels_to_a_model_and_back_from_its_file(tmp_path: Path) -> None:
    images, labels = colours(60)
    some = labels.copy()
    some[::3, 1] = NAN
    model = adapted(some, images, names=["red", "green", "blue"])
    assert model.task.labels == attribute_set(["red", "green", "blue"])
    fresh, truth = colours(40, seed=1)
    scores = facekit.evaluate(model, fresh, truth)
    assert scores["accuracy"] == 100 and scores["calibration"] < 20
    result = facekit.predict(model, fresh[0])
    assert isinstance(result, Attributes) and result.image.shape == (24, 20, 3)
    assert set(result.present()) == {name for name, yes in zip(result.labels.names, truth[0], strict=True) if yes}
    model.save(tmp_path / "m.facekit")
    loaded = facekit.load(tmp_path / "m.facekit", device="cpu")
    assert loaded.task.labels == model.task.labels and facekit.evaluate(loaded, fresh, truth) == scores
    assert np.array_equal(facekit.predict(loaded, fresh[0]).probabilities, result.probabilities)
    again = adapted(some, images, names=["red", "green", "blue"])
    assert facekit.evaluate(again, fresh, truth) == scores, "same seed, same result"


def test_labels_are_checked() -> None:
    images, labels = colours(4)
    with pytest.raises(ValueError, match=r"attributes 2: expected .*, got 2 in column 1 \(green\)"):
        adapted(np.where(np.arange(12).reshape(4, 3) == 7, 2, labels), images, names=["red", "green", "blue"])
    with pytest.raises(ValueError, match="expected 40 .*, got 3 columns"):
        adapted(labels, images, names="celeba")
    with pytest.raises(ValueError, match="got a path .*read_attributes"):
        adapted("labels.csv", images)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'fsma' cannot do 'attributes': .*; choose one, or backbone 'farl'"):
        facekit.adapt(images, labels, "attributes", "fsma")
    labels[:, 2] = NAN
    with pytest.warns(UserWarning, match="nothing to learn from: attribute_2$"):
        model = adapted(labels, images)
    assert math.isnan(facekit.evaluate(model, images, labels)["accuracy_attribute_2"])


def test_task_survives_its_own_dict() -> None:
    for labels in (CELEBA_40, attribute_set(["hat"])):
        again = task_from_dict("attributes", AttributesTask(labels).to_dict())
        assert isinstance(again, AttributesTask) and again.labels == labels
    assert not AttributesTask.customised(CELEBA_40) and AttributesTask.customised(attribute_set(["hat"]))


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    real = facekit.adapt

    def quick(*given: Any, **options: Any) -> facekit.Model:
        return real(*given, **(options | {"recipe": SETTINGS, "device": "cpu"}))

    monkeypatch.setattr("facekit.api.adaptation.adapt", quick)
    images, labels = colours(12)
    folder = tmp_path / "faces"
    folder.mkdir()
    good, turned = ["file,red,green,blue,side"], ["file,side,blue,green,red"]
    for i, (image, row) in enumerate(zip(images, labels.astype(int), strict=True)):
        save_image(image, folder / f"{i}.png")
        good.append(f"{i}.png,{row[0]},{row[1]},{row[2]},x")
        # All answers of the second side's people are wrong.
        red, green, blue = row if i % 3 else 1 - row
        turned.append(f"{i}.png,{'left' if i % 3 else 'right'},{blue},{green},{red}")
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("\n".join(good))
    test.write_text("\n".join(turned))
    model = str(tmp_path / "m.facekit")
    base = ["adapt", "--task", "attributes", "--backbone", "tiny", "--labels", str(train), "--out", model, "--json"]
    assert main([*base, "--images", str(folder)]) == 2
    assert "train.csv: row 2 (0.png), column 'side': expected 0, 1 or an empty cell, got 'x'" in capsys.readouterr().err
    assert main([*base, "--images", str(folder), "--names", "red,green,blue"]) == 0
    assert json.loads(capsys.readouterr().out)["faces"] == 12

    evaluation = ["evaluate", model, str(folder), str(test)]
    assert main([*evaluation, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == pytest.approx(100 * 8 / 12)
    assert main([*evaluation, "--by", "side", "--json"]) == 0
    by = {name: scores["accuracy"] for name, scores in json.loads(capsys.readouterr().out).items()}
    assert by == pytest.approx({"left": 100, "right": 0, "all": 100 * 8 / 12, "discrepancy": 100})
    assert main([*evaluation, "--by", "side"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [
        ["left", "right", "all", "discrepancy"],
        ["faces", "8", "4", "12"],
        ["accuracy", "100.00", "0.00", "66.67", "100.00"],
    ]
    assert main([*evaluation, "--by", "age"]) == 2 and "got column 'age'" in capsys.readouterr().err
    assert main([*evaluation, "--groups", str(test)]) == 2 and "without --by" in capsys.readouterr().err
    np.save(tmp_path / "labels.npy", labels)
    arrays = ["evaluate", model, str(folder), str(tmp_path / "labels.npy"), "--by", "side", "--json"]
    assert main([*arrays, "--groups", str(test)]) == 0
    assert json.loads(capsys.readouterr().out)["right"]["accuracy"] == 100
    assert main([*arrays, "--groups", str(folder)]) == 2 and "is no table" in capsys.readouterr().err


def test_the_command_line_has_every_task() -> None:
    own = [name for name, task in TASKS.items() if task.__module__.startswith("facekit.")]  # other tests register more
    assert tuple(own) == command_line.TASKS
