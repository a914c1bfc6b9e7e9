"""Read a pickle as data.

A pickle is a program for a small stack machine, and Python's own reader calls whatever functions it names. This machine
has no such step: classes become inert `Object` records, and a function is called only if the reader lists it.
Memory and time are bounded by the size of the file.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

# Steps of one pickle. A checkpoint of ViT-L with its optimizer has about 100,000.
MOST_STEPS = 3_000_000


class PickleRefused(ValueError):
    """A pickle asks for something that no file of weights needs; the message names it."""


@dataclass(frozen=True)
class Named:
    """A class or function that a pickle names. Nothing is imported."""

    name: str


@dataclass(eq=False)
class Object:
    """An instance that a pickle describes; the instance itself is never made.

    Attributes:
        name: Dotted name of its class.
        args: What its class would have been called with.
        state: Attributes by name, or whatever its `__setstate__` would have received.
        items: Entries, if the class is a kind of dictionary.
        entries: Entries, if the class is a kind of list or set.
    """

    name: str
    args: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    entries: list[Any] = field(default_factory=list)


def shown(text: Any) -> str:
    """Return text from a file for a message: quoted, at most 80 characters, without control characters."""
    plain = repr(text if isinstance(text, str) else type(text).__name__)
    return plain if len(plain) <= 80 else f"{plain[:77]}...'"


class PickleReader:
    """Run one pickle as data. Subclasses say what names, calls and outside references stand for."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def named(self, name: str) -> Any:
        """Return what stands for a class or function on the stack."""
        return Named(name)

    def called(self, name: str, args: tuple[Any, ...]) -> Any:
        """Return the result of a call. Raises PickleRefused for functions that are not listed."""
        raise PickleRefused(f"it calls {shown(name)}, which no file of weights needs; nothing of it was executed")

    def made(self, name: str, args: tuple[Any, ...]) -> Any:
        """Return what stands for an instance of a class."""
        return Object(name, args)

    def outside(self, reference: Any) -> Any:
        """Return what the pickle keeps outside itself under this reference."""
        raise PickleRefused("it refers to data outside the pickle")

    def read(self, stream: IO[bytes]) -> Any:
        """Run the pickle at the stream's position and return its value; the stream stands behind it then.

        Args:
            stream: Bytes in memory or a memory map, so that no more is read than there is.

        Returns:
            Plain values, `Named` and `Object` records, and what the methods above return.

        Raises:
            PickleRefused: If the pickle asks for anything that is not listed.
            ValueError: If it is damaged or cut off.
        """
        self._stack, self._marks, self._memo = [], [], {}
        try:
            for steps, (opcode, arg, _) in enumerate(pickletools.genops(stream)):
                if steps > MOST_STEPS:
                    raise PickleRefused(f"its pickle has more than {MOST_STEPS} steps")
                if opcode.name == "STOP":
                    return self._stack.pop()
                if opcode.name in _PUSHES:
                    self._stack.append(arg)
                elif opcode.name in _STEPS:
                    _STEPS[opcode.name](self, arg)
                else:
                    raise PickleRefused(f"its pickle has a step {opcode.name}, which no file of weights needs")
        except (IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeError, RecursionError) as error:
            raise ValueError(f"its pickle is damaged ({type(error).__name__})") from None
        raise ValueError("its pickle has no end")

    def _since_mark(self) -> list[Any]:
        mark = self._marks.pop()
        values = self._stack[mark:]
        del self._stack[mark:]
        return values

    def _append(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Object):
            target.entries.extend(values)
        elif isinstance(target, set):
            target.update(map(_key, values))
        elif isinstance(target, list):
            target.extend(values)
        else:
            raise TypeError

    def _set_items(self, values: list[Any]) -> None:
        target = self._stack[-1]
        entries = target.items if isinstance(target, Object) else target
        if not isinstance(entries, dict) or len(values) % 2:
            raise TypeError
        entries.update(zip(map(_key, values[::2]), values[1::2], strict=True))

    def _pop(self) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._stack.pop()

    def _push_name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError
        self._stack.append(self.named(f"{module}.{name}"))

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._push_name(module, name)

    def _reduce(self) -> None:
        args, function = self._stack.pop(), self._stack.pop()
        self._stack.append(self._instance(function, args, self.called))

    def _new(self, args: Any) -> None:
        self._stack.append(self._instance(self._stack.pop(), args, self.made))

    def _instance(self, function: Any, args: Any, make: Callable[[str, tuple[Any, ...]], Any]) -> Any:
        if not isinstance(function, Named) or not isinstance(args, tuple):
            raise PickleRefused(f"it calls a {shown(function)}, which is no function")
        return make(function.name, args)

    def _instance_of_parts(self, parts: list[Any]) -> None:
        self._stack.append(self._instance(parts[0], tuple(parts[1:]), self.called))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Object):
            target.state = state
        elif hasattr(target, "restore"):
            target.restore(state)
        elif not isinstance(target, dict):  # a state_dict's notes on versions, which nothing reads
            raise PickleRefused(f"it sets attributes of {shown(getattr(target, 'name', target))}")


