"""Open the page of "In the Wild Face Parsing": parts of several people: `python demos/synthparse.py`."""

from __future__ import annotations

from facekit.page.app import main

if __name__ == "__main__":
    main(tabs=("In the wild",))
