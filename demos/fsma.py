"""Open the page of FSMA: your own model, styles and shadows: `python demos/fsma.py`."""

from __future__ import annotations

from facekit.page.app import main

if __name__ == "__main__":
    main(tabs=("Adapt", "Style and shadows"))
