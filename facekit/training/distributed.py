"""Train one network in several processes. Only this module uses torch.distributed.

The launcher sets the environment. Both commands work, on CPUs (gloo) and CUDA devices (nccl)::

    torchrun --nproc_per_node 2 -m facekit pretrain ...
    accelerate launch --multi_gpu --num_processes 2 -m facekit pretrain ...

``--multi_gpu`` is needed on CPUs, too. Without it, and with ``--cpu``, accelerate starts a single process unless it
gets an mpirun hostfile.

Batches are global. N processes make the same steps as one process with the same batch size. Random numbers are drawn
for the whole batch and sliced (`Processes.part`), BatchNorm uses all processes (`Processes.share_norms`), and gradients
are averaged (`Processes.average_gradients`). The difference left is rounding: 1e-12 after some steps in double
precision. In single precision, adversarial training amplifies it as it does with another number of threads.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

log = logging.getLogger("facekit")

# Environment variables: those of torchrun and accelerate, then those of the MPIs that accelerate can start on CPUs.
RANK = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
COUNT = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
LOCAL_RANK = ("LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK")
_LOCAL_COUNT = ("LOCAL_WORLD_SIZE", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE")

# Longest wait for another process. The first one may decode millions of images while the others wait; launchers end all
# processes if one fails.
_TIMEOUT = datetime.timedelta(days=2)
# Longest wait at the start.
_START_TIMEOUT = datetime.timedelta(minutes=10)


@dataclass(frozen=True)
class Processes:
    """The processes that train together. A single process exchanges nothing.

    Attributes:
        rank: Number of this process, from 0.
        count: Number of processes.
        device: Device of the tensors that are exchanged.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def part(self, batch: int) -> slice:
        """Return this process's share of a global batch of a given size.

        Raises:
            ValueError: If the batch size does not divide by the number of processes.
        """
        if batch % self.count:
            raise ValueError(
                f"batch_size={batch} does not divide by {self.count} processes: it is the batch of all of them "
                f"together, pass a multiple of {self.count}"
            )
        share = batch // self.count
        return slice(self.rank * share, (self.rank + 1) * share)

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients of parameters by their means over the processes, in one exchange."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def average(self, losses: dict[str, Tensor]) -> dict[str, float]:
        """Return the means of scalars over the processes, by name. All processes get the same."""
        values = torch.stack([v.detach() for v in losses.values()])
        if self.count > 1:
            values = values.double()  # only here: Apple's devices have no double precision
            dist.all_reduce(values)
            values /= self.count
        return dict(zip(losses, values.tolist(), strict=True))

    @torch.no_grad()
    def copy_from_first(self, module: nn.Module) -> None:
        """Copy the weights and buffers of the first process into a module."""
        if self.count > 1:
            for tensor in module.state_dict().values():
                sent = tensor.contiguous()
                dist.broadcast(sent, 0)
                tensor.copy_(sent)

    def share_norms(self, module: nn.Module) -> None:
        """Replace every BatchNorm in a module by one over all processes. Its state dict stays the same."""
        if self.count > 1:
            for parent in list(module.modules()):
                for name, child in list(parent.named_children()):
                    if type(child) is nn.BatchNorm2d:
                        setattr(parent, name, SharedBatchNorm(child, self))

    def from_first(self, flag: bool) -> bool:
        """Return the flag of the first process in all processes."""
        if self.count == 1:
            return flag
        answer = torch.tensor(int(flag), device=self.device)
        dist.broadcast(answer, 0)
        return bool(answer.item())

    def gather(self, tensor: Tensor) -> Tensor:
        """Stack the tensors of all processes, which have one shape (...), to (count, ...)."""
        if self.count == 1:
            return tensor[None]
        parts = [torch.empty_like(tensor) for _ in range(self.count)]
        dist.all_gather(parts, tensor.contiguous())
        return torch.stack(parts)

    def check_same(self, value: int, what: str) -> None:
        """Check that a number is equal in all processes.

        Args:
            value: The number.
            what: Its name, for the error.

        Raises:
            ValueError: In all processes, if the number differs.
        """
        values = self.gather(torch.tensor(value, device=self.device)).tolist()
        if min(values) != max(values):
            raise ValueError(f"{what} differs between the processes: {values}; do all of them see the same files?")

    @contextlib.contextmanager
    def first_before_others(self) -> Iterator[None]:
        """Run a block in the first process, then in the others, which find its files on disk."""
        if not self.first:
            self._wait()
        try:
            yield
        finally:
            if self.first:
                self._wait()

    def _wait(self) -> None:
        if self.count > 1:
            signal = torch.zeros(1, device=self.device)
            dist.all_reduce(signal)
            signal.item()  # CUDA only queues an exchange until its result is read


ALONE = Processes()


class SharedBatchNorm(nn.BatchNorm2d):
    """BatchNorm over the batch of all processes, on any device. torch's SyncBatchNorm does not run on CPUs."""

    def __init__(self, norm: nn.BatchNorm2d, processes: Processes):
        """Take over the settings and the state of a BatchNorm."""
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.to(norm.weight.device)
        self.processes = processes

    def forward(self, input: Tensor) -> Tensor:
        """Normalise maps (N, C, H, W), which have the same shape in all processes."""
        if not self.training:
            return super().forward(input)
        y, mean, var = _Normalise.apply(input, self.weight, self.bias, self.eps, self.processes)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        count = self.processes.count * input.numel() // input.shape[1]
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (count / (count - 1)), self.momentum)
        return y


