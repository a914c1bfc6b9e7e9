"""The command that writes a model as ONNX: export."""

from __future__ import annotations

import argparse
import warnings
from typing import Any

from .command import AddCommand


def add_commands(add_command: AddCommand) -> None:
    """Add the command of this module to the parser."""
    p = add_command(
        "export",
        _export,
        "write a model as ONNX, for programs without facekit; the file's metadata say how to use it",
        "facekit export mine.facekit --out mine.onnx",
    )
    p.add_argument("model", help="a .facekit file or the name of a ready model")
    p.add_argument("--out", required=True, help="the .onnx file")


def _export(args: argparse.Namespace) -> Any:
    """Run `facekit export`."""
    from ..core.output_paths import check_output
    from ..model import resolve_model
    from ..model.onnx_file import check_onnx

    target = check_output(args.out, (".onnx",))
    check_onnx()
    model = resolve_model(args.model, "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own old functions
        model.export_onnx(target)
    return {"out": str(target), "task": model.task.name, "input px": model.input_size}
