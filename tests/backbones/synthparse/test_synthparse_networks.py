"""synthparse's four models and FCN are built, saved, loaded and exported to ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facekit
from facekit.backbones.synthparse.config import MODELS
from facekit.backbones.synthparse.fcn import FCN
from facekit.backbones.synthparse.label_adapter import Relabelled
from facekit.backbones.synthparse.network import DECODERS, ParserNetwork, ParserSize
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, SYNTHPARSE_11, segmentation_map
from facekit.results.types import Segmentation

FAST: dict[str, Any] = {"weights": "none", "batch_size": 4, "progress": False, "device": "cpu", "seed": 0, "steps": 1}
# ResNet101 takes seconds to export, so not every model is tried at every size.
SIDES = [(name, 128) for name in sorted(MODELS)] + [("mobilenet_v2", 160), ("fpn", 64)]


@pytest.fixture(scope="module")
def faces() -> tuple[list[np.ndarray], list[np.ndarray]]:
    batch = GeneratedFaces(seed=6, size=96, yaw=(-20, 20)).batch(range(4), want=("image", "mask"))
    masks = segmentation_map(FACEKIT_27, SYNTHPARSE_11)[batch["mask"].numpy()]
    return list(batch["image"].permute(0, 2, 3, 1).numpy()), list(masks)


def parser(faces: Any, **settings: Any) -> facekit.Model:
    """A parser that was trained for one step."""
    return facekit.adapt(*faces, "segmentation", "synthparse", names=SYNTHPARSE_11, **{**FAST, **settings})


def crops(faces: Any, side: int, count: int) -> torch.Tensor:
    """Faces (count,3,side,side) in [0, 1], no two alike."""
    x = torch.from_numpy(np.stack(faces[0])).permute(0, 3, 1, 2).float() / 255
    x = torch.nn.functional.interpolate(x, (side, side), mode="bilinear")
    return torch.stack([x[i % len(x)] * (1 - 0.5 * i / count) for i in range(count)])


@torch.inference_mode()
def surely_parsed(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Those of the crops on each pixel of which the best class is ahead by far more than two programs' rounding: one
    pixel that an adapter is told otherwise changes much of what it says."""
    two = network(x).topk(2, dim=1).values
    return x[(two[:, 0] - two[:, 1]).flatten(1).amin(1) > 5e-5 * two.abs().max()]


def check_onnx(model: facekit.Model, network: torch.nn.Module, x: torch.Tensor, path: Path) -> None:
    """onnxruntime's logits are ours, to 1e-4 of the largest (random weights make them of any size), in any batch."""
    onnxruntime = pytest.importorskip("onnxruntime")
    model.export_onnx(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for some in (x[:1], x[:3]):
        with torch.inference_mode():
            ours = network.eval()(some).numpy()
        theirs = session.run(None, {"image": some.numpy()})[0]
        assert theirs.shape == (len(some), 11, model.input_size, model.input_size)
        assert np.abs(theirs - ours).max() <= 1e-4 * np.abs(ours).max()


def check_folding(model: facekit.Model, x: torch.Tensor) -> None:
    """What predictions run: a copy with fewer layers and the same maps; the model's own network is left as it was."""

    def norms(network: torch.nn.Module) -> int:
        return sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in network.modules())

    network = model.network
    before, count = {k: v.clone() for k, v in network.state_dict().items()}, norms(network)
    folded = network.folded()
    with torch.inference_mode():
        theirs, ours = network(x), folded(x)
    assert (theirs - ours).abs().max() <= 1e-4 * theirs.abs().max()
    assert norms(folded) == 0 if network.size.encoder == "mobilenet_v2" else norms(folded) < count
    assert norms(network) == count and all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side"), SIDES)
