"""Open the page of FaRL: attributes of a face, and sentences that match it: `python demos/farl.py`."""

from __future__ import annotations

from facekit.page.app import main

if __name__ == "__main__":
    main(tabs=("Try",))
