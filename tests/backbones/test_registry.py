"""The registry lists what the classes of the backbones offer, without importing them. The import check lists all."""

from __future__ import annotations

import configparser
from pathlib import Path

import facekit.backbones
from facekit.backbones.registry import backbone_class, backbone_names, pretrainings


def test_pretrainings_are_those_of_the_classes() -> None:
    found = {kind: name for name in backbone_names() for kind in backbone_class(name).pretrainings}
    assert pretrainings() == found


def test_the_import_check_lists_every_backbone() -> None:
    root = Path(facekit.backbones.__file__).parent
    settings = configparser.ConfigParser()
    assert settings.read(root.parents[1] / ".importlinter")
    listed = settings["importlinter:contract:papers"]["modules"].split()
    assert sorted(listed) == sorted(f"facekit.backbones.{file.parent.name}" for file in root.glob("*/backbone.py"))