def test_the_papers_four_models(name: str, side: int, faces: Any, tmp_path: Path) -> None:
    model = parser(faces, recipe=f"paper-{name}", input_size=side)
    size = model.network.size
    assert (size.decoder, size.encoder) == (MODELS[name]["decoder"], MODELS[name]["encoder"])
    result = facekit.predict(model, faces[0][0])
    assert isinstance(result, Segmentation) and result.mask.shape == (96, 96) and result.unadapted is None
    model.save(tmp_path / "m.facekit")
    loaded = facekit.load(tmp_path / "m.facekit", "cpu")
    x = torch.rand(2, 3, side, side)
    assert torch.equal(loaded.maps(x), model.maps(x)) and model.maps(x).shape == (2, 11, side, side)
    check_folding(loaded, x)
    check_onnx(loaded, loaded.network, crops(faces, side, 3), tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("encoder", "side"), [pytest.param("vgg11_bn", 64, marks=pytest.mark.slow), ("mobilenet_v2", 160)]
)
def test_fcn_adapts_labels(encoder: str, side: int, faces: Any, tmp_path: Path) -> None:
    """Section 3.2.2's other label adapter, on the paper's best parser; exported as one network."""
    plain = parser(faces, recipe="paper", input_size=side)
    settings = {k: v for k, v in FAST.items() if k != "batch_size"}
    model = facekit.adapt_labels(plain, *faces, decoder="fcn", encoder=encoder, batch_size=4, **settings)
    assert isinstance(model.adapter.model, FCN) and model.adapter.size.encoder == encoder
    result = facekit.predict(model, faces[0][0])
    assert isinstance(result, Segmentation) and result.unadapted is not None
    model.save(tmp_path / "a.facekit")
    loaded = facekit.load(tmp_path / "a.facekit", "cpu")
    x = torch.rand(2, 3, side, side)
    assert torch.equal(loaded.maps(x), model.maps(x)) and model.maps(x).shape == (2, 11, side, side)
    if side > 64:
        return  # exporting takes seconds, and once for both is enough
    sure = surely_parsed(loaded.network, crops(faces, side, 100))
    assert len(sure) >= 3 and len(loaded.unadapted.maps(sure[:3]).argmax(1).unique()) > 3
    check_onnx(loaded, Relabelled(loaded.network, loaded.adapter), sure, tmp_path / "a.onnx")


@pytest.mark.parametrize("frozen", [False, True])
def test_fcn_parses(frozen: bool, faces: Any, tmp_path: Path) -> None:
    tuned = {"tower_lr": None} if frozen else {}
    model = parser(faces, recipe="paper", decoder="fcn", encoder="mobilenet_v2", input_size=64, **tuned)
    model.save(tmp_path / "m.facekit")
    loaded = facekit.load(tmp_path / "m.facekit", "cpu")
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(loaded.maps(x), model.maps(x)) and loaded.network.frozen == frozen


def test_fcn_learns() -> None:
    """Which of four squares is white: loss falls to nearly nothing, and the logits are where the squares are."""
    torch.manual_seed(0)
    model = FCN("mobilenet_v2", classes=4)
    ids = torch.arange(4).reshape(2, 2).repeat_interleave(32, 0).repeat_interleave(32, 1)[None]
    x = torch.nn.functional.one_hot(ids, 4)[..., 1:].movedim(-1, 1).float()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    x, ids = torch.cat([x, x.flip(-1)]), torch.cat([ids, ids.flip(-1)])
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(model(x), ids)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3 and (model(x).argmax(1) == ids).float().mean() > 0.9


@pytest.mark.parametrize("encoder", ["vgg11_bn", "mobilenet_v2", "tu-resnet10t"])
def test_fcn_scores_strides_8_16_and_32(encoder: str) -> None:
    model = FCN(encoder, in_channels=5, classes=3).eval()
    with torch.inference_mode():
        maps = model.encoder(torch.rand(2, 5, 64, 96))
        assert [m.shape[-2:] for m in model.decoder(maps)] == [(8, 12), (4, 6), (2, 3)]
        assert model(torch.rand(2, 5, 64, 96)).shape == (2, 3, 64, 96)
    assert not list(model.decoder.parameters()) and len(list(model.segmentation_head.parameters())) == 6
    with pytest.raises(RuntimeError, match="divisible by 32"):
        model(torch.rand(1, 5, 40, 64))


@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_decoders_do_not_know_the_classes(decoder: str) -> None:
    """Or a backbone's weights could not be taken over by a network for other labels."""
    few, many = (ParserNetwork(ParserSize(decoder, input_size=64), n) for n in (1, 11))
    many.model.decoder.load_state_dict(few.model.decoder.state_dict())
    assert many.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 11, 64, 64)
