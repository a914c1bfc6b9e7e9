"""StyleGAN2 files of other programs are read tensor by tensor, and errors name what is no such file."""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from helpers.pftgan_file_makers import (
    CHANNELS,
    SIZES,
    State,
    Writer,
    as_port,
    as_port_discriminator,
    discriminator,
    generator,
    guarded,
    network,
    same,
    save_ours,
)
from safetensors.torch import save_file

from facekit.backbones.pftgan.released_generators import (
    read_nvidia,
    read_port,
    read_released,
)


@pytest.fixture
def write(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Writer]:
    yield from guarded(tmp_path, capfd)


def test_the_trap_is_live(write: Writer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Plain pickle would run the source in our stand-in's files."""
    path = write(write.networks(generator()))
    with pytest.MonkeyPatch.context() as patch:
        for name, module in write.modules.items():
            patch.setitem(sys.modules, name, module)
        with path.open("rb") as file:
            pickle.load(file)
    assert write.trace.exists() and "executed" in capfd.readouterr().out
    write.trace.unlink()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nvidia(write: Writer, protocol: int) -> None:
    path = write(write.networks(generator(), discriminator()), protocol)
    if protocol < 4:  # names are plain text there; NVIDIA's files were written with numpy 1
        path.write_bytes(path.read_bytes().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"))
    found = read_released(path)
    same(found.state, generator())
    same(found.discriminator, discriminator())
    assert (found.resolution, found.z_dim, found.w_dim, found.c_dim, found.mapping_layers) == (16, 5, 7, 0, 2)
    assert (found.channel_base, found.channel_max, found.channels, found.img_channels) == (48, 6, CHANNELS, 3)
    assert found.w_avg_known and found.noise_known
    synthesis = {"channel_base": 48, "channel_max": 6, "num_fp16_res": 4, "conv_clamp": 256}
    assert found.init_kwargs == SIZES | {"mapping_kwargs": {"num_layers": 2}, "synthesis_kwargs": synthesis}
    assert type(found.init_kwargs["synthesis_kwargs"]) is dict


def test_nvidia_parts(write: Writer) -> None:
    """Positional arguments, half precision, and memory in another order."""
    state = generator()
    shuffled = {
        k: v.half().contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for k, v in state.items()
    }
    top = network(shuffled, {"synthesis_kwargs": {"channel_base": 1}})
    top._init_args = tuple(SIZES.values())
    found = read_nvidia(write({"G_ema": top, "G": None}))
    same(found.state, shuffled)
    assert all(tensor.is_contiguous() for tensor in found.state.values())
    assert found.init_kwargs == SIZES | {"synthesis_kwargs": {"channel_base": 1}}
    assert (found.channel_base, found.channel_max) == (48, 6)  # of the shapes, which the arguments contradict
    assert found.discriminator is None


def test_reference(write: Writer, parity: Path, tmp_path: Path) -> None:
    """The names and shapes of NVIDIA's own networks.py, through both formats and ours."""
    held = torch.load(parity / "sg2ada_nvlabs_64.pt", weights_only=True)
    state, config = held["state_dict"], held["config"]
    found = read_released(write({"G_ema": network(state, config)}, 3))
    same(found.state, state)
    assert found.init_kwargs == config and found.resolution == config["img_resolution"]
    assert (found.channel_base, found.channel_max) == (2048, 64)
    port = tmp_path / "port.pt"
    torch.save({"g_ema": as_port(state), "latent_avg": state["mapping.w_avg"]}, port)
    same(read_released(port).state, state)
    save_ours(found, tmp_path / "ours.safetensors")
    same(read_released(tmp_path / "ours.safetensors").state, state)


@pytest.mark.parametrize("zipped", [True, False])
def test_port(write: Writer, tmp_path: Path, zipped: bool) -> None:
    """A checkpoint of the port's training, with its options and optimisers."""
    path, state = tmp_path / "550000.pt", generator()
    held: dict[str, Any] = {"g": as_port(state), "g_ema": as_port(state), "d": as_port_discriminator(discriminator())}
    held |= {"latent_avg": state["mapping.w_avg"], "g_optim": {"state": {}}, "args": argparse.Namespace(size=16)}
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    found = read_released(path)
    same(found.state, state)
    same(found.discriminator, discriminator())
    assert (found.channel_base, found.channel_max, found.mapping_layers) == (48, 6, 2)
    assert found.w_avg_known and found.init_kwargs == {}


def test_port_without(tmp_path: Path) -> None:
    """Files of training have no latent_avg, early ones no noise either."""
    named = {k: v for k, v in as_port(generator()).items() if not k.startswith("noises.") and not k.endswith("kernel")}
    torch.save({"g_ema": named}, tmp_path / "port.pt")
    found = read_released(tmp_path / "port.pt")
    same(found.state, {k: v for k, v in generator().items() if not k.endswith(("noise_const", "w_avg"))})
    assert not found.w_avg_known and not found.noise_known and found.discriminator is None


def test_ours(write: Writer, tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    first = read_nvidia(write(write.networks(generator(), discriminator())))
    save_ours(first, path)
    found = read_released(path)
    same(found.state, generator())
    same(found.discriminator, discriminator())
    assert found.init_kwargs == first.init_kwargs and found.channel_base == 48
    # Bare: half precision, no header, no constants.
    save_file({k: v.half() for k, v in generator().items() if not k.endswith("filter")}, path)
    same(read_released(path).state, {k: v.half() for k, v in generator().items()})


def test_cut_off(write: Writer, tmp_path: Path) -> None:
    whole = write(write.networks(generator())).read_bytes()
    for size in (1, 2, 40, len(whole) // 2, len(whole) - 1):
        path = tmp_path / "cut.pkl"
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut.pkl: expected a whole .pkl of .*, got a damaged or cut-off file of"):
            read_released(path)


def edited(change: Callable[[State], Any]) -> State:
    state = generator()
    change(state)
    return state


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (lambda w: {"G": network(generator())}, "expected a dict with a network 'G_ema' .*, got a file of 'G'"),
        (lambda w: [1], "got 'list' instead of a dict"),
        (lambda w: w.networks(generator(), c_dim=10), "got a conditional one .c_dim 10."),
        (lambda w: w.networks(generator() | {"mapping.embed.weight": torch.ones(1)}), "got a conditional one"),
        (lambda w: w.networks({"synthesis.input.weight": torch.ones(1)}), "StyleGAN3"),
        (lambda w: w.networks({"synthesis.L0_36_512.weight": torch.ones(1)}), "StyleGAN3"),
        (lambda w: w.networks({"progression.0.conv.weight": torch.ones(1)}), "StyleGAN1 cannot be used"),
        (lambda w: w.networks(edited(lambda s: s.pop("synthesis.b8.torgb.bias"))), "lacks 'synthesis.b8.torgb.bias'"),
        (lambda w: w.networks(generator() | {"synthesis.b8.skip.weight": torch.ones(1)}), "'synthesis.b8.skip.weight'"),
        (
            lambda w: w.networks(generator() | {"synthesis.b8.conv0.bias": torch.ones(2)}),
            r"expected .* got \(2,\)",
        ),
        (lambda w: w.networks(generator(), {"b8.fromrgb.weight": torch.ones(1)}), "got one of 'b8.fromrgb"),
    ],
)
def test_other_networks(write: Writer, held: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_released(write(held(write)))


def test_tensorflow(write: Writer) -> None:
    """StyleGAN1's and the first StyleGAN2's own files."""
    write.modules["dnnlib.tflib.network"] = module = ModuleType("dnnlib.tflib.network")
    module.Network = type("Network", (), {"__module__": "dnnlib.tflib.network"})  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="got one of TensorFlow's StyleGAN .* legacy.py"):
        read_released(write((module.Network(),) * 3))


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"generator": {}, "g_running": {}}, "expected a dict with 'g_ema' .*, got a file of 'generator', 'g_running'"),
        (torch.ones(3), "'Tensor' instead of a dict"),
        (
            {"g_ema": {"decoder.conv1.weight": torch.ones(1)}},
            "rosinality's .*, got 'decoder.conv1.weight'",
        ),
        ({"g_ema": {"conv1.conv.weight": "text"}}, "got 'conv1.conv.weight'"),
        ({"g_ema": {"style.1.weight": torch.ones(1)}}, "StyleGAN1 cannot be used"),
        ({"g_ema": as_port(generator()), "d": {"convs.0.1.bias": torch.ones(1)}}, "discriminator"),
        (
            {"g_ema": as_port(generator()), "d": {"convs.0.1.bias": torch.ones(1), "convs.0.0.bias": torch.ones(1)}},
            "once",
        ),
    ],
)
def test_other_torch_files(tmp_path: Path, held: Any, message: str) -> None:
    torch.save(held, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=message):
        read_released(tmp_path / "other.pt")


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "page.pt"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="expected NVIDIA's .pkl.*, got a web page .HTML."):
        read_released(path)
    with pytest.raises(ValueError, match="expected the PyTorch port.*got a web page .HTML."):
        read_port(path)
    save_file({"mapping.fc0.weight": torch.ones(1)}, path)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ValueError, match="got a damaged or cut-off file of .* bytes"):
        read_released(path)
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match="half a file of torch.save"):
        read_released(path)
