"""A list of faces of which only the file names are in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

from .face import ParsedFace

T = TypeVar("T")
S = TypeVar("S", bound="LazyFaces[Any]")


class LazyFaces(Sequence[ParsedFace], Generic[T]):
    """Faces that are read when asked for and not kept; a slice of them reads nothing.

    title: the data set, for people. items: what is needed to read each. read: item -> face, or an error.
    """

    def __init__(self, title: str, items: Sequence[T], read: Callable[[T], ParsedFace]) -> None:
        self.title, self.items, self.read = title, items, read

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> ParsedFace: ...
    @overload
    def __getitem__(self: S, index: slice) -> S: ...
    def __getitem__(self: S, index: int | slice) -> ParsedFace | S:
        if isinstance(index, slice):
            part = copy.copy(self)
            part.items = self.items[index]
            return part
        face: ParsedFace = self.read(self.items[index])
        return face

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.title}, {len(self)} faces)"
