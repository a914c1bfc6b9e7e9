"""Import packages of the optional parts of facekit."""

from __future__ import annotations

import importlib
from typing import Any


def pyarrow(part: str = "") -> Any:
    """Import pyarrow, or a part of it.

    Args:
        part: Name of the part, for example "parquet".

    Returns:
        The module.

    Raises:
        ImportError: If it is missing. The message names the extra to install.
    """
    try:
        return importlib.import_module(f"pyarrow.{part}" if part else "pyarrow")
    except ImportError as error:
        raise ImportError('Parquet files need pyarrow; pip install -e ".[train]"') from error
