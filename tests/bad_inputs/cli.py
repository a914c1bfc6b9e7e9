"""Outputs that cannot be written, models that do not exist, and wrong options of the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import facekit
from facekit.api.shards import make_shards
from facekit.cli.command import parse_settings
from facekit.cli.label_formats import check_formats
from facekit.cli.main import parser
from facekit.cli.quickstart import quickstart
from facekit.core.output_paths import OutputError, check_output
from facekit.images.reader import save_image
from facekit.model import ready_model, resolve_model
from facekit.results.faces import Faces
from facekit.results.types import Landmarks
from facekit.training.loop import train

IMAGE = np.zeros((8, 8, 3), np.uint8)


def file_in(folder: Path) -> Path:
    (folder / "file").write_bytes(b"1")
    return folder / "file"


def folder_in(folder: Path, name: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    return folder / name


def link_in(folder: Path, target: Path) -> Path:
    (folder / "link").unlink(missing_ok=True)
    (folder / "link").symlink_to(target)
    return folder / "link"


def pipe_in(folder: Path) -> Path:
    if not (folder / "pipe").exists():
        os.mkfifo(folder / "pipe")
    return folder / "pipe"


def faces(count: int) -> Faces[Landmarks]:
    face = Landmarks(np.zeros((1, 2)), np.ones(1), facekit.labels.landmark_set(["nose"]), IMAGE)
    return Faces([face] * count, IMAGE)


def raised(*arguments: str) -> None:
    """Run a command of the terminal and raise what it would print."""
    a = parser().parse_args(arguments)
    a.run(a)


ROWS: list[tuple[str, type[Exception], Callable[[Path], Any], str]] = [
    ("output: a folder for a file", OutputError, lambda f: check_output(f), r"got a folder, expected a file"),
    (
        "output: a name that ends in a slash",
        OutputError,
        lambda f: check_output(f"{f}/new/"),
        r"new/: got a folder, expected a file; add a file name",
    ),
    (
        "output: a file for a folder",
        OutputError,
        lambda f: check_output(file_in(f), folder=True),
        r"file: got a file, expected a folder",
    ),
    (
        "output: a path through a file",
        OutputError,
        lambda f: check_output(file_in(f) / "a" / "m.facekit"),
        r"file is not a folder, expected one on the way there",
    ),
    (
        "output: a folder below a file",
        OutputError,
        lambda f: check_output(file_in(f) / "a", folder=True),
        r"file is not a folder, expected",
    ),
    (
        "output: another suffix",
        ValueError,
        lambda f: check_output(f / "m.png", (".facekit",)),
        r"got suffix .png, expected .facekit; rename",
    ),
    (
        "output: no suffix",
        ValueError,
        lambda f: check_output(f / "m", (".png", ".jpg")),
        r"got no suffix, expected .png or .jpg",
    ),
    ("output: no name", ValueError, lambda f: check_output(""), r"^output: got '', expected a file name"),
    ("output: a zero byte", ValueError, lambda f: check_output("a\0b"), r"got 'a\\x00b', expected a file name"),
    ("output: None", OSError, lambda f: check_output(None), r"got NoneType, expected a path"),  # type: ignore[arg-type]
    (
        "output: a name that is too long",
        OSError,
        lambda f: check_output(f / ("n" * 300 + ".png")),
        r"name too long, expected a place.*shorten the name",
    ),
    ("output: a device", OutputError, lambda f: check_output("/dev/null"), r"^/dev/null: got a device or pipe"),
    ("output: a pipe", OutputError, lambda f: check_output(pipe_in(f)), r"pipe: got a device or pipe, expected a file"),
    (
        "output: a broken link",
        OutputError,
        lambda f: check_output(link_in(f, f / "gone" / "m.facekit")),
        r"link: got a broken link, expected a file to write",
    ),
    ("output: a link to itself", OutputError, lambda f: check_output(link_in(f, f / "link")), r"link: .*expected"),
    (
        "output: a stranger's home",
        OutputError,
        lambda f: check_output("~nobody-of-this-name/m.facekit"),
        r"unknown user's folder, expected a path",
    ),
    (
        "output: a folder that the system keeps",
        OSError,
        lambda f: check_output("/proc/facekit/m.facekit"),
        r"^/proc/facekit/m.facekit: .*expected",
    ),
    ("save_image to a folder", OutputError, lambda f: save_image(IMAGE, file_in(f) / "a.png"), r"is not a folder"),
    ("a result below a file", ValueError, lambda f: faces(1).save(file_in(f) / "a.json"), r"is not a folder, expected"),
    ("save: a model to a folder", OutputError, lambda f: ready_model("landmarks").save(f), r"got a folder, expected"),
    (
        "export: another suffix",
        ValueError,
        lambda f: ready_model("landmarks").export_onnx(f / "m.pt"),
        r"got suffix .pt, expected .onnx",
    ),
    (
        "adapt: a folder as checkpoint",
        ValueError,
        lambda f: facekit.adapt(IMAGE, [[[1, 1]]], checkpoint=f),
        r"folder.*expected|expected.*folder",
    ),
    (
        "train: a checkpoint below a file",
        OSError,
        lambda f: train(None, 1, checkpoint=file_in(f) / "c.pt"),  # type: ignore[arg-type]
        r"is not a folder, expected",
    ),
    (
        "pretrain: another suffix",
        ValueError,
        lambda f: facekit.pretrain("fsma", "generated:1", out=f / "w.pt"),
        r"w.pt.*expected .*\.safetensors",
    ),
    (
        "pretrain: a folder as output",
        ValueError,
        lambda f: facekit.pretrain("fsma", "generated:1", out=folder_in(f, "w.safetensors")),
        r"got a folder, expected a file",
    ),
    ("shard: a file as output", ValueError, lambda f: make_shards(["generated:1"], file_in(f)), r"got a file"),
    ("quickstart: another suffix", ValueError, lambda f: quickstart(f / "a.gif"), r"suffix .gif, expected .png"),
    (
        "terminal: adapt to an image's name",
        ValueError,
        lambda f: raised("adapt", "--task", "landmarks", "--out", str(f / "face.png")),
        r"got suffix .png, expected .facekit",
    ),
    (
        "terminal: --set without a value",
        ValueError,
        lambda f: parse_settings(["lr"], {}),
        r"--set lr: expected NAME=VALUE",
    ),
    (
        "terminal: --set of another option",
        ValueError,
        lambda f: parse_settings(["seed=3"], {"seed": 0}),
        r"--set seed=3: seed is set by another option, expected",
    ),
    (
        "terminal: --set twice",
        ValueError,
        lambda f: parse_settings(["lr=1", "lr=2"], {}),
        r"got lr twice, expected each",
    ),
    (
        "terminal: --format without --out",
        ValueError,
        lambda f: raised("predict", "landmarks", "a.png", "--format", "coco"),
        r"--format coco: got no --out, expected",
    ),
    (
        "terminal: masks of landmarks",
        ValueError,
        lambda f: check_formats(["mask"], ready_model("landmarks")),
        r"--format mask: got a model for landmarks, expected a model for segmentation",
    ),
    (
        "terminal: label files of attributes",
        ValueError,
        lambda f: check_formats(["labelme"], ready_model("attributes")),
        r"--format labelme: got a model for attributes, expected",
    ),
    (
        "terminal: drawings among the images",
        ValueError,
        lambda f: save_image(IMAGE, f / "a.png") or raised("predict", "landmarks", str(f), "--out", str(f)),
        r"got the folder of the images, expected another one",
    ),
    (
        "terminal: one text to match",
        ValueError,
        lambda f: raised("match", str(f), "a face"),
        r"got one text, expected two or more",
    ),
    (
        "terminal: an explanation as .gif",
        ValueError,
        lambda f: raised("explain", "a.png", "a face", "--out", str(f / "a.gif")),
        r"got suffix .gif, expected",
    ),
    (
        "terminal: labels for a model of points",
        ValueError,
        lambda f: raised("adapt-labels", "landmarks", "--labels", str(f), "--out", str(f / "m.facekit")),
        r"landmarks: got a model for landmarks, expected one for segmentation",
    ),
    (
        "terminal: doubts of a model that has none",
        ValueError,
        lambda f: save_image(IMAGE, f / "a.png") or raised("uncertainty", "segmentation", str(f / "a.png")),
        r"no classifiers that could disagree",
    ),
    (
        "a model that does not exist",
        ValueError,
        lambda f: resolve_model("nose"),
        r"^nose: no such file or ready model, expected a .facekit file or 'landmarks'",
    ),
    ("a model of another type", TypeError, lambda f: resolve_model(3.5), r"^model is float: expected a facekit.Model"),  # type: ignore[arg-type]
    (
        "points of two faces",
        AttributeError,
        lambda f: faces(2).points,
        r"^2 faces were found in this image, expected one for .points; take it from each face",
    ),
    ("points of no face", AttributeError, lambda f: faces(0).points, r"^no face was found in this image, expected one"),
    (
        "options of one face for two",
        TypeError,
        lambda f: faces(2).draw(panel=False),
        r"draw\(\) of 2 faces got panel, expected legend= only",
    ),
]
