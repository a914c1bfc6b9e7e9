"""Malformed .facekit files raise one clear ValueError and need little memory."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.slow import slow_unless
from safetensors.torch import load as load_tensors
from safetensors.torch import save
from torch import Tensor

import facekit
from facekit.model import Model, find_backbone
from facekit.tasks import StylizationTask
from facekit.zoo.embedded import embedded_file

Contents = tuple[dict[str, Any], dict[str, Tensor]]
CASES = ("landmarks", "segmentation", "segmentation-fasseg", "attributes", "stylization")
MUTATIONS = 40  # of each case: 200 in all


def contents(path: Path) -> Contents:
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("model.json")), load_tensors(file.read("weights.safetensors"))


def write(path: Path, about: Any, state: dict[str, Tensor]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model.json", json.dumps(about))
        file.writestr("weights.safetensors", save({k: v.contiguous() for k, v in state.items()}))
    return path


@pytest.fixture(scope="module")
def stylization(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module, task = find_backbone("fsma"), StylizationTask()
    network = module.build("none", 0, task, module.recipe("quick", "stylization", True, 1))
    path = tmp_path_factory.mktemp("models") / "s.facekit"
    Model("fsma", network, task).save(path)
    return path


def _places(about: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = about.items() if isinstance(about, dict) else enumerate(about) if isinstance(about, list) else ()
    # What is told of the training, and single points and colours, are read by nobody at load.
    kept = [(k, v) for k, v in inside if at[:1] != ("about",) and (isinstance(k, str) or k < 2)]
    return [(*at, k) for k, _ in kept] + [place for k, v in kept for place in _places(v, (*at, k))]


def _put(about: Any, place: tuple[Any, ...], value: Any, delete: bool = False) -> None:
    for key in place[:-1]:
        about = about[key]
    if delete:
        del about[place[-1]]
    else:
        about[place[-1]] = value


VALUES: tuple[Any, ...] = (None, -1, 0, 10**18, 3.5, "text", [], {}, [[1]], True, [None, {}], "\x00", -(10**9))


def mutated(about: dict[str, Any], state: dict[str, Tensor], seed: int) -> tuple[Contents, str]:
    """One change: of a setting to another value, its absence, or of a tensor."""
    draw = random.Random(seed)
    about, state = copy.deepcopy(about), dict(state)
    if draw.random() < 0.25:
        name = draw.choice(sorted(state))
        kind = draw.choice(("gone", "shape", "NaN", "more"))
        if kind == "gone":
            del state[name]
        elif kind == "shape":
            state[name] = torch.zeros(state[name].numel() + 1)
        elif kind == "NaN":
            state[name] = torch.full(state[name].shape, float("nan"))
        else:
            state["more"] = torch.zeros(1)
        return (about, state), f"{kind}: {name}"
    place = draw.choice(_places(about))
    if draw.random() < 0.25:
        _put(about, place, None, delete=True)
        return (about, state), f"{place} is missing"
    value = draw.choice(VALUES)
    _put(about, place, value)
    return (about, state), f"{place} = {value!r}"


@pytest.mark.parametrize("case", slow_unless(("segmentation-fasseg", "stylization").__contains__, CASES))
def test_malformed_files_give_one_sentence(tmp_path: Path, case: str, stylization: Path) -> None:
    """M1: of 200 random changes each gives the promised error, or a model that predicts as before."""
    about, state = contents(stylization if case == "stylization" else embedded_file(case))
    refused = 0
    for seed in range(MUTATIONS):
        changed, what = mutated(about, state, seed)
        path = write(tmp_path / "m.facekit", *changed)
        try:
            model = facekit.load(path)
        except ValueError as error:
            refused += 1
            assert str(path) in str(error) and "expected" in str(error), (what, str(error))  # noqa: PT017
            assert "\n" not in str(error) and len(str(error)) < 500, (what, str(error))  # noqa: PT017
        else:
            with torch.inference_mode():
                maps = model.maps(torch.zeros(1, 3, model.input_size, model.input_size))
            assert maps.shape[1] == model.task.channels and model.task.decode(maps), what
    assert refused > MUTATIONS // 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, s: a.update(format=2), "format 2, .*upgrade"),
        (lambda a, s: a.update(backbone="other"), "backbone='other'"),
        (lambda a, s: a.update(task="other"), "task='other'"),
        (lambda a, s: a["network"].update(decoder_channels=[96, 64, 48, 32, 8]), "of another shape"),
        (lambda a, s: a["network"].update(channels=7), "of another shape"),
        (lambda a, s: a["labels"].update(names=["a"]), "malformed"),
        (lambda a, s: a.update(whole="yes"), "'whole'.*expected a bool"),
        (
            lambda a, s: s.update({k: v.new_full(v.shape, float("inf")) for k, v in s.items() if "_head" in k}),
            r"segmentation_head\.0\.(weight|bias) has NaN or infinite",
        ),
        (lambda a, s: s.update({k: v.long() for k, v in s.items() if "segmentation_head" in k}), "got torch.int64"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: Callable[..., Any], message: str) -> None:
    about, state = contents(embedded_file("landmarks"))
    change(about, state)
    with pytest.raises(ValueError, match=message):
        facekit.load(write(tmp_path / "m.facekit", about, state))


def test_no_other_files_are_named(tmp_path: Path) -> None:
    """A tower in a file has a name of timm's and a size: no weights of other files, and no address."""
    about, state = contents(embedded_file("attributes"))
    for tower in (
        {"name": "vit_tiny_patch16_224", "input_size": 32, "weights": "/etc/passwd"},
        {"name": "hf-hub:a/b", "input_size": 32},
        {"name": "local-dir:/etc", "input_size": 32},
    ):
        about["network"]["tower"] = tower
        with pytest.raises(ValueError, match="do not fit|no such model|expected the embedded weights"):
            facekit.load(write(tmp_path / "m.facekit", about, state))


