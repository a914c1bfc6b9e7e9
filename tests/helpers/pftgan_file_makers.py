"""StyleGAN2 files as NVIDIA's code and the PyTorch port write them, of tiny networks."""

from __future__ import annotations

import json
import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from facekit.backbones.pftgan.released_generators import Released

State = dict[str, Tensor]
BUFFERS = ("w_avg", "noise_const", "resample_filter")
CHANNELS = {4: 6, 8: 6, 16: 3}
SIZES = {"z_dim": 5, "c_dim": 0, "w_dim": 7, "img_resolution": 16, "img_channels": 3}
FILTER = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def save_ours(released: Released, path: Path) -> None:
    """Write a generator, with its discriminator if there is one, as one .safetensors of ours."""
    named = released.state | {
        f"discriminator.{name}": tensor for name, tensor in (released.discriminator or {}).items()
    }
    packed = {name: tensor.contiguous() for name, tensor in named.items()}
    save_file(packed, path, metadata={"init_kwargs": json.dumps(released.init_kwargs)})


def generator() -> State:
    torch.manual_seed(0)
    state = {"mapping.w_avg": torch.randn(7)}
    for i, (a, b) in enumerate([(5, 9), (9, 7)]):
        state |= {f"mapping.fc{i}.weight": torch.randn(b, a), f"mapping.fc{i}.bias": torch.randn(b)}
    before = 0
    for side, now in CHANNELS.items():
        block = f"synthesis.b{side}"
        state[f"{block}.resample_filter"] = FILTER.clone()
        if not before:
            state[f"{block}.const"] = torch.randn(now, 4, 4)
        for part, a in (("conv0", before), ("conv1", now), ("torgb", now)):
            if a:
                b, k = (3, 1) if part == "torgb" else (now, 3)
                name = f"{block}.{part}"
                state |= {f"{name}.weight": torch.randn(b, a, k, k), f"{name}.bias": torch.randn(b)}
                state |= {f"{name}.affine.weight": torch.randn(a, 7), f"{name}.affine.bias": torch.randn(a)}
                if part != "torgb":
                    state |= {f"{name}.noise_strength": torch.randn([]), f"{name}.resample_filter": FILTER.clone()}
                    state[f"{name}.noise_const"] = torch.randn(side, side)
        before = now
    return state


def discriminator() -> State:
    torch.manual_seed(1)
    state = {"b16.fromrgb.weight": torch.randn(3, 3, 1, 1), "b16.fromrgb.bias": torch.randn(3)}
    for side, a, b in ((16, 3, 6), (8, 6, 6)):
        for part, out, k in (("conv0", a, 3), ("conv1", b, 3), ("skip", b, 1)):
            state[f"b{side}.{part}.weight"] = torch.randn(out, a, k, k)
            if part != "skip":
                state[f"b{side}.{part}.bias"] = torch.randn(out)
        state[f"b{side}.resample_filter"] = FILTER.clone()
    state |= {"b4.conv.weight": torch.randn(6, 7, 3, 3), "b4.conv.bias": torch.randn(6)}
    state |= {"b4.fc.weight": torch.randn(6, 96), "b4.fc.bias": torch.randn(6)}
    state |= {"b4.out.weight": torch.randn(1, 6), "b4.out.bias": torch.randn(1)}
    convolutions = [name.removesuffix("weight") for name, tensor in state.items() if tensor.ndim == 4]
    return state | {f"{name}resample_filter": FILTER.clone() for name in convolutions}


def as_port(state: State) -> State:
    """NVIDIA's generator as the port's modules would hold it."""
    sides = sorted(int(name.split(".")[1][1:]) for name in state if name.endswith("torgb.bias"))
    layers = sum(name.startswith("mapping.fc") for name in state) // 2
    named = {f"style.{i + 1}.{n}": state[f"mapping.fc{i}.{n}"] for i in range(layers) for n in ("weight", "bias")}
    named["input.input"] = state["synthesis.b4.const"][None]
    convolutions = [(side, part) for side in sides for part in ("conv0", "conv1")][1:]
    for j, (side, part) in enumerate(convolutions):
        old, new = f"synthesis.b{side}.{part}.", f"convs.{j - 1}." if j else "conv1."
        named[new + "conv.weight"] = state[old + "weight"][None]
        named |= {f"{new}conv.modulation.{n}": state[f"{old}affine.{n}"] for n in ("weight", "bias")}
        named |= {new + "noise.weight": state[old + "noise_strength"][None], new + "activate.bias": state[old + "bias"]}
        named[f"noises.noise_{j}"] = state[old + "noise_const"][None, None]
        if part == "conv0":
            named[new + "conv.blur.kernel"] = FILTER * 4
    for j, side in enumerate(sides):
        old, new = f"synthesis.b{side}.torgb.", f"to_rgbs.{j - 1}." if j else "to_rgb1."
        named |= {new + "conv.weight": state[old + "weight"][None], new + "bias": state[old + "bias"].view(1, 3, 1, 1)}
        named |= {f"{new}conv.modulation.{n}": state[f"{old}affine.{n}"] for n in ("weight", "bias")}
        if j:
            named[new + "upsample.kernel"] = FILTER * 4
    return named


