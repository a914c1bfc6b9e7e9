"""The caller's global state: settings and random numbers that public functions must not change.

Random numbers. torch's layers draw their first weights, and dropout its masks, from one generator that all threads of
a process share. `own_random` lends it to one thread at a time: a lock is held, the generator is seeded, and the
caller's state comes back at the end. All other random numbers come from generators of facekit's own
(`facekit.training.loop.generator_for`).

Settings. `own_settings` runs a public function under the settings that facekit computes with, whatever the caller has
set: float32, new tensors on the CPU, gradients where a step needs them, no autocast.
"""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import torch

_generator = threading.RLock()
_settings = threading.Lock()
_interpreter = threading.RLock()  # warning filters and environment variables are one for all threads


class _Depth(threading.local):
    """How many blocks of `own_random` this thread is in."""

    blocks = 0


_depth = _Depth()


def _generators() -> list[torch.Generator]:
    """torch's own generators: of the CPU and of the devices that are in use."""
    generators = [torch.default_generator]
    if torch.cuda.is_initialized():
        generators += torch.cuda.default_generators
    if torch.backends.mps.is_available():
        generators.append(torch.mps._get_default_mps_generator())
    return generators


@contextlib.contextmanager
def kept_random() -> Iterator[None]:
    """Put the state of torch's global generators back after a block. Threads wait for each other here."""
    with _generator:
        generators = _generators()
        states = [generator.get_state() for generator in generators]
        try:
            yield
        finally:
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)


@contextlib.contextmanager
def own_random(seed: int) -> Iterator[None]:
    """Seed torch's global generators in a block, and put the caller's state back after it.

    Threads wait for each other here, so that the numbers drawn in a block depend on `seed` alone. A block inside
    another one only seeds: what the outer block draws after it goes on from there.

    Args:
        seed: 0 or more.
    """
    with contextlib.nullcontext() if _depth.blocks else kept_random():
        _depth.blocks += 1
        try:
            # torch.manual_seed would also seed CUDA devices that the caller starts later.
            for generator in _generators():
                generator.manual_seed(seed)
            yield
        finally:
            _depth.blocks -= 1


class _DefaultDtype:
    """float32 as the default type, which is one for all threads: the first thread sets it, the last one resets it."""

    def __init__(self) -> None:
        self.users = 0
        self.before = torch.float32

    def __enter__(self) -> None:
        with _settings:
            if not self.users:
                self.before = torch.get_default_dtype()
                torch.set_default_dtype(torch.float32)
            self.users += 1

    def __exit__(self, *_: Any) -> None:
        with _settings:
            self.users -= 1
            if not self.users:
                torch.set_default_dtype(self.before)


_float32 = _DefaultDtype()


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Compute as facekit does, whatever the caller has set; also a decorator of public functions.

    Inside, the default type is float32, new tensors are on the CPU, gradients are recorded, and autocast and inference
    mode are off. The default type is one for all threads of a process: other threads that expect another one see
    float32 until the block ends.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_float32)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                # Without the cache: the caller's block would keep weights of earlier steps in it.
                stack.enter_context(torch.autocast(kind, enabled=False, cache_enabled=False))
        yield


@contextlib.contextmanager
def own_import() -> Iterator[None]:
    """Import a package that changes warning filters or environment variables as it is imported.

    What the package changed is put back at the end of the block.
    """
    with _interpreter:
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

    `warnings.catch_warnings` alone would leave its filter behind where two threads overlap; here they wait.
    """
    with _interpreter, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield
