"""A pool of images is opened by the name of its source."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from facekit.data.named_pools import open_pool
from facekit.images.reader import save_image


@torch.no_grad()
def test_a_source_may_be_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEKIT_DATA", str(tmp_path))
    (tmp_path / "celebahq128").mkdir()
    with tarfile.open(tmp_path / "celebahq128" / "0.tar", "w") as tar:
        for i in range(5):
            save_image(np.full((128, 128, 3), 40 * i, np.uint8), tmp_path / "one.png")
            content = (tmp_path / "one.png").read_bytes()
            member = tarfile.TarInfo(f"{i}.png")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    pool = open_pool(["celebahq128:3"], 64, tmp_path / "pools", False)
    assert pool[torch.arange(len(pool))][:, 0, 0, 0].tolist() == [0, 40, 80]
    for wrong in ("celebahq128:0", "celebahq128:", "generated:many"):
        with pytest.raises(ValueError, match="COUNT"):
            open_pool([wrong], 64, tmp_path / "pools", False)
    with pytest.raises(FileNotFoundError, match="celebahq129"):
        open_pool(["celebahq129:3"], 64, tmp_path / "pools", False)
