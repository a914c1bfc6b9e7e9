"""Protect the global state of the caller: random numbers and settings that public functions must not change.

Random numbers: torch draws initial weights and dropout masks from one generator that all threads of a process share.
`seeded_random` reserves this generator for one thread, seeds it, and restores the caller's state at the end. All other
random numbers come from facekit's own generators (`facekit.core.random_streams.generator_for`).

Settings: `default_settings` runs a public function under the settings that facekit needs, whatever the caller has set:
float32, new tensors on the CPU, gradients enabled, no autocast.
"""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import torch

_generator_lock = threading.RLock()
_dtype_lock = threading.Lock()
_interpreter_lock = threading.RLock()  # warning filters and environment variables are shared by all threads


class _Depth(threading.local):
    """Number of nested `seeded_random` blocks of this thread."""

    blocks = 0


_depth = _Depth()


def _generators() -> list[torch.Generator]:
    """Return the global generators of torch: that of the CPU, and those of the devices in use."""
    generators = [torch.default_generator]
    if torch.cuda.is_initialized():
        generators += torch.cuda.default_generators
    if torch.backends.mps.is_available():
        generators.append(torch.mps._get_default_mps_generator())
    return generators


@contextlib.contextmanager
def preserved_random_state() -> Iterator[None]:
    """Restore the state of torch's global generators after a block. Only one thread runs such a block at a time."""
    with _generator_lock:
        generators = _generators()
        states = [generator.get_state() for generator in generators]
        try:
            yield
        finally:
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)


@contextlib.contextmanager
def seeded_random(seed: int) -> Iterator[None]:
    """Seed torch's global generators in a block, and restore the caller's state after it.

    Only one thread runs such a block at a time, so the random numbers in it depend on `seed` alone. A nested block
    only seeds: afterwards, the outer block continues from the state that the inner one left.

    Args:
        seed: Seed, 0 or more.
    """
    with contextlib.nullcontext() if _depth.blocks else preserved_random_state():
        _depth.blocks += 1
        try:
            # torch.manual_seed would also seed CUDA devices that the caller initialises later.
            for generator in _generators():
                generator.manual_seed(seed)
            yield
        finally:
            _depth.blocks -= 1


class _DefaultDtype:
    """Context manager that makes float32 the default type.

    The default type is shared by all threads. The first thread that enters sets it, and the last one restores it.
    """

    def __init__(self) -> None:
        self.users = 0
        self.before = torch.float32

    def __enter__(self) -> None:
        with _dtype_lock:
            if not self.users:
                self.before = torch.get_default_dtype()
                torch.set_default_dtype(torch.float32)
            self.users += 1

    def __exit__(self, *_: Any) -> None:
        with _dtype_lock:
            self.users -= 1
            if not self.users:
                torch.set_default_dtype(self.before)


_float32 = _DefaultDtype()


@contextlib.contextmanager
def default_settings() -> Iterator[None]:
    """Run a block under facekit's settings of torch. It also serves as a decorator of public functions.

    In the block, the default type is float32, new tensors are on the CPU, gradients are recorded, and autocast and
    inference mode are off. The default type is shared by all threads of a process: a thread that has set another one
    gets float32 until the block ends.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_float32)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                # The cache of the caller's autocast block would hold weights of earlier steps.
                stack.enter_context(torch.autocast(kind, enabled=False, cache_enabled=False))
        yield


@contextlib.contextmanager
def isolated_import() -> Iterator[None]:
    """Import a package that changes warning filters or environment variables, and undo these changes."""
    with _interpreter_lock:
        filters, environment = list(warnings.filters), dict(os.environ)
        try:
            yield
        finally:
            warnings.filters[:] = filters  # type: ignore[index]
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]
            os.environ.update(environment)


@contextlib.contextmanager
def no_warnings(category: type[Warning] = Warning) -> Iterator[None]:
    """Ignore warnings of a category in a block.

    Only one thread runs such a block at a time. With `warnings.catch_warnings` alone, two overlapping threads would
    leave the filter behind.

    Args:
        category: Class of the warnings.
    """
    with _interpreter_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield
