"""Measure the time of ``import facekit`` beyond ``import torch`` in seconds; best of several fresh interpreters.

python -m benchmarks.speed.imports
"""

from __future__ import annotations

import subprocess
import sys
import time


def seconds(code: str, repeats: int = 7) -> float:
    """Return the wall time of a fresh interpreter that runs `code`, the fastest of `repeats`."""
    took = []
    for _ in range(repeats):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        took.append(time.perf_counter() - begin)
    return min(took)


def main() -> None:
    """Run the benchmark from the command line."""
    torch, both, all_of_it = (
        seconds(code)
        for code in ("import torch", "import torch, facekit", "import torch, facekit; facekit.adapt, facekit.predict")
    )
    print(f"import torch {torch:.2f} s, facekit {both - torch:+.2f} s, its main calls {all_of_it - torch:+.2f} s")


if __name__ == "__main__":
    main()
