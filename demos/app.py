"""Open the page in a browser: `python demos/app.py`, the same as `facekit demo`."""

from __future__ import annotations

from facekit.page.app import main

if __name__ == "__main__":
    main()
