"""Interpret a pickle as data.

A pickle is a program for a small stack machine. Python's own reader calls whatever functions the program names. This
interpreter has no such instruction: classes become inert `Object` records, and a function is called only if the reader
lists it. Memory and time are bounded by the size of the file.

The instructions (opcodes) are documented in Python's module `pickletools`.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

# Instructions of one pickle. A checkpoint of ViT-L with its optimizer has about 100,000.
_MAX_INSTRUCTIONS = 3_000_000


class UnsafePickleError(ValueError):
    """Error about a pickle that requests something that no file of weights needs. The message names it."""


@dataclass(frozen=True)
class GlobalName:
    """A class or function that a pickle names. It is not imported.

    Attributes:
        name: Dotted name.
    """

    name: str


@dataclass(eq=False)
class Object:
    """Description of an instance in a pickle. The instance itself is never created.

    Attributes:
        name: Dotted name of its class.
        args: Arguments for its class.
        state: Attributes by name, or whatever its `__setstate__` would receive.
        items: Entries, if the class is a kind of dictionary.
        entries: Entries, if the class is a kind of list or set.
    """

    name: str
    args: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    entries: list[Any] = field(default_factory=list)


def quoted(text: Any) -> str:
    """Return text of a file for a message: quoted, at most 80 characters, without control characters.

    Args:
        text: A str. Of another object, the name of its type is returned.
    """
    plain = repr(text if isinstance(text, str) else type(text).__name__)
    return plain if len(plain) <= 80 else f"{plain[:77]}...'"


class PickleReader:
    """Interpreter of one pickle. Subclasses define what names, calls and external references stand for."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def resolve_name(self, name: str) -> Any:
        """Return what stands for a class or function on the stack.

        Args:
            name: Its dotted name.
        """
        return GlobalName(name)

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """Return the result of a call.

        Args:
            name: Dotted name of the function.
            args: Its arguments.

        Raises:
            UnsafePickleError: If the function is not listed.
        """
        raise UnsafePickleError(f"it calls {quoted(name)}, which no file of weights needs; nothing of it was executed")

    def make_instance(self, name: str, args: tuple[Any, ...]) -> Any:
        """Return what stands for an instance of a class.

        Args:
            name: Dotted name of the class.
            args: Its arguments.
        """
        return Object(name, args)

    def load_external(self, reference: Any) -> Any:
        """Return data that the pickle stores outside itself.

        Args:
            reference: The persistent id in the pickle.

        Raises:
            UnsafePickleError: If the reader has no external data.
        """
        raise UnsafePickleError("it refers to data outside the pickle")

    def read(self, stream: IO[bytes]) -> Any:
        """Interpret the pickle at the stream's position, and return its value. The stream is behind the pickle then.

        Args:
            stream: Bytes in memory or a memory map, so that a read cannot exceed the data.

        Returns:
            Plain values, `GlobalName` and `Object` records, and what the methods above return.

        Raises:
            UnsafePickleError: If the pickle requests anything that is not listed.
            ValueError: If it is damaged or cut off.
        """
        self._stack, self._marks, self._memo = [], [], {}
        try:
            for count, (opcode, arg, _) in enumerate(pickletools.genops(stream)):
                if count > _MAX_INSTRUCTIONS:
                    raise UnsafePickleError(f"its pickle has more than {_MAX_INSTRUCTIONS} steps")
                if opcode.name == "STOP":
                    return self._stack.pop()
                if opcode.name in _PUSHES:
                    self._stack.append(arg)
                elif opcode.name in _INSTRUCTIONS:
                    _INSTRUCTIONS[opcode.name](self, arg)
                else:
                    raise UnsafePickleError(f"its pickle has a step {opcode.name}, which no file of weights needs")
        except (IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeError, RecursionError) as error:
            raise ValueError(f"its pickle is damaged ({type(error).__name__})") from None
        raise ValueError("its pickle has no end")

    def _pop_to_mark(self) -> list[Any]:
        mark = self._marks.pop()
        values = self._stack[mark:]
        del self._stack[mark:]
        return values

    def _append(self, values: list[Any]) -> None:
        """Add values to the list, set or record on top of the stack."""
        target = self._stack[-1]
        if isinstance(target, Object):
            target.entries.extend(values)
        elif isinstance(target, set):
            target.update(map(_checked_key, values))
        elif isinstance(target, list):
            target.extend(values)
        else:
            raise TypeError

    def _set_items(self, values: list[Any]) -> None:
        """Add keys and values, in turn, to the dictionary or record on top of the stack."""
        target = self._stack[-1]
        entries = target.items if isinstance(target, Object) else target
        if not isinstance(entries, dict) or len(values) % 2:
            raise TypeError
        entries.update(zip(map(_checked_key, values[::2]), values[1::2], strict=True))

    def _pop(self) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._stack.pop()

    def _push_name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError
        self._stack.append(self.resolve_name(f"{module}.{name}"))

    def _push_name_from_stack(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._push_name(module, name)

    def _reduce(self) -> None:
        args, function = self._stack.pop(), self._stack.pop()
        self._stack.append(self._apply(function, args, self.call))

    def _new(self, args: Any) -> None:
        self._stack.append(self._apply(self._stack.pop(), args, self.make_instance))

    def _apply(self, function: Any, args: Any, make: Callable[[str, tuple[Any, ...]], Any]) -> Any:
        if not isinstance(function, GlobalName) or not isinstance(args, tuple):
            raise UnsafePickleError(f"it calls a {quoted(function)}, which is no function")
        return make(function.name, args)

    def _instantiate(self, parts: list[Any]) -> None:
        """Call a class, the first part, with the other parts."""
        self._stack.append(self._apply(parts[0], tuple(parts[1:]), self.call))

    def _build(self) -> None:
        """Set the state of the record on top of the stack."""
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Object):
            target.state = state
        elif hasattr(target, "restore"):
            target.restore(state)
        elif not isinstance(target, dict):  # a state_dict's notes on versions, which are not used
            raise UnsafePickleError(f"it sets attributes of {quoted(getattr(target, 'name', target))}")


