"""Warm starts: trained layers taken over from a model that knows similar labels."""

from __future__ import annotations

import logging

import torch

from .fitting import Fitting
from .model import load
from .weights import EMBEDDED, embedded_file

log = logging.getLogger("facekit")

# Labelled faces that the known channels are compared on.
COMPARED = 100


@torch.no_grad()
def warm_start(program: Fitting, start: str) -> str:
    """Start the trained layers of `program` as the recipe's `start` says. Returns what they were started from.

    "embedded": layers fitted on labelled generated faces, where the network stands on the embedded weights with all
    skip layers; else, and with "none", they stay as they are. A .facekit file: any model of the same task. New label
    sets need no names in common: each output is started from the known ones that agree with the user's labels.
    Raises ValueError for a file of another task or other frozen weights.
    """
    if start == "none":
        return "none"
    task = program.task
    if not hasattr(program.network, "start_from"):
        if start == "embedded":
            return "none"
        raise ValueError(f"start={start!r}: warm starts are fsma's; other backbones take start='none'")
    if start == "embedded" and f"start-{task.name}" not in EMBEDDED:
        return "none"
    known = load(embedded_file(f"start-{task.name}") if start == "embedded" else start, program.device)
    if known.task.name != task.name:
        raise ValueError(f"start={start!r}: a model for {known.task.name}, but this adaptation is for {task.name}")
    if not program.network.matches(known.network):
        if start == "embedded":
            log.info("no embedded start for these weights or this skip code: trained layers start as identities")
            return "none"
        raise ValueError(
            f"start={start!r}: made with other weights or another skip code ({known.network.skip_code}, here "
            f"{program.network.skip_code}): pass start='none', or the weights= it was made with"
        )
    views = torch.arange(min(COMPARED, len(program.crops)))
    maps = torch.cat([known.network(program.inputs(part)) for part in views.split(20)])
    program.network.start_from(known.network, task.mixing(known.task, maps, program.targets(views)))
    return start
