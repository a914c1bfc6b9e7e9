"""Warm starts: trained layers taken over from a model that knows similar labels."""

from __future__ import annotations

import logging

import torch
from torch import nn

from ..model import load
from ..zoo.embedded import embedded_file
from .finetune import Fitting

log = logging.getLogger("facekit")

# Labelled faces that the known channels are compared on.
COMPARED = 100


@torch.no_grad()
def warm_start(program: Fitting, start: str) -> str:
    """Start the trained layers of `program` as the recipe's `start` says. Returns what they were started from.

    "embedded": the file that the network's class names for this task, where the network stands on the embedded weights
    and is built like that file's; else, and with "none", they stay as they are. A .facekit file: any model of the same
    task. The same labels start as they are; new ones need no names in common: each output is started from the known
    ones that agree with the user's labels. Raises ValueError for a file of another task, another network or other
    frozen weights.
    """
    if start == "none":
        return "none"
    task, network = program.task, program.network
    if not hasattr(network, "start_from"):
        if start == "embedded":
            return "none"
        raise ValueError(f"start={start!r}: warm starts are for fsma and synthparse; others take start='none'")
    if start == "embedded" and task.name not in network.STARTS:
        return "none"
    known = load(embedded_file(network.STARTS[task.name]) if start == "embedded" else start, program.device)
    if known.task.name != task.name:
        raise ValueError(f"start={start!r}: a model for {known.task.name}, but this adaptation is for {task.name}")
    fits = type(known.network) is type(network) and network.matches(known.network)
    if start == "embedded" and not (fits and _begin_alike(network, known.network)):
        log.info("no embedded start for these weights or this build: trained layers start anew")
        return "none"
    if not fits:
        raise ValueError(
            f"start={start!r}: made on {known.backbone} with other weights or built otherwise "
            f"({network.__class__.__name__} here): pass start='none', or the weights= and recipe it was made with"
        )
    known = known.naked
    if known.task.same_outputs(task):
        mixing = torch.eye(task.channels)
    else:
        views = torch.arange(min(COMPARED, len(program.crops)))
        maps = torch.cat([known.network(program.inputs(part)) for part in views.split(20)])
        mixing = task.mixing(known.task, maps, program.targets(views))
    network.start_from(known.network, mixing)
    return start


def _begin_alike(network: nn.Module, other: nn.Module) -> bool:
    """Whether both stand on the same weights: so their first ones tell."""
    mine, theirs = next(network.parameters()), next(other.parameters())
    return mine.shape == theirs.shape and torch.equal(mine.detach().cpu(), theirs.detach().cpu())
