"""The part of the tab "Try" for many photos: a gallery of drawings and one zip file of all results."""

from __future__ import annotations

import zipfile
from typing import Any

import gradio as gr

from .components import MOST_IMAGES, show_errors
from .limits import read_photo
from .photo_analysis import analyse, draw_points, table, view
from .photo_files import add_photo, numbered_names, thumbnail
from .sessions import new_file, progress_reporter
from .training_events import connect_training, training_buttons

THUMBNAIL = 480  # longest side of the drawings in the gallery, px
BATCH = "try_batch"


@show_errors
def check_photos(files: list[str] | None) -> None:
    """Raise an error if there are no photos, or too many. Argument as of `analyse_batch`."""
    if not files:
        raise ValueError("expected photos, got none; choose some first")
    if len(files) > MOST_IMAGES:
        raise ValueError(f"expected at most {MOST_IMAGES} photos, got {len(files)}; choose fewer")


@show_errors
def analyse_batch(
    files: list[str] | None,
    bar: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds the progress bar by this default
) -> tuple[Any, ...]:
    """Run the ready models on many photos. A photo that cannot be used is named, and the others go on.

    Args:
        files: Paths of the photos.
        bar: Progress bar, set by gradio.

    Returns:
        A text, the drawings with captions, and the zip file to download.
    """
    check_photos(files)
    files = files or []
    report = progress_reporter(bar, BATCH, "photos")
    drawings, failed = [], []
    rows: list[str] = []
    target = new_file("results.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for number, (file, name) in enumerate(zip(files, numbered_names(files), strict=True)):
            report(number, len(files), {})
            try:
                photo = analyse(name, read_photo(file))
            except ValueError as error:
                failed.append(str(error))
                continue
            add_photo(archive, photo)
            rows.append(table(photo, heading=not rows))
            faces = f"{len(photo.faces)} {'face' if len(photo.faces) == 1 else 'faces'}"
            drawings.append((thumbnail(draw_points(view(photo, None)), THUMBNAIL), f"{name}: {faces}"))
        archive.writestr("faces.csv", "".join(rows))
    report(len(files), len(files), {})
    if not drawings:
        raise ValueError(f"none of the {len(files)} photos could be used: {'; '.join(failed)}")
    text = f"**Done:** {len(drawings)} of {len(files)} photos."
    text += "".join(f"\n- left out: {reason}" for reason in failed)
    return text, gr.Gallery(drawings, visible=True), gr.DownloadButton(value=str(target), interactive=True)


def batch_part() -> None:
    """Lay out the part: photos, buttons, gallery, file."""
    files = gr.File(file_count="multiple", label=f"Photos, at most {MOST_IMAGES}", height=160)
    note = "The zip file has all drawings, masks, coordinates and probabilities."
    buttons = training_buttons("Analyse all photos", note)
    gallery = gr.Gallery(label="Results", columns=4, height=360, format="jpeg", visible=False, object_fit="contain")
    download = gr.DownloadButton("Download all results (zip of PNG, JSON and CSV)", interactive=False)
    outputs = [buttons[-1], gallery, download]
    connect_training(BATCH, buttons, check_photos, analyse_batch, [files], outputs, queue={})
