"""A training that was killed and resumed equals an uninterrupted one, and checkpoints are whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from facekit.core.random_streams import shuffled_batch
from facekit.training.loop import train
from facekit.training.losses import contrast_structure


class Line:
    """Fits a line; as small a program as there can be."""

    def __init__(self) -> None:
        self.w = torch.zeros(1, requires_grad=True)
        self.optimiser = torch.optim.Adam([self.w], 0.1)

    def step(self, index: int) -> dict[str, float]:
        loss = (self.w - 3 - index % 3).square().sum()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return {"loss": loss.item()}

    def state_dict(self) -> dict[str, object]:
        return {"w": self.w.detach(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        with torch.no_grad():
            self.w.copy_(state["w"])  # type: ignore[arg-type]
        self.optimiser.load_state_dict(state["optimiser"])  # type: ignore[arg-type]


class Interrupted(Line):
    """Is interrupted in one of its steps."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def step(self, index: int) -> dict[str, float]:
        if index == self.at:
            raise KeyboardInterrupt
        return super().step(index)


def test_resuming_equals_going_on(tmp_path: Path) -> None:
    whole = train(Line(), 20, progress=False, checkpoint=tmp_path / "a.pt")
    train(Line(), 7, progress=False, checkpoint=tmp_path / "b.pt")
    resumed = train(Line(), 20, progress=False, checkpoint=tmp_path / "b.pt")
    assert resumed == whole
    assert (tmp_path / "a.jsonl").read_text() == (tmp_path / "b.jsonl").read_text()
    with pytest.raises(ValueError, match="holds 20 steps"):
        train(Line(), 5, progress=False, checkpoint=tmp_path / "a.pt")


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    own = {"images": "0" * 64, "labels": "1" * 64, "lr": "0.01", "seed": "0"}
    train(Line(), 7, progress=False, checkpoint=file, identity=own)
    before = file.read_bytes()
    for change, message in [
        (
            {"lr": "0.1"},
            r"expected lr=0\.01, as in the call that wrote it, got lr=0\.1; pass lr=0\.01 to",
        ),
        ({"lr": "0.1", "seed": "3"}, r"expected lr=0\.01, seed=0, as .*, got lr=0\.1, seed=3;"),
        ({"images": "2" * 64}, "expected the same images, as .*, got others; pass the same images to resume it, or"),
        ({"images": "2" * 64, "seed": "3"}, "expected the same images, seed, as .*, got others;"),
    ]:
        with pytest.raises(ValueError, match=message):
            train(Line(), 20, progress=False, checkpoint=file, identity={**own, **change})
    assert file.read_bytes() == before, "nothing is lost"
    resumed = train(Line(), 20, progress=False, checkpoint=file, identity=own)
    assert resumed == train(Line(), 20, progress=False)


def test_a_checkpoint_without_an_identity_goes_on(tmp_path: Path) -> None:
    """Older releases wrote none."""
    train(Line(), 7, progress=False, checkpoint=tmp_path / "a.pt")
    saved = torch.load(tmp_path / "a.pt", weights_only=True)
    del saved["identity"], saved["hooks"]
    torch.save(saved, tmp_path / "a.pt")
    resumed = train(Line(), 20, progress=False, checkpoint=tmp_path / "a.pt", identity={"seed": "0"})
    assert resumed == train(Line(), 20, progress=False)


def test_an_interrupted_training_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(5), 20, progress=False, checkpoint=tmp_path / "a.pt")
    assert "stopped before the first checkpoint was due" in caplog.text and not (tmp_path / "a.pt").exists()
    clock = iter(range(0, 9000, 9))  # seconds between two looks at the clock
    monkeypatch.setattr("facekit.training.loop.time.monotonic", lambda: float(next(clock)))
    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(5), 20, progress=False, checkpoint=tmp_path / "a.pt")
    steps = torch.load(tmp_path / "a.pt", weights_only=True)["step"]
    # A checkpoint that takes 9 seconds is not written again before 180 have passed.
    assert steps == 2 and "a.pt holds 2 of 20 steps; the same call goes on from there" in caplog.text


def test_lines_past_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    train(Line(), 20, progress=False, checkpoint=tmp_path / "whole.pt")

    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(11), 20, progress=False, checkpoint=tmp_path / "a.pt", save_steps=4)
    curve = tmp_path / "a.jsonl"
    assert len(curve.read_text().splitlines()) == 11
    curve.write_text(curve.read_text() + '{"step": 11, "lo')
    train(Line(), 20, progress=False, checkpoint=tmp_path / "a.pt")
    assert curve.read_text() == (tmp_path / "whole.jsonl").read_text()


def test_progress_function_hears_every_step() -> None:
    heard: list[tuple[int, int]] = []
    train(Line(), 4, progress=lambda done, total, losses: heard.append((done, total)))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_broken_loss_stops(tmp_path: Path) -> None:
    class Broken(Line):
        def step(self, index: int) -> dict[str, float]:
            return {"loss": float("nan")}

    with pytest.raises(FloatingPointError, match="step 0"):
        train(Broken(), 3, progress=False)


def test_batches_walk_through_the_pool() -> None:
    seen = torch.cat([shuffled_batch(0, i, 12, 4) for i in range(3)])
    assert sorted(seen.tolist()) == list(range(12))
    assert not torch.equal(seen, torch.cat([shuffled_batch(0, i, 12, 4) for i in range(3, 6)]))
    assert sorted(shuffled_batch(0, 0, 3, 8)[:3].tolist()) == [0, 1, 2]


def test_ssim_against_scikit_image() -> None:
    from scipy.ndimage import gaussian_filter
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    x = rng.random((64, 64))
    y = 0.6 * x + 0.4 * rng.random((64, 64))
    ours = contrast_structure(torch.from_numpy(x).float()[None, None], torch.from_numpy(y).float()[None, None])[0, 0]
    window = {"sigma": 1.5, "truncate": 15 / 1.5}
    _, full = structural_similarity(
        x, y, gaussian_weights=True, use_sample_covariance=False, data_range=1.0, full=True, **window
    )
    mx, my = gaussian_filter(x, **window), gaussian_filter(y, **window)
    luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
    assert np.abs((full / luminance)[15:-15, 15:-15] - ours.numpy()).max() < 1e-3
    torch.testing.assert_close(
        contrast_structure(torch.ones(1, 1, 40, 40), torch.ones(1, 1, 40, 40)), torch.ones(1, 1, 10, 10)
    )


@pytest.mark.parametrize("instructions", [pytest.param("AVX2", marks=pytest.mark.slow), "AVX512_CORE"])
def test_bfloat16_can_be_switched_off(instructions: str) -> None:
    """Without bfloat16 convolutions, emulation would be slower: oneDNN's own variable says what it may use."""
    code = "import torch, facekit.core.device as t; print(t.autocast(torch.device('cpu'), True)._enabled)"
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": instructions}
    asked = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert asked.stdout.split()[-1] == "False"
