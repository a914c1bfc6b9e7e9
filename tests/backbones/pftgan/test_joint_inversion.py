"""Joint training of generator and encoder, and the projected discriminator."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import facekit
from facekit.backbones.pftgan.config import InversionPretraining, StyleGAN2Pretraining
from facekit.backbones.pftgan.generator_training import Pretraining
from facekit.backbones.pftgan.inversion_encoder import InversionEncoder, InversionSize
from facekit.backbones.pftgan.joint_inversion import JointInversion
from facekit.backbones.pftgan.projected_discriminator import CHANNELS, ProjectedDiscriminator, RandomProjection
from facekit.backbones.pftgan.stylegan2 import GeneratorSize
from facekit.model.model_reader import ready_network

PROJECTED: dict[str, Any] = {"projected": True, "discriminate_reconstructions": True, "r1": 0.0}


class Stripes:
    """Images of a few wide stripes."""

    side = 40
    sources: ClassVar[dict[str, int]] = {"stripes": 8}

    def __len__(self) -> int:
        return 8

    def __getitem__(self, indices: torch.Tensor) -> torch.Tensor:
        x = torch.zeros(len(indices), 3, 40, 40, dtype=torch.uint8)
        for row, i in zip(x, indices, strict=True):
            row[:, :, 4 * int(i) : 4 * int(i) + 8] = 255
        return x


def joint_training(**settings: Any) -> Pretraining:
    size = GeneratorSize(32, 8, 8, 256, 16, 2)
    wanted = {"batch_size": 4, "reconstructed": 4, "r1_every": 2, "path_length_every": 2, "ada_target": 0.0, **settings}
    recipe = StyleGAN2Pretraining(**wanted)
    torch.manual_seed(0)
    # Not narrower: with 4 channels oneDNN (torch 2.14, AVX2) writes past the gradient of a convolution.
    encoder = InversionEncoder(InversionSize(32, size.codes, 8, 8))
    own = InversionPretraining(l2=4.0, lpips=0.0, prior=0.5, bfloat16=False)

    class Squared(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return (x - y).square().mean((1, 2, 3))

    device = torch.device("cpu")
    parser = ready_network("segmentation").folded() if recipe.projected else None
    return Pretraining(
        Stripes(), size, recipe, 100, device, 0, joint=JointInversion(encoder, Squared(), own, device), parser=parser
    )


@pytest.mark.slow
def test_encoder_and_generator_learn_to_reconstruct_images() -> None:
    program = joint_training()
    losses = [program.step(i) for i in range(100)]  # 0.4 of the first error is left then, 0.53 after 60 steps
    assert sum(x["l2"] for x in losses[-10:]) < 0.6 * sum(x["l2"] for x in losses[:10])
    assert {"discriminator", "generator", "l2", "codes", "deltas", "prior", "discriminator_reconstructed"} <= set(
        losses[0]
    )


def test_the_latent_discriminator_draws_codes_of_the_encoder_to_those_of_the_mapping() -> None:
    own = joint_training().joint
    assert own is not None
    made, found = torch.randn(64, 8) + 2, torch.randn(64, 8) - 2
    losses = [float(own._update_discriminator(made.clone(), found)) for _ in range(100)]
    assert losses[-1] < 0.7 * losses[0]
    found.requires_grad_(True)
    torch.nn.functional.softplus(-own.discriminator(found)).mean().backward()
    assert found.grad is not None
    assert float((-found.grad).mean()) > 0, "one step down the encoder's loss leads towards the mapping's codes"


def test_the_mapping_is_drawn_to_codes_of_the_encoder() -> None:
    program = joint_training()
    own, generator = program.joint, program.generator
    assert own is not None
    known = program.mixed_codes(4, torch.Generator().manual_seed(0))
    discriminator = copy.deepcopy(own.discriminator)  # as it judges here; it learns from the same codes afterwards
    real, made = torch.zeros(4, 3, 32, 32), program.image(known, torch.Generator().manual_seed(0))
    losses = own.losses(real, *own.reconstruct(generator, real, made, torch.Generator().manual_seed(0)), known)
    losses["mapped"].backward()
    assert all(weight.grad is not None for weight in generator.mapping.parameters())
    for others in (generator.synthesis, own.encoder):
        assert all(weight.grad is None for weight in others.parameters())
    before = discriminator(known.detach().flatten(0, 1)).mean().item()
    # Long enough (1e-3) that rounding (1e-7) does not decide: StyleGAN2's mapping multiplies its weights by .01.
    torch.optim.SGD(generator.mapping.parameters(), 100.0).step()
    after = program.mixed_codes(4, torch.Generator().manual_seed(0))
    assert discriminator(after.detach().flatten(0, 1)).mean().item() < before - 1e-4, "less like the mapping's"


@pytest.mark.parametrize(
    "settings", [{}, pytest.param(PROJECTED, marks=pytest.mark.slow)], ids=["stylegan2", "projected"]
)
def test_such_a_training_resumes(settings: dict[str, Any], tmp_path: Path) -> None:
    straight, stopped, resumed = joint_training(**settings), joint_training(**settings), joint_training(**settings)
    for i in range(4):
        straight.step(i)
    for i in range(2):
        stopped.step(i)
    torch.save(stopped.state_dict(), tmp_path / "c.pt")
    resumed.load_state_dict(torch.load(tmp_path / "c.pt", weights_only=True))
    for i in range(2, 4):
        resumed.step(i)
    mine, theirs = straight.state_dict(), resumed.state_dict()
    for part in ("mean", "generator", "critic"):
        assert all(torch.equal(v, theirs[part][k]) for k, v in mine[part].items())
    assert all(torch.equal(v, theirs["beside"]["mean"][k]) for k, v in mine["beside"]["mean"].items())


def test_the_discriminator_gets_reconstructions_too() -> None:
    seen: list[int] = []
    for program in (
        joint_training(),
        joint_training(discriminate_reconstructions=True),
        joint_training(reconstructed=2, discriminate_reconstructions=True),
    ):
        program.discriminator.register_forward_hook(lambda _, x, __: seen.append(len(x[0])))
        program.step(1)  # without R1
    assert seen == [4, 4, 4, 4, 8, 8, 4, 6, 6], "the discriminator: real, made; the generator: made"


def test_maps_are_mixed_from_coarse_to_fine() -> None:
    mixed = RandomProjection([5, 7, 3])
    maps = [torch.randn(1, 5, 16, 16), torch.randn(1, 7, 8, 8), torch.randn(1, 3, 4, 4)]
    before = mixed(maps)
    assert [x.shape for x in before] == [(1, CHANNELS, side, side) for side in (16, 8, 4)]
    after = mixed([maps[0], maps[1], maps[2] + 1])
    assert all(not torch.allclose(x, y) for x, y in zip(before, after, strict=True)), "coarse maps reach all heads"
    after = mixed([maps[0] + 1, maps[1], maps[2]])
    assert [torch.equal(x, y) for x, y in zip(before, after, strict=True)] == [False, True, True]
    assert not [weight for weight in mixed.parameters() if weight.requires_grad]


@pytest.mark.slow
def test_only_the_heads_of_a_projected_discriminator_learn() -> None:
    program = joint_training(**PROJECTED, path_length=0.0)
    discriminator = program.discriminator
    assert isinstance(discriminator, ProjectedDiscriminator) and discriminator(torch.zeros(2, 3, 32, 32)).shape == (
        2,
        5,
    )
    before = {name: weight.clone() for name, weight in discriminator.named_parameters()}
    losses = [program.step(i)["discriminator"] for i in range(12)]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3]), "it tells stripes from what is made"
    for name, weight in discriminator.named_parameters():
        assert torch.equal(weight, before[name]) != name.startswith("heads"), name


def test_discriminate_reconstructions_needs_reconstructed_images(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="discriminate_reconstructions=True: expected .*, got reconstructed=0; pass reconstructed=16"
    ):
        facekit.pretrain(
            "stylegan2", tmp_path, out=tmp_path / "g.safetensors", discriminate_reconstructions=True, reconstructed=0
        )
