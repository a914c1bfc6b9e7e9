"""The calls in Python and the commands in a terminal that give what the tabs "Try" and "Compare" show."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from .photo_analysis import MODELS, MOST_FACES

PYTHON = """import facekit

image = facekit.load_image({name!r})
faces = sorted(facekit.find_faces(image), key=lambda face: face.box[1] - face.box[3])[:{most}]  # the largest
faces = sorted(faces, key=lambda face: face.box[0])  # from left to right
points, parts, attributes, sketch, bright = facekit.predict(
    {models},
    image,
    faces=faces,
)
face = {face}
print(points[face].points)  # 68 x (x, y) in pixels; the names: points[face].labels.points
print(parts[face].mask.shape)  # class ids; the names: parts[face].labels.classes
print(attributes[face].top(5))
parts.show(legend=True).save("parts.png")
sketch.show().save("sketch.png")
bright.show().save("without-shadows.png")
"""
TEXTS = """
sentences = {sentences}
print(facekit.match(image, sentences, align="mean", faces=faces[face]))
facekit.explain(image, sentences[0], align="mean", faces=faces[face]).show().save("heat.png")
"""

COMPARISON = """import facekit
from facekit.annotations import read_labels

found = read_labels("labels", "{task}")  # the folder of the unpacked zip file
curve = facekit.learning_curve(
    found.images,
    found.labels,
    "{task}",
    {backbones},
    shots={shots},
    draws={draws},
    names=found.names,
    align="{align}",
)
print(curve)
curve.plot("curve.png")
curve.save("results.json")
"""


def python_code(name: str, face: int | None, sentences: list[str]) -> str:
    """Return Python code for a photo.

    Args:
        name: Name of the photo's file.
        face: Index of the chosen face, or None.
        sentences: Sentences to match; none leaves this part out.
    """
    models = "[" + ", ".join(f'"{model}"' for model in MODELS) + "]"
    code = PYTHON.format(name=name, most=MOST_FACES, models=models, face=face or 0)
    listing = "[\n" + "".join(f"    {sentence!r},\n" for sentence in sentences) + "]"
    return code + (TEXTS.format(sentences=listing) if sentences else "")


def terminal_commands(name: str, sentences: list[str]) -> str:
    """Return commands for a photo.

    Args:
        name: Name of the photo's file.
        sentences: Sentences to match; none leaves this part out.
    """
    file = shlex.quote(f"./{name}" if name.startswith("-") else name)
    lines = [f"facekit predict {model} {file} --out results/{model}" for model in MODELS]
    if sentences:
        texts = " ".join(map(shlex.quote, sentences))
        lines.append("# for the best face of the photo")
        lines.append(f"facekit match {file} {texts} --align mean")
        lines.append(f"facekit explain {file} {shlex.quote(sentences[0])} --align mean --out heat.png")
    return "\n".join(lines)


def comparison_code(task: str, backbones: Sequence[str], shots: Sequence[int], draws: int, align: str) -> str:
    """Return Python code for a comparison.

    Args:
        task: Name of the task.
        backbones: Names of the backbones.
        shots: Numbers of labelled faces.
        draws: Number of draws.
        align: How faces are cropped.
    """
    names = json.dumps(list(backbones))  # with double quotes
    return COMPARISON.format(task=task, backbones=names, shots=list(shots), draws=draws, align=align)


def comparison_command(task: str, backbones: Sequence[str], shots: Sequence[int], draws: int, align: str) -> str:
    """Return the command for a comparison. The arguments are those of `comparison_code`."""
    return (
        f"facekit compare labels --task {task} --backbones {' '.join(backbones)} \\\n"
        f"    --shots {' '.join(map(str, shots))} --draws {draws} --align {align} \\\n"
        "    --out results.json --plot curve.png"
    )
