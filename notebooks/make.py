"""Write the notebooks from their scripts, with outputs.

    python notebooks/make.py                  # all of them
    python notebooks/make.py 00_quickstart    # one

``NAME.py`` is the source: a Jupytext script in percent format. A notebook whose code is unchanged keeps its
outputs, and only its text is written again; ``--execute`` executes it, too.
Images in outputs are stored as JPEG, as large as a notebook of 1 MB allows, and of at most 56 KB each.
"""

from __future__ import annotations

import argparse
import base64
import io
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

from facekit.core.atomic_file import whole_file

FOLDER = Path(__file__).resolve().parent
SECONDS_PER_CELL = 3600
# Largest size of an image in bytes: the first with which all images of a notebook have at most IMAGES_BYTES together.
IMAGE_BYTES = (56_000, 48_000, 40_000, 32_000, 24_000)
IMAGES_BYTES = 660_000
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def scripts() -> list[Path]:
    """Return the scripts of all notebooks, sorted."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def from_script(script: Path) -> nbformat.NotebookNode:
    """Read a script as a notebook without outputs. Cells are numbered, so that the file changes only where cells do."""
    notebook = jupytext.read(script, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i}"
    return notebook


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the sources of the code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def keep_outputs(notebook: nbformat.NotebookNode, earlier: nbformat.NotebookNode) -> None:
    """Copy the outputs of an earlier notebook with the same code."""
    old = (cell for cell in earlier.cells if cell.cell_type == "code")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            same = next(old)
            cell.outputs, cell.execution_count = same.outputs, same.execution_count


def drop_widgets(notebook: nbformat.NotebookNode) -> None:
    """Keep the image of each widget only. Viewers without a kernel would show an error in its place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                data.pop("application/vnd.jupyter.widget-view+json", None)


def shrink_images(notebook: nbformat.NotebookNode) -> None:
    """Store each PNG as JPEG if that is smaller. All images have the same largest size, see `IMAGE_BYTES`."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [data for data in (output.get("data", {}) for output in outputs) if "image/png" in data]
    pngs = [base64.b64decode(data["image/png"]) for data in shown]
    for limit in IMAGE_BYTES:
        jpegs = [_jpeg(png, limit) for png in pngs]
        if sum(map(len, jpegs)) <= IMAGES_BYTES:
            break
    for data, png, jpeg in zip(shown, pngs, jpegs, strict=True):
        if len(jpeg) < len(png):
            del data["image/png"]
            data["image/jpeg"] = base64.b64encode(jpeg).decode()


def _jpeg(png: bytes, limit: int) -> bytes:
    """Return an image as JPEG of at most ``limit`` bytes, or as small as the last quality and size make it."""
    with Image.open(io.BytesIO(png)) as opened:
        rgba = opened.convert("RGBA")
    image = Image.new("RGB", rgba.size, "white")
    image.paste(rgba, mask=rgba)
    for part, quality in ((1, 88), (1, 80), (1, 70), (1, 60), (0.8, 70), (0.8, 60), (0.65, 60), (0.5, 60)):
        smaller = image.resize((round(part * image.width), round(part * image.height)), Image.Resampling.LANCZOS)
        smaller.save(file := io.BytesIO(), "jpeg", quality=quality, optimize=True)
        if file.tell() <= limit:
            break
    return file.getvalue()


def make(script: Path, execute: bool) -> str:
    """Write one notebook.

    Args:
        script: Its source.
        execute: Execute it although its code is unchanged.

    Returns:
        What was done, "executed" or "text only".
    """
    notebook, target = from_script(script), script.with_suffix(".ipynb")
    earlier = nbformat.read(target, as_version=4) if target.exists() else None
    unchanged = earlier is not None and code_of(earlier) == code_of(notebook)
    if earlier is not None and unchanged and not execute:
        keep_outputs(notebook, earlier)
    else:
        # Cells without timestamps: the same outputs give the same file.
        NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": str(FOLDER)}},
        ).execute()
        notebook.metadata.language_info = nbformat.from_dict({"name": "python"})
        drop_widgets(notebook)
        shrink_images(notebook)
    with whole_file(target) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return "text only" if unchanged and not execute else "executed"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Write the notebooks from their scripts, with outputs.")
    parser.add_argument("names", nargs="*", help="such as 00_quickstart; all by default")
    parser.add_argument("--execute", action="store_true", help="also notebooks whose code is unchanged")
    arguments = parser.parse_args()
    chosen = {script.stem: script for script in scripts()}
    unknown = [name for name in arguments.names if name not in chosen]
    if unknown:
        parser.error(f"expected names out of {', '.join(chosen)}; got {', '.join(unknown)}")
    for name in arguments.names or chosen:
        print(f"{name}: {make(chosen[name], arguments.execute)}", flush=True)


if __name__ == "__main__":
    main()
