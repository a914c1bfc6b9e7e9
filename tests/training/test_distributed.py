"""Processes share batch norms and batches, and find their device in the environment."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from facekit.training.distributed import (
    ALONE,
    COUNT,
    LOCAL_RANK,
    RANK,
    Processes,
    SharedBatchNorm,
    is_first,
    join,
    local_device,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shared_norm_is_batch_norm(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    own, shared = nn.BatchNorm2d(5), nn.Sequential(nn.BatchNorm2d(5))
    nn.init.uniform_(own.weight)
    shared[0] = SharedBatchNorm(own, ALONE)
    assert list(shared[0].state_dict()) == list(own.state_dict())
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    for _ in range(3):
        x = (3 + 2 * torch.randn(4, 5, 6, 7)).to(dtype)
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        outputs = [net(i) for net, i in zip((own, shared), inputs, strict=True)]
        assert outputs[1].dtype == dtype
        torch.testing.assert_close(outputs[1], outputs[0], rtol=tolerance, atol=tolerance)
        for out in outputs:
            (out.float() ** 3).sum().backward()
        torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=tolerance, atol=20 * tolerance)
    torch.testing.assert_close(shared[0].weight.grad, own.weight.grad, rtol=tolerance, atol=10 * tolerance)
    torch.testing.assert_close(shared[0].state_dict(), own.state_dict(), rtol=1e-3, atol=1e-3)


def test_batches_that_do_not_divide_are_named() -> None:
    assert Processes(1, 2).part(8) == slice(4, 8)
    with pytest.raises(ValueError, match="batch_size=7 does not divide by 2 processes"):
        Processes(0, 2).part(7)


def test_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*RANK, *COUNT, *LOCAL_RANK, "MASTER_ADDR", "MASTER_PORT", "ACCELERATE_USE_CPU"):
        monkeypatch.delenv(name, raising=False)
    assert is_first() and local_device("mps") == "mps"
    with join(torch.device("cpu")) as processes:
        assert processes == ALONE
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="RANK"), join(torch.device("cpu")):
        raise AssertionError
    with pytest.raises(ValueError, match="mps"):
        local_device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_RANK", "1")
    assert local_device(None) == "cuda:1" and local_device("cpu") == "cpu"
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert local_device(None) == "cpu"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="no CUDA device of its own"):
        local_device("cuda")
    monkeypatch.setenv("RANK", "2")
    assert not is_first()
