"""Generated faces are reproducible, their labels agree with the pixels, and errors are clear."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from facekit.data.synthetic_faces.face_attributes import attributes
from facekit.data.synthetic_faces.generator import ATTRIBUTES, DOMAINS, WANTS, GeneratedFaces
from facekit.labels import FACEKIT_27, LANDMARKS_44, LANDMARKS_68, LANDMARKS_98

ID = {name: k for k, name in enumerate(FACEKIT_27.classes)}
LEFT_EYE, RIGHT_EYE = ID["left_eye"], ID["right_eye"]


@pytest.fixture(scope="module")
def studio() -> GeneratedFaces:
    return GeneratedFaces(seed=0, size=96)


@pytest.fixture(scope="module")
def everything(studio: GeneratedFaces) -> dict:
    return studio.batch(range(48), want=WANTS)


@pytest.fixture(scope="module")
def frontal() -> dict:
    faces = GeneratedFaces(seed=2, size=128, yaw=(-8, 8), pitch=(-5, 5), roll=(-3, 3))
    return {
        "faces": faces,
        **faces.batch(range(24), want=("image", "mask", "landmarks68", "landmarks98", "landmarks44", "visible68")),
    }


@pytest.mark.parametrize("domain", DOMAINS)
def test_same_image_alone_again_and_in_any_batch(domain: str) -> None:
    first, again = (GeneratedFaces(seed=5, size=64, domain=domain) for _ in range(2))
    together = first.batch([9, 3, 17, 4], want=("image", "mask", "landmarks68"))
    alone = again[17]
    image = together["image"][2].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(image - alone.image).max() <= 3 and (np.abs(image - alone.image) > 1).mean() < 1e-3
    assert (together["mask"][2].numpy() == alone.mask).mean() > 0.999
    np.testing.assert_allclose(together["landmarks68"][2].numpy(), alone.landmarks68, atol=0.01)
    assert np.array_equal(again[17].image, alone.image)


def test_seed_index_and_domain_change_the_image(studio: GeneratedFaces) -> None:
    other = GeneratedFaces(seed=1, size=96)
    wild = GeneratedFaces(seed=0, size=96, domain="wild")
    images = [studio[0].image, studio[1].image, other[0].image, wild[0].image]
    for i, a in enumerate(images):
        for b in images[i + 1 :]:
            assert np.abs(a.astype(int) - b).mean() > 5


def test_shapes_and_types_of_a_batch(everything: dict) -> None:
    n, s = 48, 96
    assert set(everything) == set(WANTS)
    for name in ("image", "shadow_free", "comic", "pencil"):
        assert everything[name].shape == (n, 3, s, s) and everything[name].dtype == torch.uint8
    assert everything["mask"].shape == (n, s, s) and everything["mask"].dtype == torch.uint8
    for k, labels in (("68", LANDMARKS_68), ("98", LANDMARKS_98), ("44", LANDMARKS_44)):
        assert everything[f"landmarks{k}"].shape == (n, len(labels), 2) == (n, int(k), 2)
        assert everything[f"landmarks{k}"].dtype == torch.float32 and torch.isfinite(everything[f"landmarks{k}"]).all()
        assert everything[f"visible{k}"].shape == (n, int(k)) and everything[f"visible{k}"].dtype == torch.bool
    assert everything["attributes"].shape == (n, len(ATTRIBUTES)) and len(everything["caption"]) == n


def test_single_face_is_numpy_with_named_fields(studio: GeneratedFaces) -> None:
    face = studio[3]
    assert face.image.shape == (96, 96, 3) and face.image.dtype == np.uint8 and face.mask.shape == (96, 96)
    assert face.landmarks98.shape == (98, 2) and face.visible44.shape == (44,) and face.visible44.dtype == bool
    assert set(face.attributes) == set(ATTRIBUTES) and len(ATTRIBUTES) >= 20
    assert set(face.styles) == {"comic", "pencil"} and face.styles["comic"].shape == (96, 96, 3)
    assert list(iter(GeneratedFaces(length=2, size=32)))[1].index == 1


def test_masks_hold_every_class(everything: dict) -> None:
    seen = set(torch.unique(everything["mask"]).tolist())
    missing = [name for name, k in ID.items() if k not in seen and name not in ("hat", "glasses", "moustache", "beard")]
    assert not missing and max(seen) < len(FACEKIT_27)
    assert {ID["glasses"], ID["beard"], ID["moustache"], ID["hat"]} <= seen


def _near(mask: np.ndarray, point: np.ndarray, ids: tuple[int, ...], reach: int = 2) -> bool:
    x, y = (round(float(t)) for t in point)
    patch = mask[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    return bool(np.isin(patch, ids).any())


def test_points_lie_on_their_parts(frontal: dict) -> None:
    parts = {
        range(36, 42): ("left_eye", "left_upper_socket", "left_lower_socket"),
        range(42, 48): ("right_eye", "right_upper_socket", "right_lower_socket"),
        range(48, 60): ("upper_lip", "lower_lip"),
        range(17, 22): ("left_brow",),
        range(22, 27): ("right_brow",),
        range(28, 31): ("nose",),
    }
    for points, names in parts.items():
        ids = tuple(ID[n] for n in names)
        hits = [
            _near(m.numpy(), p[k].numpy(), ids)
            for m, p, v in zip(frontal["mask"], frontal["landmarks68"], frontal["visible68"], strict=True)
            for k in points
            if v[k]
        ]
        assert np.mean(hits) > 0.9, names


def test_viewers_left_is_left(frontal: dict) -> None:
    columns = torch.arange(128.0)
    for mask, points in zip(frontal["mask"], frontal["landmarks68"], strict=True):
        where = [(mask == k).float().sum(0) for k in (ID["left_cheek"], ID["right_cheek"])]
        left, right = ((w * columns).sum() / w.sum() for w in where)
        assert left < right and points[36, 0] < points[45, 0] and points[8, 1] > points[27, 1]


def test_named_sets_agree_with_each_other(frontal: dict) -> None:
    a, b = frontal["landmarks68"], frontal["landmarks98"]
    for name in set(LANDMARKS_68.points) & set(LANDMARKS_98.points):
        gap = (a[:, LANDMARKS_68.points.index(name)] - b[:, LANDMARKS_98.points.index(name)]).norm(dim=1)
        assert gap.max() < 6.0, name
    for labels, key in ((LANDMARKS_68, "landmarks68"), (LANDMARKS_98, "landmarks98"), (LANDMARKS_44, "landmarks44")):
        mean = frontal[key].mean(0)
        mirrored = mean[list(labels.flip)] * torch.tensor([-1.0, 1.0]) + torch.tensor([127.0, 0.0])
        assert (mirrored - mean).norm(dim=1).max() < 8.0, "mirroring the mean face must give the mean face"


def test_turning_hides_the_far_side_and_moves_the_nose() -> None:
    for low, high, far in ((55, 70, slice(45, 46)), (-70, -55, slice(36, 37))):
        b = GeneratedFaces(seed=1, size=96, yaw=(low, high), pitch=(0, 0), roll=(0, 0)).batch(
            range(10), want=("landmarks68", "visible68", "pose")
        )
        near = slice(36, 37) if far.start == 45 else slice(45, 46)
        assert b["visible68"][:, far].float().mean() < b["visible68"][:, near].float().mean()
        points = b["landmarks68"]
        turn = (points[:, 30, 0] - (points[:, 36, 0] + points[:, 45, 0]) / 2) * np.sign(low)
        assert (turn > 0).all(), "positive yaw looks to the viewer's right"
        assert ((b["pose"][:, 0] >= low) & (b["pose"][:, 0] <= high)).all()


def test_pitch_and_roll_signs() -> None:
    def points(**pose: tuple[float, float]) -> torch.Tensor:
        still = {"yaw": (0.0, 0.0), "pitch": (0.0, 0.0), "roll": (0.0, 0.0)} | pose
        return GeneratedFaces(seed=1, size=96, **still).batch(range(6), want=("landmarks68",))["landmarks68"]

    eyes = points(roll=(20.0, 20.0))
    slope = torch.rad2deg(torch.atan2(eyes[:, 45, 1] - eyes[:, 36, 1], eyes[:, 45, 0] - eyes[:, 36, 0]))
    assert ((slope - 20).abs() < 6).all(), "positive roll is clockwise in the image"

    def tip(p: torch.Tensor) -> torch.Tensor:
        return (p[:, 30, 1] - p[:, 27, 1]) / (p[:, 8, 1] - p[:, 27, 1])

    assert (tip(points(pitch=(20.0, 20.0))) < tip(points(pitch=(-20.0, -20.0)))).all(), "positive pitch looks up"


def test_framing_follows_the_points() -> None:
    faces = GeneratedFaces(seed=0, size=128)
    p = faces.batch(range(12), want=("landmarks68",))["landmarks68"]
    side = (p.amax(1) - p.amin(1)).amax(1)
    torch.testing.assert_close(side, torch.full_like(side, 128 / 1.6), atol=0.6, rtol=0)


def test_shadow_free_twin_differs_only_where_shadowed(studio: GeneratedFaces, everything: dict) -> None:
    gap = (everything["image"].int() - everything["shadow_free"].int()).abs().amax(1)
    shadowed = torch.tensor([studio.parameters(i)["foreign"] > 0 for i in range(48)])
    assert 4 < shadowed.sum() < 24
    assert (gap[~shadowed] == 0).all()
    assert (gap[shadowed].flatten(1).amax(1) > 10).float().mean() > 0.7
    inside = _dilated(everything["mask"] > 0)
    assert (gap[shadowed] * ~inside[shadowed]).max() <= 3, "the background is not shadowed"
    assert everything["shadow_free"].float().mean() >= everything["image"].float().mean()


def _dilated(mask: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.max_pool2d(mask.float()[:, None], 9, 1, 4)[:, 0] > 0


def test_attributes_agree_with_pixels_and_parameters(studio: GeneratedFaces, everything: dict) -> None:
    names = list(ATTRIBUTES)
    for i in range(48):
        told = dict(zip(names, everything["attributes"][i].tolist(), strict=True))
        assert told == attributes(studio.parameters(i)), "the order of ATTRIBUTES"
        mask = everything["mask"][i]
        assert told["Eyeglasses"] == bool((mask == ID["glasses"]).sum() > 5)
        assert told["Wearing_Hat"] or not (mask == ID["hat"]).any()
        if told["Mustache"]:
            assert not told["No_Beard"] and told["Male"]
        if told["Bald"]:
            assert not (mask == ID["hair"]).any()
    assert everything["attributes"].float().mean(0).max() < 0.99


def test_captions_mention_what_is_there(studio: GeneratedFaces, everything: dict) -> None:
    glasses, male = ATTRIBUTES.index("Eyeglasses"), ATTRIBUTES.index("Male")
    men = {"man", "guy", "gentleman", "boy"}
    for text, told in zip(everything["caption"], everything["attributes"], strict=True):
        assert bool(told[glasses]) == ("glasses" in text or "spectacles" in text), text
        words = set(text.lower().replace(",", " ").replace(".", " ").split())
        assert bool(told[male]) == bool(words & men), text
    assert len(set(everything["caption"])) > 40, "wording varies"


def test_styles_change_the_image_and_keep_its_layout(everything: dict) -> None:
    image = everything["shadow_free"].float()
    pencil, comic = everything["pencil"].float(), everything["comic"].float()
    assert (pencil.amax(1) - pencil.amin(1)).mean() < 15 < (image.amax(1) - image.amin(1)).mean(), (
        "pencil is nearly grey"
    )
    assert (comic - image).abs().mean() > 8
    grey = image.mean(1).flatten(1) - image.mean(1).flatten(1).mean(1, keepdim=True)
    drawn = comic.mean(1).flatten(1) - comic.mean(1).flatten(1).mean(1, keepdim=True)
    assert ((grey * drawn).sum(1) / (grey.norm(dim=1) * drawn.norm(dim=1)))[:].mean() > 0.6


def test_wild_labels_are_near_the_truth_but_not_exact() -> None:
    """Studio points of two sets agree on the lips to the digit; wild ones differ as two annotators do."""
    wild = GeneratedFaces(seed=4, size=96, domain="wild")
    b = wild.batch(range(12), want=("mask", "landmarks68", "landmarks98"))
    gap = (b["landmarks68"][:, 48:68] - b["landmarks98"][:, 76:96]).norm(dim=-1)
    eyes = (b["landmarks68"][:, 45] - b["landmarks68"][:, 36]).norm(dim=-1).clamp_min(20)
    share = gap.mean(1) / eyes
    assert 0.003 < share.median() < 0.06, "two annotators disagree a little about the same lips"
    exact = GeneratedFaces(seed=4, size=96).batch(range(12), want=("landmarks68", "landmarks98"))
    torch.testing.assert_close(exact["landmarks68"][:, 48:68], exact["landmarks98"][:, 76:96])


def test_identity_stays_while_the_shot_changes() -> None:
    faces = GeneratedFaces(seed=7, size=64, faces_per_identity=3)
    who = faces.batch(range(7), want=("identity",))["identity"].tolist()
    assert who == [0, 0, 0, 1, 1, 1, 2]
    a, b, c = (faces.parameters(i) for i in (0, 1, 3))
    assert a["modes"] == b["modes"] != c["modes"] and a["yaw"] != b["yaw"]
    fixed = GeneratedFaces(seed=7, size=64, identity=1)
    assert fixed.parameters(55)["modes"] == c["modes"] and fixed[2].identity == 1


def test_frontal_faces_have_human_proportions(frontal: dict) -> None:
    """Means of 300-W's frontal faces (outer eye corners = 1): nose tip and chin below the eyes, mouth and face
    width."""
    p = frontal["landmarks68"]
    scale = p[:, 45, 0] - p[:, 36, 0]
    level = (p[:, 36, 1] + p[:, 45, 1]) / 2
    measured = {
        "nose base": (p[:, 33, 1] - level) / scale,
        "chin": (p[:, 8, 1] - level) / scale,
        "mouth": (p[:, 54, 0] - p[:, 48, 0]) / scale,
        "width": (p[:, 16, 0] - p[:, 0, 0]) / scale,
        "inner corners": (p[:, 42, 0] - p[:, 39, 0]) / scale,
    }
    for name, mean in {"nose base": 0.54, "chin": 1.27, "mouth": 0.63, "width": 1.60, "inner corners": 0.43}.items():
        assert float(measured[name].mean()) == pytest.approx(mean, rel=0.12), name


@pytest.mark.slow
def test_a_detector_that_never_saw_them_finds_them() -> None:
    faces = GeneratedFaces(seed=11, size=160, yaw=(-20, 20), supersample=1.0)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    images = faces.batch(range(40), want=("image",))["image"].permute(0, 2, 3, 1).numpy()
    found = [
        len(cascade.detectMultiScale(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), 1.05, 2, minSize=(60, 60))) > 0
        for p in images
    ]
    assert np.mean(found) >= 0.8


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"domain": "cartoon"}, "studio, wild"),
        ({"size": 4}, "16 to 1024"),
        ({"yaw": (-90, 0)}, "-75..75"),
        ({"pitch": (5, -5)}, "pitch"),
        ({"seed": -1}, "seed"),
        ({"framing": 0.5}, "framing"),
        ({"supersample": 9}, "supersample"),
        ({"identity": -2}, "identity"),
    ],
)
def test_wrong_settings_are_named(wrong: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        GeneratedFaces(**wrong)


def test_wrong_requests_are_named(studio: GeneratedFaces) -> None:
    with pytest.raises(ValueError, match="landmarks99.*landmarks68"):
        studio.batch([0], want=("landmarks99",))
    with pytest.raises(ValueError, match="no indices"):
        studio.batch([])
    with pytest.raises(IndexError, match="1000000 faces"):
        studio[1_000_000]
    assert studio[-1].index == 999_999


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_draws_the_same_image() -> None:
    want = ("image", "mask", "landmarks68")
    cpu, gpu = (GeneratedFaces(seed=0, size=96, device=d).batch(range(4), want=want) for d in ("cpu", "cuda"))
    assert (cpu["image"].int() - gpu["image"].cpu().int()).abs().float().mean() < 0.5
    assert (cpu["mask"] == gpu["mask"].cpu()).float().mean() > 0.995
    torch.testing.assert_close(cpu["landmarks68"], gpu["landmarks68"].cpu(), atol=0.05, rtol=0)
