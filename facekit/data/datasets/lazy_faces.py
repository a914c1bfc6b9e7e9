"""Sequence of faces of which only the file names are in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

F = TypeVar("F", covariant=True)
S = TypeVar("S", bound="LazyFaces[Any]")


class LazyFaces(Sequence[F], Generic[F]):
    """Faces that are read on access and not kept. A slice reads nothing.

    The type of a face depends on the labels of the data set: `ParsedFace`, `PointedFace` and others.

    Attributes:
        title: Name of the data set, for people.
        items: Per face what `read` takes, for example a path.
        read: Function from an item to its face.
    """

    def __init__(self, title: str, items: Sequence[Any], read: Callable[[Any], F]) -> None:
        """Keep the arguments. Nothing is read.

        Args:
            title: Name of the data set, for people.
            items: Per face what `read` takes, for example a path.
            read: Function from an item to its face. It may raise ValueError or OSError.
        """
        self.title, self.items, self.read = title, items, read

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> F: ...
    @overload
    def __getitem__(self: S, index: slice) -> S: ...
    def __getitem__(self: S, index: int | slice) -> F | S:
        if isinstance(index, slice):
            part = copy.copy(self)
            part.items = self.items[index]
            return part
        face: F = self.read(self.items[index])
        return face

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.title}, {len(self)} faces)"