def _checked_key(value: Any) -> Any:
    """Return a dictionary's key. Nested tuples are refused, because hashing them can take exponential time."""
    parts = value if isinstance(value, tuple) else (value,)
    if any(isinstance(part, tuple | frozenset) for part in parts):
        raise UnsafePickleError("its pickle has a dictionary with nested tuples as keys")
    return value


def _tuple_of(count: int) -> Callable[[PickleReader, Any], None]:
    """Make the instruction that replaces the top values of the stack by a tuple."""

    def instruction(r: PickleReader, _: Any) -> None:
        values = r._stack[-count:]
        if len(values) < count:
            raise IndexError
        r._stack[-count:] = [tuple(values)]

    return instruction


def _dictionary(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(map(_checked_key, values[::2]), values[1::2], strict=True))


# Instructions that push their argument.
_PUSHES = frozenset(
    [
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    ]
)
# All other instructions: functions of the reader r and the argument a.
_INSTRUCTIONS: dict[str, Callable[[PickleReader, Any], Any]] = {
    "PROTO": lambda r, a: None,
    "FRAME": lambda r, a: None,
    "NONE": lambda r, a: r._stack.append(None),
    "NEWTRUE": lambda r, a: r._stack.append(True),
    "NEWFALSE": lambda r, a: r._stack.append(False),
    "MARK": lambda r, a: r._marks.append(len(r._stack)),
    "POP": lambda r, a: r._pop(),
    "POP_MARK": lambda r, a: r._pop_to_mark(),
    "DUP": lambda r, a: r._stack.append(r._stack[-1]),
    "EMPTY_LIST": lambda r, a: r._stack.append([]),
    "EMPTY_TUPLE": lambda r, a: r._stack.append(()),
    "EMPTY_DICT": lambda r, a: r._stack.append({}),
    "EMPTY_SET": lambda r, a: r._stack.append(set()),
    "LIST": lambda r, a: r._stack.append(r._pop_to_mark()),
    "TUPLE": lambda r, a: r._stack.append(tuple(r._pop_to_mark())),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "DICT": lambda r, a: r._stack.append(_dictionary(r._pop_to_mark())),
    "FROZENSET": lambda r, a: r._stack.append(frozenset(map(_checked_key, r._pop_to_mark()))),
    "APPEND": lambda r, a: r._append([r._stack.pop()]),
    "APPENDS": lambda r, a: r._append(r._pop_to_mark()),
    "ADDITEMS": lambda r, a: r._append(r._pop_to_mark()),
    "SETITEM": lambda r, a: r._set_items([r._stack.pop(-2), r._stack.pop()]),
    "SETITEMS": lambda r, a: r._set_items(r._pop_to_mark()),
    "GLOBAL": lambda r, a: r._push_name(*a.split(" ", 1)),
    "STACK_GLOBAL": lambda r, a: r._push_name_from_stack(),
    "REDUCE": lambda r, a: r._reduce(),
    "BUILD": lambda r, a: r._build(),
    "NEWOBJ": lambda r, a: r._new(r._stack.pop()),
    "INST": lambda r, a: r._instantiate([r.resolve_name(a.replace(" ", ".", 1)), *r._pop_to_mark()]),
    "OBJ": lambda r, a: r._instantiate(r._pop_to_mark()),
    "PERSID": lambda r, a: r._stack.append(r.load_external(a)),
    "BINPERSID": lambda r, a: r._stack.append(r.load_external(r._stack.pop())),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda r, a: r._memo.__setitem__(a, r._stack[-1])),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda r, a: r._stack.append(r._memo[a])),
    "MEMOIZE": lambda r, a: r._memo.__setitem__(len(r._memo), r._stack[-1]),
}
