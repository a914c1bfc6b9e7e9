"""Inversion encoders give the published numbers, read published files, and our small one trains."""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import parity_recipe
from helpers.parity import same
from helpers.slow import slow_unless
from torch import Tensor

from facekit.backbones.pftgan.encoder_files import load_encoder
from facekit.backbones.pftgan.inversion_encoder import (
    KINDS,
    InversionEncoder,
    InversionSize,
    ReferenceEncoder,
)

# The parity file's entry, our kind, and the stage: how many deltas are in use.
PINNED = [
    ("Encoder4Editing_256", "Encoder4Editing", 13),
    ("Encoder4Editing_256_stageW", "Encoder4Editing", 0),
    ("Encoder4Editing_256_stage3", "Encoder4Editing", 3),
    ("GradualStyleEncoder_256", "GradualStyleEncoder", 13),
    ("restyle_BackboneEncoder_256", "BackboneEncoder", 13),
    ("restyle_e4e_ProgressiveBackboneEncoder_256", "ProgressiveBackboneEncoder", 13),
]


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[Any, ...], Tensor]:
    """Weights by name and shape: the six encoders share nearly all of theirs, and drawing them takes seconds."""
    return {}


@pytest.mark.parametrize(("name", "kind", "stage"), slow_unless(PINNED[2].__eq__, PINNED))
@torch.no_grad()
def test_parity(references: Path, drawn: dict[tuple[Any, ...], Tensor], name: str, kind: str, stage: int) -> None:
    pinned = torch.load(references / "gan_encoders_recipe.pt", weights_only=True)[name]
    restyle = name.startswith("restyle")
    with torch.device("meta"):
        encoder = ReferenceEncoder(kind, 14, 6 if restyle else 3)
    shapes = {k: tuple(v.shape) for k, v in encoder.state_dict().items()}
    assert shapes.pop("latent_avg") == (14, 512)
    if "keys" in pinned:
        assert shapes == {k: tuple(v) for k, v in pinned["keys"].items()}
    state = {"latent_avg": torch.zeros(14, 512)}
    for key, shape in shapes.items():
        if (key, shape) not in drawn:
            value = parity_recipe.value(key, shape)
            if key.endswith(("res_layer.2.weight", "input_layer.2.weight")):
                value = 0.25 + 0.5 * (value - 1)
            drawn[key, shape] = torch.tensor(0) if key.endswith("num_batches_tracked") else value
        state[key] = drawn[key, shape]
    encoder.load_state_dict(state, assign=True)
    encoder.eval().stage = stage
    images = [parity_recipe.image(seen, (1, 3, 256, 256)) for seen in ("e4e", "e4e_avg")[: 1 + restyle]]
    same(encoder.offsets(2 * torch.cat(images, 1) - 1), pinned["output"])


def small(kind: str, channels_in: int = 3, layers: int = 10) -> ReferenceEncoder:
    torch.manual_seed(0)
    return ReferenceEncoder(kind, layers, channels_in, width=16, w_dim=16).eval()


def released(encoder: ReferenceEncoder, opts: Any = None, **changes: Any) -> dict[str, Any]:
    state = {f"encoder.{k}": v for k, v in encoder.state_dict().items() if k != "latent_avg"}
    state["decoder.input.input"] = torch.zeros(1, 512, 4, 4)
    named = {"encoder_type": encoder.kind, "start_from_latent_avg": True, "stylegan_size": 64}
    opts = argparse.Namespace(**named) if opts is None else opts
    mean = torch.linspace(-1, 1, encoder.layers * encoder.w_dim).view(encoder.layers, encoder.w_dim)
    return {"state_dict": state, "latent_avg": mean, "opts": opts} | changes


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_released_file_there_and_back(tmp_path: Path, kind: str) -> None:
    encoder = small(kind)
    file = released(encoder)
    torch.save(file, tmp_path / "encoder.pt")
    loaded = load_encoder(tmp_path / "encoder.pt")
    x = torch.rand(2, 3, 256, 256)
    assert (loaded.kind, loaded.layers, loaded.w_dim, loaded.training) == (kind, 10, 16, False)
    assert torch.equal(loaded(x), file["latent_avg"] + encoder.offsets(2 * x - 1))
    assert torch.equal(loaded.state_dict()["latent_avg"], file["latent_avg"])
    assert all(p.requires_grad for p in loaded.parameters())


