"""Open the page in a browser: `python demos/app.py`. It is the same page as that of `facekit demo`."""

from __future__ import annotations

from facekit.page.app import main

if __name__ == "__main__":
    main()
