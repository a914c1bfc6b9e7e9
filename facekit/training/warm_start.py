"""Warm start: copy trained layers from a model that was trained on similar labels."""

from __future__ import annotations

import logging

import torch

from ..tasks import Task
from .adapted_network import AdaptedNetwork, same_pretrained_weights
from .views import AugmentedViews

log = logging.getLogger("facekit")

# Labelled faces on which the outputs of both networks are compared, and how many of them at once.
_COMPARED = 100
_BATCH = 20


def check_warm_start(
    start: str, task: Task, network: AdaptedNetwork, known_task: Task, known: AdaptedNetwork, known_backbone: str
) -> None:
    """Check that a user's model can be started from.

    Args:
        start: Path of the model, for messages.
        task: The task to be learned.
        network: The network to be trained.
        known_task: The model's task.
        known: The model's network.
        known_backbone: Name of the model's backbone.

    Raises:
        ValueError: If the model is for another task or its network is built otherwise.
    """
    if known_task.name != task.name:
        raise ValueError(
            f"start={start!r}: a model for {known_task.name}, but this adaptation is for {task.name}; pass a model for "
            f"{task.name}, or start='none'"
        )
    if not fits(network, known):
        raise ValueError(
            f"start={start!r}: made on {known_backbone} with other weights or built otherwise "
            f"({network.__class__.__name__} here): pass start='none', or the weights= and recipe it was made with"
        )


def fits(network: AdaptedNetwork, known: AdaptedNetwork) -> bool:
    """Return whether both networks are built alike.

    Args:
        network: The network to be trained.
        known: The network to copy from.
    """
    return type(known) is type(network) and network.matches(known)


def fits_embedded(network: AdaptedNetwork, known: AdaptedNetwork) -> bool:
    """Return whether both networks are built alike and have the same pretrained weights.

    Args:
        network: The network to be trained.
        known: The network to copy from.
    """
    if fits(network, known) and same_pretrained_weights(network, known):
        return True
    log.info("no embedded start for these weights or this build: trained layers start anew")
    return False


@torch.no_grad()
def warm_start(
    network: AdaptedNetwork, views: AugmentedViews, task: Task, known: AdaptedNetwork, known_task: Task
) -> None:
    """Copy the trained layers of another network.

    Equal labels start as they are. Other labels need no names in common: each output starts from the known outputs that
    agree best with the user's labels on the labelled faces.

    Args:
        network: The network to be trained.
        views: The labelled faces.
        task: The task to be learned.
        known: The network to copy from. It must fit.
        known_task: Its task.
    """
    if known_task.same_outputs(task):
        mixing = torch.eye(task.channels)
    else:
        numbers = torch.arange(min(_COMPARED, len(views.data.crops)))
        maps = torch.cat([known(views.inputs(part)) for part in numbers.split(_BATCH)])
        mixing = task.mixing(known_task, maps, views.targets(numbers))
    network.start_from(known, mixing)
