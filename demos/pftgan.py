"""Open the page of PFTGAN: label the parts of one face, see them on others: `python demos/pftgan.py`."""

from __future__ import annotations

from facekit.page.app import main

if __name__ == "__main__":
    main(tabs=("One face, many parts",))