@torch.no_grad()
def test_files_differ_in_small_things(tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    encoder = small("Encoder4Editing", layers=8)
    x = torch.rand(1, 3, 256, 256)
    offsets = encoder.offsets(2 * x - 1)
    row = torch.randn(16)
    # pSp writes its options as a dict; the mean code may be one row; without start_from_latent_avg there is none.
    options = {"encoder_type": "Encoder4Editing", "start_from_latent_avg": False}
    torch.save(released(encoder, options, latent_avg=None), path)
    assert torch.equal(load_encoder(path)(x), offsets)
    torch.save(released(encoder, {}, latent_avg=row), path)
    torch.testing.assert_close(load_encoder(path, kind="Encoder4Editing")(x), offsets + row)
    # pSp's files are from before PyTorch wrote zip files.
    torch.save(released(encoder), path, _use_new_zipfile_serialization=False)
    assert torch.equal(load_encoder(path).offsets(2 * x - 1), offsets)
    half = released(encoder)
    half["state_dict"] = {k: v.half() if v.is_floating_point() else v for k, v in half["state_dict"].items()}
    torch.save(half, path)
    assert load_encoder(path)(x).dtype == torch.float32


@torch.no_grad()
def test_restyle_refines(tmp_path: Path) -> None:
    encoder = small("ProgressiveBackboneEncoder", channels_in=6)
    file = released(encoder)
    torch.save(file, tmp_path / "encoder.pt")
    loaded = load_encoder(tmp_path / "encoder.pt")
    x = torch.rand(2, 3, 256, 256)

    def synthesize(codes: Tensor) -> Tensor:
        return torch.sigmoid(codes[:, :3, :1, None]).expand(-1, -1, 512, 512)

    codes = file["latent_avg"].expand(2, -1, -1)
    for _ in range(2):
        shown = synthesize(codes)[:, :, :256, :256]
        codes = codes + encoder.offsets(2 * torch.cat([x, shown], 1) - 1)
    torch.testing.assert_close(loaded.refine(x, synthesize, steps=2), codes)
    with pytest.raises(ValueError, match="call refine"):
        loaded(x)
    with pytest.raises(ValueError, match="in one step"):
        small("BackboneEncoder").refine(x, synthesize)
    with pytest.raises(ValueError, match=r"images \(2, 3, 128, 128\): expected \(N,3,256,256\)"):
        loaded.refine(x[:, :, :128, :128], synthesize)


class Evil:
    def __reduce__(self) -> Any:
        return print, ("executed",)


def test_wrong_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "encoder.pt"

    def refused(held: Any, words: str, **how: Any) -> None:
        torch.save(held, path)
        with pytest.raises(ValueError, match=words):
            load_encoder(path, **how)

    encoder = small("Encoder4Editing")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_encoder(path)
    torch.save(released(encoder), path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match="half a file of torch.save.*fetch the file again"):
        load_encoder(path)
    calls = "it calls '(__builtin__|builtins).print'"
    for content, words in ((b"", "empty"), (b"<html>404</html>", "HTML"), (pickle.dumps(Evil(), protocol=2), calls)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            load_encoder(path)
    refused(released(encoder, Evil()), calls)
    assert "executed" not in capsys.readouterr().out
    refused([1, 2], "holds an object of type list, expected a dict")
    refused({"state_dict": 3}, "holds no IR-SE50 inversion encoder.*found state_dict")
    refused({"g_ema": {"input.input": torch.zeros(1)}}, "holds no IR-SE50 inversion encoder.*found g_ema")

    held = released(encoder)
    del held["state_dict"]["encoder.body.5.res_layer.1.weight"]
    held["state_dict"]["encoder.latlayer2.bias"] = torch.zeros(3)
    held["state_dict"]["encoder.more"] = torch.zeros(3)
    found = r"missing: body.5.res_layer.1.weight; left over: more; of another shape: latlayer2.bias \(3,\) for \(128,\)"
    refused(held, f"do not fit, expected those of Encoder4Editing with 10 codes .{found}.$")
    held = released(encoder)
    held["state_dict"]["encoder.input_layer.0.weight"] = torch.zeros(16, 19, 3, 3)
    refused(held, "an encoder of 19 channels")

    refused(released(encoder, {}), "name no encoder_type.*GradualStyleEncoder or Encoder4Editing: pass kind=")
    refused(released(encoder, {"encoder_type": "BackboneEncoder"}), "encoder_type is 'BackboneEncoder', but")
    refused(released(encoder), "encoder_type is 'e4e', but", kind="e4e")
    refused(released(encoder, latent_avg=None), r"has no 'latent_avg', a tensor \(10, 16\)")
    refused(released(encoder, latent_avg=torch.zeros(18, 16)), r"\(18, 16\): expected \(16,\) or \(10, 16\)")
    with pytest.raises(ValueError, match="kind='e4e': expected one of 'GradualStyleEncoder', "):
        ReferenceEncoder("e4e")


@pytest.mark.parametrize("deltas", [True, False])
@pytest.mark.parametrize(("pixels", "layers", "w_dim"), [(32, 1, 16), (32, 8, 32), (64, 10, 64), (128, 12, 48)])
def test_small_encoder_shapes(pixels: int, layers: int, w_dim: int, deltas: bool) -> None:
    encoder = InversionEncoder(InversionSize(pixels, layers, w_dim, width=8, deltas=deltas))
    codes = encoder(torch.rand(2, 3, pixels, pixels))
    assert codes.shape == (2, layers, w_dim)
    levels = [encoder.level(i) for i in range(layers)]
    assert levels == sorted(levels) and (layers < 8 or set(levels) == {0, 1, 2})


def test_small_encoder_shares_of_codes() -> None:
    for layers in (10, 18):
        encoder = InversionEncoder(InversionSize(layers=layers, width=4))
        counts = [sum(encoder.level(i) == n for i in range(layers)) for n in range(3)]
        assert counts == {10: [2, 2, 6], 18: [3, 4, 11]}[layers]


def test_small_encoder_is_small() -> None:
    assert sum(p.numel() for p in InversionEncoder(InversionSize()).parameters()) == 2_809_696


@pytest.mark.parametrize("deltas", [True, False])
def test_gradients_reach_every_parameter(deltas: bool) -> None:
    torch.manual_seed(0)
    encoder = InversionEncoder(InversionSize(deltas=deltas)).to(memory_format=torch.channels_last)
    encoder(torch.rand(4, 3, 64, 64)).square().mean().backward()
    without = [k for k, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_stages_let_deltas_in() -> None:
    torch.manual_seed(0)
    encoder = InversionEncoder(InversionSize(width=8)).eval()
    x = torch.rand(2, 3, 64, 64)
    whole = encoder(x).detach()
    encoder.stage = 4
    codes = encoder(x)
    assert torch.equal(codes[:, :5], whole[:, :5]) and not torch.equal(codes[:, 1], codes[:, 0])
    assert torch.equal(codes[:, 5:], codes[:, :1].expand(-1, 5, -1))
    codes.sum().backward()
    touched = [all(p.grad is not None for p in head.parameters()) for head in encoder.styles]
    assert touched == [True] * 5 + [False] * 5


@torch.no_grad()
def test_small_encoder_starts_at_the_mean_code_and_keeps_it() -> None:
    torch.manual_seed(0)
    mean = 5 + torch.randn(32)
    size = InversionSize(32, 8, 32, width=8)
    encoder = InversionEncoder(size, mean).eval()
    x = torch.rand(2, 3, 32, 32)
    assert (encoder(x) - mean).std() < 0.1
    again = InversionEncoder(size).eval()
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(x), encoder(x))
    rows = torch.randn(8, 32)
    assert torch.equal(InversionEncoder(size, rows).latent_avg, rows)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (InversionSize(16), "input_size=16: expected a power of two from 32 on"),
        (InversionSize(96), "input_size=96"),
        (InversionSize(layers=0), "must be at least 1"),
    ],
)
def test_small_encoder_refuses_sizes(size: InversionSize, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        InversionEncoder(size)


def test_small_encoder_refuses_shapes() -> None:
    size = InversionSize(32, 8, 32, width=8)
    with pytest.raises(ValueError, match=r"latent_avg \(16,\): expected \(32,\) or \(8, 32\)"):
        InversionEncoder(size, torch.zeros(16))
    encoder = InversionEncoder(size)
    for shape in [(3, 32, 32), (1, 3, 64, 64), (1, 1, 32, 32)]:
        with pytest.raises(ValueError, match=r"expected \(N,3,32,32\), RGB in \[0, 1\]"):
            encoder(torch.zeros(shape))
