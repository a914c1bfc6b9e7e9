"""Cut the committed numbers out of the whole parity folder.

    FACEKIT_PARITY=/path/to/parity python tests/parity/cut.py

Only what needs no stored weights is taken: those that `parity_recipe` draws from their names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from helpers.parity_recipe import fill, image, noise  # noqa: E402


def every(stride: int, stored: Any) -> dict[str, Any]:
    """Keep every ``stride``-th value."""
    if isinstance(stored, dict):  # already in part
        return {**stored, "stride": stride * stored["stride"], "values": stored["values"][::stride].clone()}
    return {"stride": stride, "shape": list(stored.shape), "values": stored.flatten()[::stride].clone()}


def tanh_warp(whole: dict[str, Any]) -> dict[str, Any]:
    names = ("points", "std_pts", "facer_matrix_1.0", "facer_matrix_0.8", "box", "blueprint_crop_512", "matrix_56x48")
    held = {name: whole[name] for name in names}
    for alpha in ("0.0", "0.2", "0.8", "1.0"):
        held |= {f"{name}_{alpha}": whole[f"{name}_{alpha}"] for name in ("facer_pts_fwd", "facer_pts_inv")}
        for name, stride in (("facer_grid", 23), ("facer_inv_grid", 101)):
            held[f"{name}_{alpha}"] = [every(stride, grid) for grid in whole[f"{name}_{alpha}"]]
    return held


def farl_geometry(whole: dict[str, Any]) -> dict[str, Any]:
    return {"heatmap": whole["heatmap"][:, :3].clone(), "pts_tscale": whole["pts_tscale"][:, :3].clone()}


def shapes(state: dict[str, Tensor], prefix: str = "") -> dict[str, list[int]]:
    """Keep the names and shapes of weights that ``parity_recipe.fill`` draws again, and check that it does."""
    state = {k: v for k, v in state.items() if k.startswith(prefix)}
    drawn = fill({k.removeprefix("visual.") if prefix else k: v for k, v in state.items()})
    assert all(torch.equal(v, drawn[k.removeprefix("visual.") if prefix else k]) for k, v in state.items())
    return {k: list(v.shape) for k, v in state.items()}


def clip_small(whole: dict[str, Any]) -> dict[str, Any]:
    """Only the text tower: the image tower's input is large."""
    text = {k: v for k, v in whole["state_dict"].items() if not k.startswith(("visual.", "logit_scale"))}
    held = {name: whole["config"][name] for name in ("context", "t_heads")}
    half = [k for k, v in text.items() if v.dtype == torch.float16]
    return {
        "config": held,
        "keys": shapes(text),
        "half": half,
        "token_ids": whole["token_ids"],
        "output": {"text": whole["output"]["text"]},
    }


def farl_visual_small(whole: dict[str, Any]) -> dict[str, Any]:
    """The image embedding of an input that is drawn, and the pyramid on the reference's own features."""
    assert torch.equal(image("farl_small", (2, 3, 64, 64)), whole["input"])
    forced = {name: whole["forced"][64][name] for name in ("raw_features", "cls_tokens")}
    forced["features"] = [every(7, x) for x in whole["forced"][64]["features"]]
    forced["fpn_keys"] = shapes(whole["forced"][64]["fpn_weights"])
    return {
        "config": whole["config"],
        "keys": shapes(whole["state_dict"], "visual."),
        "forced": {"64": forced},
        "output": whole["output"],
    }


def farl_mim_small(whole: dict[str, Any]) -> dict[str, Any]:
    assert torch.equal(image("mim", (2, 3, 64, 64)), whole["input"])
    held = {name: whole[name] for name in ("config", "mask", "output")}
    return held | {"keys": shapes(whole["state_dict"]), "output_all": {"logits": whole["output_all"]["logits"]}}


def fabrec(whole: dict[str, Any]) -> dict[str, Any]:
    """Only what the decoder and the discriminator of codes make of given codes: the images are large."""
    out = whole["output"]
    held = {name: out[name] for name in ("z_in", "d_z")}
    held |= {n: every(s, out[n]) for n, s in (("x0", 13), ("x1", 23), ("recon", 17), ("heatmaps", 11))}
    return {"keys": whole["keys"], "output": held}


def gan_encoders(whole: dict[str, Any]) -> dict[str, Any]:
    """Their names and shapes are those of our encoders, from which the weights are drawn."""
    return {name: {"output": every(5, held["output"])} for name, held in whole.items() if isinstance(held, dict)}


def pixel_classifier(whole: dict[Any, Any]) -> dict[Any, Any]:
    held: dict[Any, Any] = {}
    for classes in (8, 31, 32, 34):
        d = whole[classes]
        held[classes] = {"keys": shapes(d["state_dict"]), **{n: d[n][:20].clone() for n in ("input", "output")}}
    votes = whole["ensemble"]
    assert torch.equal(noise("ens", (768, 64)), votes["input"])
    held["ensemble"] = {name: votes[name] for name in ("js", "uncertainty")}
    held["ensemble"] |= {"mode_label": votes["mode_label"].byte(), "mean_prob": every(5, votes["mean_prob"])}
    feats = [x.clone() for x in whole["features"]["feats"][:4]]
    stacked = whole["features"]["upsampled"][:, : sum(x.shape[1] for x in feats)].contiguous()
    return held | {"features": {"feats": feats, "upsampled": every(61, stacked)}}


CUTS = {
    "tanh_warp": tanh_warp,
    "farl_geometry": farl_geometry,
    "clip_small": clip_small,
    "farl_visual_small": farl_visual_small,
    "farl_mim_small": farl_mim_small,
    "3fabrec_128": fabrec,
    "gan_encoders_recipe": gan_encoders,
    "datasetgan_pixel_classifier": pixel_classifier,
}


def tensors(held: Any) -> list[Tensor]:
    if isinstance(held, Tensor):
        return [held]
    parts = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
    return [t for part in parts for t in tensors(part)]


if __name__ == "__main__":
    for name, cut in CUTS.items():
        held = cut(torch.load(Path(os.environ["FACEKIT_PARITY"]) / f"{name}.pt", weights_only=True))
        torch.save(held, HERE / f"{name}.pt")
        print(f"{name}: {(HERE / f'{name}.pt').stat().st_size:,} bytes, {len(tensors(held))} tensors")
