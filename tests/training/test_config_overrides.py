"""Fields of configurations that were renamed still work, with a warning."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from facekit.backbones.pftgan.config import StyleGAN2Pretraining
from facekit.training.config_overrides import RENAMED, overridden


@pytest.mark.parametrize(
    ("old", "value"), [("ema_pictures", 7), ("ada_pictures", 7), ("again", 7), ("judged_again", True)]
)
def test_an_old_name_sets_the_new_field(old: str, value: int) -> None:
    recipe = StyleGAN2Pretraining()
    with pytest.warns(DeprecationWarning, match=RENAMED[old]):
        changed = overridden(recipe, {old: value}, "stylegan2")
    assert changed == dataclasses.replace(recipe, **{RENAMED[old]: value})


def test_a_script_sees_the_warning_at_its_own_line(tmp_path: Path) -> None:
    """Python's default filters hide a DeprecationWarning in every module but `__main__`."""
    script = tmp_path / "train.py"
    script.write_text(
        "import facekit\n\n"
        "facekit.pretrain('stylegan2', 'generated:4', out='g.safetensors', device='cpu', progress=False,\n"
        "                 reconstructed=0, judged_again=True)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path)
    assert f"{script}:3: DeprecationWarning: field 'judged_again' was renamed" in done.stderr
    assert "expected reconstructed images" in done.stderr  # the old name works as the new one


def test_the_command_line_shows_the_warning(tmp_path: Path) -> None:
    arguments = ["pretrain", "stylegan2", "--faces", "generated:4", "--out", "g.safetensors"]
    command = [sys.executable, "-m", "facekit", *arguments, "--set", "reconstructed=0", "judged_again=true"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "warning: field 'judged_again' was renamed" in done.stderr and done.returncode == 2
