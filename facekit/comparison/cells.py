"""The trainings of a comparison: their order, their files, and what identifies them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tqdm.auto import tqdm

from ..api.adaptation import adapt
from ..core.atomic_file import whole_file
from ..core.json_text import parse_json
from ..core.version import __version__
from ..images.reader import read_images
from ..model.evaluation import score_labelled
from ..results.comparison import ScoredCell
from ..training.config import Adaptation
from ..zoo.official import weights_identity
from .faces import ComparisonFaces

# True for a bar, False for none, or a function (trainings done, trainings, numbers by name).
CellProgress = bool | Callable[[float, int, dict[str, float]], None]


@dataclass(frozen=True)
class Plan:
    """All that a comparison trains and scores.

    Attributes:
        faces: The faces and their splits.
        configs: Configuration by backbone and number of faces, for the identity of a cell.
        recipe: As in `facekit.adapt`.
        overrides: Fields of the configuration that differ from the recipe.
        weights: Weights by backbone.
        align: As in `facekit.adapt`.
        device: As in `facekit.adapt`.
        seed: Seed of the first draw. Each further draw adds 1.
    """

    faces: ComparisonFaces
    configs: dict[tuple[str, int], Adaptation]
    recipe: str | Adaptation
    overrides: dict[str, Any]
    weights: dict[str, Any]
    align: str
    device: Any
    seed: int

    @property
    def cells(self) -> list[tuple[int, int, str]]:
        """(draw, shots, backbone) of each cell. A draw is complete before the next one begins."""
        by_shots = sorted(self.configs, key=lambda key: key[1])  # stable: backbones keep their order
        return [(draw, shots, name) for draw in range(len(self.faces.splits)) for name, shots in by_shots]

    def key(self, draw: int, shots: int, backbone: str) -> str:
        """Return a hash of everything that a cell's result depends on, but for the machine.

        Args:
            draw: Number of the draw.
            shots: Number of faces.
            backbone: Name of the backbone.
        """
        split, config = self.faces.splits[draw], self.configs[backbone, shots]
        identity = {
            "facekit": __version__,
            "task": [self.faces.task.name, self.faces.task.to_dict()],
            "backbone": backbone,
            "weights": weights_identity(self.weights[backbone]),
            "config": [type(config).__name__, dataclasses.asdict(config)],
            "align": self.align,
            "seed": self.seed + draw,
            "faces": [self.faces.adapt.prints[i] for i in split.adapt[:shots]],
            "scored": [self.faces.scored.prints[i] for i in split.scored],
        }
        text = json.dumps(identity, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_cells(plan: Plan, folder: Path | None, progress: CellProgress, score: str) -> list[ScoredCell]:
    """Train and score every cell that has no file yet.

    Args:
        plan: What to train.
        folder: Where finished cells are kept, or None.
        progress: True for a bar over all cells, False for none, or a function (finished cells, cells, numbers). It is
            called after each training step with a fraction of a cell and the losses, before each batch of scored
            images, and after each cell with its score.
        score: Name of the main score.

    Returns:
        One entry per cell.
    """
    cells = plan.cells
    done: list[ScoredCell] = []
    layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(total=len(cells), disable=progress is not True, leave=False, bar_format=layout) as bar:
        for number, (draw, shots, backbone) in enumerate(cells, 1):
            bar.set_description(f"{number} of {len(cells)}: {backbone}, {shots} faces, draw {draw + 1}", refresh=False)
            file = None if folder is None else folder / f"{_file_stem(plan, draw, shots, backbone)}.json"
            cell = None if file is None or not file.exists() else _read_cell(file)
            if cell is None:

                def advance(step: int, steps: int, losses: dict[str, float], finished: int = number - 1) -> None:
                    bar.update(finished + step / steps - bar.n)
                    if callable(progress):
                        progress(finished + step / steps, len(cells), losses)

                cell = _run(plan, draw, shots, backbone, file, advance if progress else False)
            done.append(cell)
            bar.update(number - bar.n)
            if callable(progress):
                progress(number, len(cells), {score: cell.scores.get(score, float("nan"))})
    return done


def _run(
    plan: Plan,
    draw: int,
    shots: int,
    backbone: str,
    file: Path | None,
    progress: Literal[False] | Callable[[int, int, dict[str, float]], None],
) -> ScoredCell:
    """Train and score one cell, and write its file. The training resumes from its checkpoint beside that file."""
    faces, split = plan.faces, plan.faces.splits[draw]
    images, labels = faces.adapt.part(split.adapt[:shots])
    checkpoint = None if file is None else file.with_suffix(".checkpoint")
    model = adapt(
        images,
        labels,
        faces.task.name,
        backbone,
        names=faces.task.labels,
        weights=plan.weights[backbone],
        recipe=plan.recipe,
        align=plan.align,
        checkpoint=checkpoint,
        device=plan.device,
        seed=plan.seed + draw,
        progress=progress,
        **plan.overrides,
    )
    scored_images, scored_labels = faces.scored.part(split.scored)
    assert scored_labels is not None

    def report() -> None:
        if callable(progress):
            progress(1, 1, {})

    found = score_labelled(model, read_images(scored_images), scored_labels, None, None, stacklevel=5, report=report)
    scores = {name: float(value) for name, value in found.items()}
    cell = ScoredCell(backbone, shots, draw, len(split.scored), scores, model.about["seconds"])
    if file is not None and checkpoint is not None:
        with whole_file(file) as temporary:
            temporary.write_text(json.dumps(dataclasses.asdict(cell), indent=1) + "\n", encoding="utf-8")
        checkpoint.unlink(missing_ok=True)
        checkpoint.with_suffix(".jsonl").unlink(missing_ok=True)
    return cell


def _read_cell(file: Path) -> ScoredCell:
    """Read the file of a finished cell."""
    content = parse_json(file.read_bytes(), str(file))
    try:
        return ScoredCell(**content)
    except TypeError as error:
        raise ValueError(f"{file}: expected a finished cell of a comparison, got other JSON; delete it") from error


def _file_stem(plan: Plan, draw: int, shots: int, backbone: str) -> str:
    """Return the name of a cell's file without its suffix."""
    return f"{backbone}-{shots}-faces-draw-{draw + 1}-{plan.key(draw, shots, backbone)}"
