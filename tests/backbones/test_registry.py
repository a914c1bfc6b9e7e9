"""The registry lists what the classes of the backbones offer, without importing them."""

from __future__ import annotations

from facekit.backbones.registry import backbone_class, backbone_names, pretrainings


def test_pretrainings_are_those_of_the_classes() -> None:
    found = {kind: name for name in backbone_names() for kind in backbone_class(name).pretrainings}
    assert pretrainings() == found
