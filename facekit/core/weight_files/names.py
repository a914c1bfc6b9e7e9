"""Compare the names of a file's tensors with those of a network, and recognise the network of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

# (last part of a typical name, the network that has it)
_TYPICAL_NAMES: tuple[tuple[str, str], ...] = (
    ("Q.fc.weight", "fsma's auto-encoder"),
    ("psp_modules.0.1.conv.weight", "one of facer's released models on FaRL (pass it to facekit.load)"),
    ("visual.conv1.weight", "a CLIP model (farl)"),
    ("vision_model.embeddings.patch_embedding.weight", "CLIP in Hugging Face's naming (convert it to OpenAI's)"),
    ("visual.trunk.patch_embed.proj.weight", "CLIP with a timm tower (not supported)"),
    ("input_layer.0.weight", "an e4e, pSp or ReStyle encoder (pftgan's inversion=)"),
    ("mapping.fc0.weight", "a StyleGAN2 generator (pftgan)"),
    ("style.1.weight", "the StyleGAN2 port's generator (pftgan)"),
    ("codes", "a tokenizer of images (farl)"),
    ("blocks.input.weight", "DALL-E's encoder (farl's tokenizer)"),
    ("blocks.input.w", "DALL-E's encoder (farl's tokenizer)"),
    ("segmentation_head.0.weight", "a parser of segmentation_models_pytorch (synthparse)"),
    ("patch_embed.proj.weight", "a vision transformer of timm (farl's tower=)"),
    ("features.0.0.weight", "MobileNetV2 (synthparse's encoder)"),
    ("layer4.0.conv1.weight", "a ResNet"),
    ("features.0.weight", "AlexNet or VGG"),
)


def first_names(names: Iterable[str]) -> str:
    """List at most three names for a message, and how many more there are."""
    listed = [name if len(name) <= 60 else f"{name[:57]}..." for name in names]
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return (", ".join(name.encode("unicode_escape").decode() for name in listed[:3]) or "nothing") + more


def likely_network(names: Iterable[str]) -> str:
    """Recognise a network by the names of its tensors.

    Args:
        names: Names of the tensors of a file.

    Returns:
        "; it seems to be of ..." to append to a message, or "" for an unknown network.
    """
    listed = list(names)
    for ending, network in _TYPICAL_NAMES:
        if any(name == ending or name.endswith(f".{ending}") for name in listed):
            return f"; it seems to be of {network}"
    return ""


def without_prefix(tensors: Mapping[str, Tensor], anchors: Sequence[str]) -> dict[str, Tensor]:
    """Select the tensors of one network from a file that puts a prefix such as `model.` before its names.

    Args:
        tensors: Tensors by their names in the file.
        anchors: Names that the network has. The first one that the file has, behind any prefix, defines the prefix.

    Returns:
        The tensors below the shortest such prefix, by the network's names. All tensors if no anchor is found.
    """
    for anchor in anchors:
        prefixes = [name.removesuffix(anchor) for name in tensors if name == anchor or name.endswith(f".{anchor}")]
        if prefixes:
            prefix = min(prefixes, key=len)
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    return dict(tensors)


def check_names(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str
) -> None:
    """Check that a file has exactly the tensors of a network.

    Batch counters (`num_batches_tracked`) may be missing, because older files lack them.

    Args:
        path: The file, for messages.
        tensors: Tensors of the file, by the network's names.
        expected: Tensors of the network by name. They may be on the meta device.
        what: The network, for messages.

    Raises:
        ValueError: If names are missing or left over, or if shapes differ. It lists at most three of each.
    """
    problems = {
        "missing": [k for k in expected if k not in tensors and not k.endswith("num_batches_tracked")],
        "left over": [name for name in tensors if name not in expected],
        "of another shape": [
            f"{name} {tuple(tensor.shape)} for {tuple(expected[name].shape)}"
            for name, tensor in tensors.items()
            if name in expected and tensor.shape != expected[name].shape
        ],
    }
    if any(problems.values()):
        listing = "; ".join(f"{kind}: {first_names(names)}" for kind, names in problems.items() if names)
        hint = likely_network(tensors) if 2 * len(problems["missing"]) > len(expected) else ""
        raise ValueError(f"{os.fspath(path)}: the tensors do not fit, expected those of {what} ({listing}){hint}")