class _Normalise(torch.autograd.Function):
    """Batch normalisation with the statistics of all processes, and its gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, processes: Processes
    ) -> tuple[Tensor, Tensor, Tensor]:
        # The law of total variance joins means and variances of the processes without differences of large sums.
        var, mean = torch.var_mean(x.to(weight.dtype), (0, 2, 3), unbiased=False)
        means, variances = processes.gather(torch.stack([mean, var])).unbind(1)
        mean, var = means.mean(0), variances.mean(0) + means.var(0, unbiased=False)
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(var + eps))
        ctx.processes = processes
        ctx.mark_non_differentiable(mean, var)
        return nn.functional.batch_norm(x, mean, var, weight, bias, False, 0.0, eps), mean, var

    @staticmethod
    def backward(ctx: Any, dy: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, weight, mean, scale = ctx.saved_tensors
        mean, scale, factor = (v[None, :, None, None] for v in (mean, scale, weight * scale))
        # Under autocast, x and dy have half precision; the sums have not.
        dy, normal = dy.to(mean.dtype), (x.to(mean.dtype) - mean) * scale
        d_weight, d_bias = (dy * normal).sum((0, 2, 3)), dy.sum((0, 2, 3))
        # The gradients of mean and variance are summed over processes. Those of weight and bias stay apart: they are
        # averaged by `average_gradients`.
        both = ctx.processes.gather(torch.stack([d_weight, d_bias])).sum(0)
        both = both / (ctx.processes.count * x.numel() // x.shape[1])
        along, level = (v[None, :, None, None] for v in both)
        dx = factor * (dy - level - normal * along)
        return dx.to(x.dtype), d_weight, d_bias, None, None


def is_first() -> bool:
    """Return whether this is the first process, or the only one, by the environment."""
    return _number(RANK, 0) == 0


def launched_processes() -> tuple[int, int]:
    """Return the number of this process, from 0, and the number of processes, by the environment.

    It is for work that needs no connection between the processes.
    """
    return _number(RANK, 0), _number(COUNT, 1)


def own_cores() -> int:
    """Return this process's share of the processor cores of its machine, at least 1, by the environment."""
    # The first counts the cores that a container or taskset allows; macOS and Windows lack it.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // _number(_LOCAL_COUNT, 1))


def local_device(device: str | torch.device | None) -> str | torch.device | None:
    """Return the device of this process.

    Args:
        device: As the user gave it. It is returned unchanged for a single process. Of several processes, each takes a
            CUDA device of its own, or all take the CPU.

    Raises:
        ValueError: If several processes cannot use the device.
    """
    if _number(COUNT, 1) == 1:
        return device
    kind = str(device) if device is not None else "cuda" if _cuda_wanted() else "cpu"
    if kind == "cuda":
        local, count = _number(LOCAL_RANK, 0), torch.cuda.device_count()
        if local >= count:
            raise ValueError(
                f"process {local} of this machine has no CUDA device of its own ({count} there): start one process a "
                "device, or pass device='cpu'"
            )
        return f"cuda:{local}"
    if kind != "cpu":
        raise ValueError(f"device={kind!r}: several processes run on 'cpu', or on 'cuda' with a device each")
    return kind


@contextlib.contextmanager
def join(device: torch.device) -> Iterator[Processes]:
    """Connect to the other processes that the launcher started, until the end of the block.

    A process group that the caller has set up already is used and left as it is.

    Args:
        device: Device of this process, see `local_device`.

    Yields:
        The processes, `ALONE` for a single one.

    Raises:
        ValueError: If environment variables are missing.
    """
    if dist.is_available() and dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size(), device)
        return
    count = _number(COUNT, 1)
    if count == 1:
        if "ACCELERATE_MIXED_PRECISION" in os.environ and "MASTER_ADDR" in os.environ:
            log.warning("accelerate started one process only: pass --multi_gpu (on CPUs too), or use torchrun")
        yield ALONE
        return
    rank = _number(RANK, -1)
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in os.environ] + ["RANK"] * (rank < 0)
    if missing:
        raise ValueError(
            f"{count} processes (WORLD_SIZE) but {', '.join(missing)} is not set: start with torchrun or accelerate "
            "launch, or unset WORLD_SIZE"
        )
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Every connection uses names of its own in the store: with the addresses of an earlier one, processes would wait
    # without end.
    store = dist.PrefixStore(f"facekit{next(_connections)}", _store(rank, count))
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=_TIMEOUT)
    try:
        yield Processes(rank, count, device)
    finally:
        dist.destroy_process_group()


_connections = itertools.count()


@functools.lru_cache(maxsize=1)
def _store(rank: int, count: int) -> Any:
    return next(dist.rendezvous("env://", rank, count, timeout=_START_TIMEOUT))[0]


def _cuda_wanted() -> bool:
    return torch.cuda.is_available() and os.environ.get("ACCELERATE_USE_CPU", "").lower() != "true"


def _number(names: tuple[str, ...], otherwise: int) -> int:
    return next((int(os.environ[name]) for name in names if name in os.environ), otherwise)