BOMBS = """
import json, resource, sys, facekit
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
good, bombs, grown = sys.argv[1:3], sys.argv[3:], {}
for path in good:
    facekit.load(path)
for path in bombs:
    before = peak()
    try:
        facekit.load(path)
    except ValueError as error:
        grown[path] = peak() - before, str(error)
print(json.dumps(grown))
"""


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """By the kind of a bomb: megabytes that loading it takes in another process, and the error's text."""
    folder = tmp_path_factory.mktemp("bombs")
    paths = {kind: folder / f"{kind} bomb.facekit" for kind in ("width", "compressed", "layers")}
    with zipfile.ZipFile(paths["compressed"], "w", zipfile.ZIP_DEFLATED) as file:  # noqa: SIM117
        with file.open("weights.safetensors", "w") as member:
            for _ in range(300):
                member.write(bytes(1_000_000))
    good = [embedded_file("landmarks"), embedded_file("attributes")]
    about, state = contents(good[0])
    about["network"]["width"] = 1500
    write(paths["width"], about, state)
    about, state = contents(good[1])
    about["network"]["tower"]["layers"] = 10**9
    write(paths["layers"], about, state)
    command = [sys.executable, "-c", BOMBS, *map(str, [*good, *paths.values()])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    grown = json.loads(run.stdout)
    return {kind: grown[str(path)] for kind, path in paths.items()}


@pytest.mark.parametrize("kind", ["width", "compressed", "layers"])
def test_bombs_cost_nothing(kind: str, bombs: dict[str, tuple[int, str]]) -> None:
    """H4: 8 GB and 4 GB before; now less than 100 MB."""
    grown, message = bombs[kind]
    assert grown < 100 and "bomb.facekit" in message


def test_a_load_leaves_random_numbers_alone() -> None:
    torch.manual_seed(3)
    first = torch.rand(3)
    torch.manual_seed(3)
    facekit.load(embedded_file("landmarks"))
    assert torch.equal(torch.rand(3), first)


def test_embedded_files_load_bit_equal() -> None:
    for name in ("landmarks", "segmentation", "attributes"):
        _, state = contents(embedded_file(name))
        loaded = facekit.load(embedded_file(name)).network.state_dict()
        assert all(torch.equal(loaded[k], v.float() if v.is_floating_point() else v) for k, v in state.items())