def _key(value: Any) -> Any:
    """Return a dictionary's key. Nested tuples are refused: to hash them can take forever."""
    parts = value if isinstance(value, tuple) else (value,)
    if any(isinstance(part, tuple | frozenset) for part in parts):
        raise PickleRefused("its pickle has a dictionary with nested tuples as keys")
    return value


_PUSHES = frozenset(
    """INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8
    BYTEARRAY8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 FLOAT BINFLOAT""".split()
)


def _tuple_of(count: int) -> Callable[[PickleReader, Any], None]:
    def step(r: PickleReader, _: Any) -> None:
        values = r._stack[-count:]
        if len(values) < count:
            raise IndexError
        r._stack[-count:] = [tuple(values)]

    return step


def _pairs(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(map(_key, values[::2]), values[1::2], strict=True))


_STEPS: dict[str, Callable[[PickleReader, Any], Any]] = {
    "PROTO": lambda r, a: None,
    "FRAME": lambda r, a: None,
    "NONE": lambda r, a: r._stack.append(None),
    "NEWTRUE": lambda r, a: r._stack.append(True),
    "NEWFALSE": lambda r, a: r._stack.append(False),
    "MARK": lambda r, a: r._marks.append(len(r._stack)),
    "POP": lambda r, a: r._pop(),
    "POP_MARK": lambda r, a: r._since_mark(),
    "DUP": lambda r, a: r._stack.append(r._stack[-1]),
    "EMPTY_LIST": lambda r, a: r._stack.append([]),
    "EMPTY_TUPLE": lambda r, a: r._stack.append(()),
    "EMPTY_DICT": lambda r, a: r._stack.append({}),
    "EMPTY_SET": lambda r, a: r._stack.append(set()),
    "LIST": lambda r, a: r._stack.append(r._since_mark()),
    "TUPLE": lambda r, a: r._stack.append(tuple(r._since_mark())),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "DICT": lambda r, a: r._stack.append(_pairs(r._since_mark())),
    "FROZENSET": lambda r, a: r._stack.append(frozenset(map(_key, r._since_mark()))),
    "APPEND": lambda r, a: r._append([r._stack.pop()]),
    "APPENDS": lambda r, a: r._append(r._since_mark()),
    "ADDITEMS": lambda r, a: r._append(r._since_mark()),
    "SETITEM": lambda r, a: r._set_items([r._stack.pop(-2), r._stack.pop()]),
    "SETITEMS": lambda r, a: r._set_items(r._since_mark()),
    "GLOBAL": lambda r, a: r._push_name(*a.split(" ", 1)),
    "STACK_GLOBAL": lambda r, a: r._stack_global(),
    "REDUCE": lambda r, a: r._reduce(),
    "BUILD": lambda r, a: r._build(),
    "NEWOBJ": lambda r, a: r._new(r._stack.pop()),
    "INST": lambda r, a: r._instance_of_parts([r.named(a.replace(" ", ".", 1)), *r._since_mark()]),
    "OBJ": lambda r, a: r._instance_of_parts(r._since_mark()),
    "PERSID": lambda r, a: r._stack.append(r.outside(a)),
    "BINPERSID": lambda r, a: r._stack.append(r.outside(r._stack.pop())),
} | {
    name: step
    for names, step in (
        (("PUT", "BINPUT", "LONG_BINPUT"), lambda r, a: r._memo.__setitem__(a, r._stack[-1])),
        (("GET", "BINGET", "LONG_BINGET"), lambda r, a: r._stack.append(r._memo[a])),
        (("MEMOIZE",), lambda r, a: r._memo.__setitem__(len(r._memo), r._stack[-1])),
    )
    for name in names
}