def as_port_discriminator(d: State) -> State:
    """Convolution and activation at 0 and 1, or at 1 and 2 after a blur."""
    named = {"convs.0.0.weight": d["b16.fromrgb.weight"], "convs.0.1.bias": d["b16.fromrgb.bias"]}
    for k, side in ((1, 16), (2, 8)):
        named |= {f"convs.{k}.conv1.0.weight": d[f"b{side}.conv0.weight"], f"convs.{k}.conv2.0.kernel": FILTER}
        named |= {f"convs.{k}.conv1.1.bias": d[f"b{side}.conv0.bias"], f"convs.{k}.skip.0.kernel": FILTER}
        named |= {f"convs.{k}.conv2.1.weight": d[f"b{side}.conv1.weight"]}
        named |= {f"convs.{k}.conv2.2.bias": d[f"b{side}.conv1.bias"]}
        named |= {f"convs.{k}.skip.1.weight": d[f"b{side}.skip.weight"]}
    named |= {"final_conv.0.weight": d["b4.conv.weight"], "final_conv.1.bias": d["b4.conv.bias"]}
    for i, part in enumerate(("fc", "out")):
        named |= {f"final_linear.{i}.{n}": d[f"b4.{part}.{n}"] for n in ("weight", "bias")}
    return named


def _stand_ins() -> dict[str, ModuleType]:
    def reconstruct(meta: dict[str, Any]) -> Any:
        exec(meta["module_src"], {})

    class EasyDict(dict):
        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    reconstruct.__module__, EasyDict.__module__ = "torch_utils.persistence", "dnnlib.util"
    reconstruct.__qualname__ = reconstruct.__name__ = "_reconstruct_persistent_obj"
    EasyDict.__qualname__ = "EasyDict"
    made = {name: ModuleType(name) for name in ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util")}
    made["torch_utils.persistence"]._reconstruct_persistent_obj = reconstruct  # type: ignore[attr-defined]
    made["dnnlib.util"].EasyDict = EasyDict  # type: ignore[attr-defined]
    return made


class Persistent(nn.Module):
    """Pickles itself as NVIDIA's decorated classes do."""

    source = ""

    def __reduce__(self) -> Any:
        reduced: Any = super().__reduce__()
        state = dict(reduced[2])
        for name in ("_parameters", "_buffers", "_modules"):  # of this type until torch 2.4
            state[name] = OrderedDict(state[name])
        meta = {"type": "class", "version": 6, "module_src": self.source}
        meta |= {"class_name": type(self).__name__, "state": state}
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,), None


def network(state: State, init: dict[str, Any] | None = None) -> Any:
    top: Any = Persistent()
    for name, tensor in state.items():
        *path, last = name.split(".")
        part = top
        for step in path:
            if step not in part._modules:
                part.add_module(step, Persistent())
            part = part._modules[step]
        if last in BUFFERS:
            part.register_buffer(last, tensor)
        else:
            part.register_parameter(last, nn.Parameter(tensor))
        part.weight_gain = np.float64(0.5) / np.sqrt(3)  # as FullyConnectedLayer has it
        part.size = np.broadcast_to(np.asarray(4), [2])  # as StyleGAN3's layers have it
        part.register_parameter("nothing", None)
    top._init_args, top._init_kwargs = (), init if init is not None else dict(SIZES)
    return top


class Writer:
    """Writes NVIDIA's kind of pickle, whose source code leaves a trace if it is ever run."""

    def __init__(self, folder: Path):
        self.folder, self.trace = folder, folder / "executed"
        self.modules = _stand_ins()
        Persistent.source = f"print('executed'); open({str(self.trace)!r}, 'w').close()"

    def __call__(self, held: Any, protocol: int = 4, name: str = "network.pkl") -> Path:
        path = self.folder / name
        path.write_bytes(self.bytes(held, protocol))
        return path

    def bytes(self, held: Any, protocol: int = 4) -> bytes:
        with pytest.MonkeyPatch.context() as patch:
            for name, module in self.modules.items():
                patch.setitem(sys.modules, name, module)
            return pickle.dumps(held() if callable(held) else held, protocol)

    def networks(self, g: State, d: State | None = None, **init: Any) -> dict[str, Any]:
        easy = self.modules["dnnlib.util"].EasyDict  # type: ignore[attr-defined]
        synthesis = easy(channel_base=48, channel_max=6, num_fp16_res=np.int64(4), conv_clamp=256)
        named = easy(SIZES | {"mapping_kwargs": easy(num_layers=2), "synthesis_kwargs": synthesis} | init)
        held = {"G": network(g, named), "G_ema": network(g, named), "training_set_kwargs": easy(path="faces.zip")}
        return held | {"D": network(d, {}) if d is not None else None, "augment_pipe": None}


def guarded(folder: Path, printed: pytest.CaptureFixture[str]) -> Iterator[Writer]:
    """A writer; whatever was read until the end has left no trace."""
    writer = Writer(folder)
    yield writer
    assert not writer.trace.exists()
    assert printed.readouterr() == ("", "")
    assert not {"torch_utils", "dnnlib"} & set(sys.modules)


def same(found: State | None, expected: State) -> None:
    assert found is not None and set(found) == set(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == torch.float32 and found[name].shape == tensor.shape
        torch.testing.assert_close(found[name], tensor.float(), rtol=0, atol=0)
