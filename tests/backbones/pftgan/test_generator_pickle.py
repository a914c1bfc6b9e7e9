"""Pickles that would run code are refused by name, and nothing in them runs."""

from __future__ import annotations

import builtins
import io
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.pftgan_file_makers import Writer, generator, guarded, same

from facekit.backbones.pftgan.generator_pickle import read_pickle, tensors
from facekit.backbones.pftgan.released_generators import read_nvidia, read_released
from facekit.core.weight_files.pickles import Object


@pytest.fixture
def write(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Writer]:
    yield from guarded(tmp_path, capfd)


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any):
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


def evil(write: Writer) -> Calls:
    return Calls(os.system, f"echo executed; touch {write.trace}")


def saved(held: Any, zipped: bool) -> bytes:
    file = io.BytesIO()
    torch.save(held, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


ATTACKS: dict[str, tuple[Callable[[Writer], Any], str]] = {
    "system": (evil, "posix.system|nt.system"),
    "exec": (lambda w: Calls(builtins.exec, f"open({str(w.trace)!r}, 'w')"), "exec"),
    "eval": (lambda w: Calls(builtins.eval, f"open({str(w.trace)!r}, 'w')"), "eval"),
    "getattr": (lambda w: Calls(builtins.getattr, OrderedDict, "fromkeys"), "getattr"),
    "import": (lambda w: Calls(builtins.__import__, "os"), "__import__"),
    "torch.load": (lambda w: Calls(torch.load, "other.pt"), "torch.serialization.load"),
    "in a network": (lambda w: dict(w.networks(generator()), augment_pipe=evil(w)), "system"),
    "in a source": (
        lambda w: Calls(w.modules["torch_utils.persistence"]._reconstruct_persistent_obj, evil(w)),
        "system",
    ),
    "in a storage": (lambda w: Calls(torch.storage._load_from_bytes, saved(evil(w), False)), "bytes.*posix.system"),
    "in a zip": (lambda w: Calls(torch.storage._load_from_bytes, saved(evil(w), True)), "bytes.*posix.system"),
    "in a dict": (
        lambda w: Calls(torch.storage._load_from_bytes, saved({"a": 1}, True)),
        "'dict' where a typedstorage",
    ),
    "in an array": (lambda w: np.array([evil(w)], dtype=object), "type 'O8'"),
    "in a scalar": (lambda w: Calls(np.float64(1).__reduce__()[0], np.dtype(object), evil(w)), "type 'O8'"),
    "in text": (lambda w: Calls(__import__("_codecs").encode, "a", "rot13"), "'rot13'"),
}


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("name", ATTACKS)
def test_attack(write: Writer, name: str, protocol: int) -> None:
    held, message = ATTACKS[name]
    path = write({"G_ema": held(write)}, protocol)
    with pytest.raises(ValueError, match=message) as caught:
        read_released(path)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"cos\nsystem\n(S'touch TRACE'\ntR.", "'os.system'.*nothing was executed"),
        (b"(S'touch TRACE'\nios\nsystem\n.", "'os.system'"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x05touch\x85R.", "'os.system'"),
        (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93.", "'collections.OrderedDict.fromkeys'"),
        (b"\x80\x02cos\n\x1b[31mred\n.", r"os\.\\x1b"),
        (
            b"\x80\x02ctorch._utils\n_rebuild_parameter\nN}X\x05\x00\x00\x00valueK\x01s\x86b.",
            "sets attributes of 'torch._utils._rebuild_parameter'",
        ),
        (b"\x80\x02ctorch._utils\n_rebuild_parameter\n}X\x05\x00\x00\x00valueK\x01sb.", "sets attributes"),
        (b"\x80\x02ccollections\nOrderedDict\nN}X\x06\x00\x00\x00updateK\x01s\x86b.", "sets attributes"),
        (b"\x80\x02X\x01\x00\x00\x001Q.", "tensors are stored outside"),
        (
            b"\x80\x02ctorch_utils.persistence\n_reconstruct_persistent_obj\nK\x01\x85R.",
            "expected a dict in the.*got 'int'",
        ),
    ],
)
def test_written_by_hand(write: Writer, tmp_path: Path, code: bytes, message: str) -> None:
    path = tmp_path / "hand.pkl"
    path.write_bytes(code.replace(b"TRACE", os.fsencode(write.trace)))
    with pytest.raises(ValueError, match=message):
        read_released(path)
    same(read_nvidia(write(write.networks(generator()))).state, generator())  # nothing stayed changed


@pytest.mark.parametrize("zipped", [True, False])
def test_attack_in_a_port_file(write: Writer, tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "port.pt"
    path.write_bytes(saved({"g_ema": evil(write)}, zipped))
    with pytest.raises(ValueError, match="posix.system|nt.system") as caught:
        read_released(path)
    assert "weights_only" not in str(caught.value)


def test_impossible_tensors(write: Writer) -> None:
    storage = torch.ones(4)._typed_storage()
    for size, stride, offset in (((10**12,), (0,), 0), ((4,), (1,), 1), ((2,), (-1,), 1), ((1,), (1,), -1)):
        made = Calls(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict())
        with pytest.raises(ValueError, match="stored|damaged"):
            read_pickle(write(made))


def test_endless_module() -> None:
    state: dict[str, Any] = {"_parameters": {"a": torch.ones(1)}, "_modules": {}}
    state["_modules"]["again"] = Object("Network", state=state)
    state["_modules"]["again"].state["_modules"]["once more"] = state["_modules"]["again"]
    with pytest.raises(ValueError, match="expected a module of NVIDIA's"):
        tensors(Object("Network", state=state))
    with pytest.raises(ValueError, match="expected a tensor at 'a'"):
        tensors(Object("Network", state={"_parameters": {"a": 1}}))
    with pytest.raises(ValueError, match="without a table _buffers"):
        tensors(Object("Network", state={"_buffers": 3}))


def test_tensors_of_a_gpu(write: Writer) -> None:
    """They come to the CPU, on machines without a GPU as well."""
    stored = saved(torch.ones(3)._typed_storage(), False)
    moved = stored.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    assert moved != stored
    storage = Calls(torch.storage._load_from_bytes, moved)
    made = Calls(torch._utils._rebuild_tensor_v2, storage, 0, (3,), (1,), False, OrderedDict())
    assert read_pickle(write(made)).tolist() == [1, 1, 1]
