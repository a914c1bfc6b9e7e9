"""Several processes that train one network; the only door to torch.distributed.

The launcher sets the environment and nothing else is asked of it: `torchrun --nproc_per_node 2 -m facekit pretrain ...`
and `accelerate launch --multi_gpu --num_processes 2 -m facekit pretrain ...` both work, on CPUs (gloo) and CUDA devices
(nccl). `--multi_gpu` holds on CPUs too: without it, and with `--cpu`, accelerate starts a single process unless it is
given an mpirun hostfile.

Batches are global: N processes make the steps that one process makes with the same batch size. For that, draws are
made for the whole batch and sliced (`Processes.part`), BatchNorm sees all processes (`Processes.share_norms`), and
gradients are averaged (`Processes.average_gradients`). What is left is rounding: 1e-12 after some steps in double
precision; in single, adversarial training amplifies it as much as it does that of one process with other threads.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

log = logging.getLogger("facekit")

# torchrun's and accelerate's names first, then those of the MPIs that accelerate can start on CPUs.
RANK = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
COUNT = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
LOCAL_RANK = ("LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK")

# The first process may decode millions of images while the others wait. Launchers end the rest when one dies.
PATIENCE = datetime.timedelta(days=2)
# At the start nobody has reason to be late.
MEETING = datetime.timedelta(minutes=10)


@dataclass(frozen=True)
class Processes:
    """Process `rank` of `count`; alone, every method is free and changes nothing."""

    rank: int = 0
    count: int = 1
    device: torch.device = torch.device("cpu")  # of the tensors that are exchanged

    @property
    def first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def part(self, batch: int) -> slice:
        """This process's share of a global batch. Raises ValueError for one that does not divide."""
        if batch % self.count:
            raise ValueError(
                f"batch_size={batch} does not divide by {self.count} processes: it is the batch of all of them "
                f"together, pass a multiple of {self.count}"
            )
        share = batch // self.count
        return slice(self.rank * share, (self.rank + 1) * share)

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their means over the processes, in one exchange."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def average(self, losses: dict[str, Tensor]) -> dict[str, float]:
        """Scalars by name -> their means over the processes, the same in all."""
        values = torch.stack([v.detach() for v in losses.values()])
        if self.count > 1:
            values = values.double()  # not above: Apple's devices have no double precision, and one process is enough
            dist.all_reduce(values)
            values /= self.count
        return dict(zip(losses, values.tolist(), strict=True))

    @torch.no_grad()
    def copy_from_first(self, module: nn.Module) -> None:
        """Give `module` the first process's weights and buffers."""
        if self.count > 1:
            for tensor in module.state_dict().values():
                sent = tensor.contiguous()
                dist.broadcast(sent, 0)
                tensor.copy_(sent)

    def share_norms(self, module: nn.Module) -> None:
        """Let every BatchNorm inside `module` take its statistics over all processes; its state dict stays as it is."""
        if self.count > 1:
            for parent in list(module.modules()):
                for name, child in list(parent.named_children()):
                    if type(child) is nn.BatchNorm2d:
                        setattr(parent, name, SharedBatchNorm(child, self))

    def from_first(self, flag: bool) -> bool:
        """The first process's answer to a question of yes or no, in all processes."""
        if self.count == 1:
            return flag
        answer = torch.tensor(int(flag), device=self.device)
        dist.broadcast(answer, 0)
        return bool(answer.item())

    def gather(self, tensor: Tensor) -> Tensor:
        """The processes' tensors of one shape, stacked: (count,...)."""
        if self.count == 1:
            return tensor[None]
        parts = [torch.empty_like(tensor) for _ in range(self.count)]
        dist.all_gather(parts, tensor.contiguous())
        return torch.stack(parts)

    def check_same(self, value: int, what: str) -> None:
        """Raises ValueError in all processes when `value` differs between them; `what` says what it is."""
        values = self.gather(torch.tensor(value, device=self.device)).tolist()
        if min(values) != max(values):
            raise ValueError(f"{what} differs between the processes: {values}; do all of them see the same files?")

    @contextlib.contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first process runs the block, then the others do and find what it left on disk."""
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
            signal.item()  # CUDA exchanges are only queued until someone asks


ALONE = Processes()


class SharedBatchNorm(nn.BatchNorm2d):
    """BatchNorm whose batch is that of all processes, on any device: torch's SyncBatchNorm refuses CPUs."""

    def __init__(self, norm: nn.BatchNorm2d, processes: Processes):
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.to(norm.weight.device)
        self.processes = processes

    def forward(self, input: Tensor) -> Tensor:
        """input: (N,C,H,W) with the same shape in all processes. Returns the same shape."""
        if not self.training:
            return super().forward(input)
        y, mean, var = _Normalise.apply(input, self.weight, self.bias, self.eps, self.processes)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        assert self.momentum is not None
        count = self.processes.count * input.numel() // input.shape[1]
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (count / (count - 1)), self.momentum)
        return y


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, processes: Processes
    ) -> tuple[Tensor, Tensor, Tensor]:
        # A mean and a variance a process, joined by the law of total variance: no difference of large sums.
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
        # Under autocast x and dy come in half precision, the sums do not.
        dy, normal = dy.to(mean.dtype), (x.to(mean.dtype) - mean) * scale
        d_weight, d_bias = (dy * normal).sum((0, 2, 3)), dy.sum((0, 2, 3))
        # What every process's loss says to the two statistics; of weight and bias each keeps its own part, for
        # `average_gradients` joins those.
        both = ctx.processes.gather(torch.stack([d_weight, d_bias])).sum(0)
        both = both / (ctx.processes.count * x.numel() // x.shape[1])
        along, level = (v[None, :, None, None] for v in both)
        dx = factor * (dy - level - normal * along)
        return dx.to(x.dtype), d_weight, d_bias, None, None


def is_first() -> bool:
    """Whether the environment names this the first process, or the only one."""
    return _number(RANK, 0) == 0


def local_device(device: str | torch.device | None) -> str | torch.device | None:
    """The device of this process: as given when alone; of several, each takes its own CUDA device, or the CPU.

    Raises ValueError for a device that several processes cannot use.
    """
    if _number(COUNT, 1) == 1:
        return device
    kind = str(device) if device is not None else "cuda" if _cuda_wanted() else "cpu"
    if kind == "cuda":
        local, there = _number(LOCAL_RANK, 0), torch.cuda.device_count()
        if local >= there:
            raise ValueError(
                f"process {local} of this machine has no CUDA device of its own ({there} there): start one process a "
                "device, or pass device='cpu'"
            )
        return f"cuda:{local}"
    if kind != "cpu":
        raise ValueError(f"device={kind!r}: several processes run on 'cpu', or on 'cuda' with a device each")
    return kind


@contextlib.contextmanager
def join(device: torch.device) -> Iterator[Processes]:
    """Meet the other processes that the launcher started; part at the end of the block. Yields `ALONE` without any.

    device: this process's (see `local_device`). A group that the caller has set up already is used and left as it is.
    Raises ValueError for an environment that is only half there.
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
    # A room of its own in the store for every meeting: in the addresses of an earlier one they would wait for ever.
    store = dist.PrefixStore(f"facekit{next(_meetings)}", _store(rank, count))
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)
    try:
        yield Processes(rank, count, device)
    finally:
        dist.destroy_process_group()


_meetings = itertools.count()


@functools.lru_cache(maxsize=1)
def _store(rank: int, count: int) -> Any:
    return next(dist.rendezvous("env://", rank, count, timeout=MEETING))[0]


def _cuda_wanted() -> bool:
    return torch.cuda.is_available() and os.environ.get("ACCELERATE_USE_CPU", "").lower() != "true"


def _number(names: tuple[str, ...], otherwise: int) -> int:
    return next((int(os.environ[name]) for name in names if name in os.environ), otherwise)
