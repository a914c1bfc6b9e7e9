"""Our metrics against independent implementations: scikit-learn, torchmetrics, scikit-image and lpips."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facekit.metrics import (
    accuracy_by_attribute,
    all_classes_iou,
    auc,
    balanced_accuracy_by_attribute,
    calibration_error,
    confusion,
    f1_by_class,
    failure_rate,
    foreground_f1,
    iou_by_class,
    lpips_distance,
    psnr,
    ssim,
)

CLASSES = 6


@pytest.fixture
def masks() -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth (3, 40, 40) of six classes; class 4 is never predicted, class 5 is not in the truth."""
    random = np.random.default_rng(1)
    truth = random.integers(0, 5, (3, 40, 40))
    predicted = np.where(random.random(truth.shape) < 0.7, truth, random.integers(0, 6, truth.shape))
    predicted[predicted == 4] = 5
    truth[random.random(truth.shape) < 0.1] = 255
    return predicted, truth


@pytest.fixture
def attributes() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and truth (300, 4); a fifth is not labelled, and the last attribute is rare."""
    random = np.random.default_rng(2)
    truth = (random.random((300, 4)) < [0.5, 0.3, 0.7, 0.05]).astype(np.float32)
    probabilities = np.clip(0.3 + 0.3 * truth + random.normal(0, 0.25, truth.shape), 0, 1).astype(np.float32)
    truth[random.random(truth.shape) < 0.2] = np.nan
    return probabilities, truth


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    """An image (70, 90, 3) and a noisy one."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:70, :90]
    truth = np.stack([x * 2, y * 3, (x + y) % 256], -1).clip(0, 255).astype(np.uint8)
    return (truth + random.normal(0, 20, truth.shape)).clip(0, 255).astype(np.uint8), truth


def test_parts_against_scikit_learn(masks: tuple[np.ndarray, np.ndarray]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    predicted, truth = masks
    keep = truth != 255
    t, p, ids = truth[keep], predicted[keep], list(range(CLASSES))
    table = confusion(predicted, truth, CLASSES)
    assert np.array_equal(table, sklearn.confusion_matrix(t, p, labels=ids))
    assert f1_by_class(table) == pytest.approx(sklearn.f1_score(t, p, labels=ids, average=None, zero_division=np.nan))
    jaccard = sklearn.jaccard_score(t, p, labels=ids, average=None, zero_division=0)
    assert iou_by_class(table) == pytest.approx(jaccard)
    assert all_classes_iou(table) == pytest.approx(jaccard.mean())
    assert foreground_f1(table) == pytest.approx(sklearn.f1_score(t, p, labels=ids[1:], average="macro"))
    assert np.trace(table) / table.sum() == pytest.approx(sklearn.accuracy_score(t, p))


def test_parts_against_torchmetrics(masks: tuple[np.ndarray, np.ndarray]) -> None:
    functional = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics is not installed")
    predicted, truth = (torch.from_numpy(mask) for mask in masks)
    settings = {"num_classes": CLASSES, "ignore_index": 255}
    table = confusion(*masks, CLASSES)
    f1 = functional.multiclass_f1_score(predicted, truth, average=None, **settings)
    assert f1_by_class(table) == pytest.approx(f1.numpy(), abs=1e-6)
    iou = functional.multiclass_jaccard_index(predicted, truth, average=None, **settings)
    assert iou_by_class(table) == pytest.approx(iou.numpy(), abs=1e-6)
    accuracy = functional.multiclass_accuracy(predicted, truth, average="micro", **settings)
    assert np.trace(table) / table.sum() == pytest.approx(float(accuracy), abs=1e-6)


def test_attributes_against_scikit_learn(attributes: tuple[np.ndarray, np.ndarray]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    probabilities, truth = attributes
    for i in range(truth.shape[1]):
        keep = ~np.isnan(truth[:, i])
        t, p = truth[keep, i].astype(int), probabilities[keep, i] >= 0.5
        assert accuracy_by_attribute(probabilities, truth)[i] == pytest.approx(sklearn.accuracy_score(t, p))
        balanced = balanced_accuracy_by_attribute(probabilities, truth)[i]
        assert balanced == pytest.approx(sklearn.balanced_accuracy_score(t, p))


def test_attributes_against_torchmetrics(attributes: tuple[np.ndarray, np.ndarray]) -> None:
    functional = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics is not installed")
    probabilities, truth = attributes
    keep = ~np.isnan(truth)
    p, t = torch.from_numpy(probabilities[keep]), torch.from_numpy(truth[keep]).int()
    expected = functional.binary_calibration_error(p, t, n_bins=15, norm="l1")
    assert calibration_error(probabilities, truth) == pytest.approx(float(expected), abs=1e-5)


def test_images_against_torchmetrics(images: tuple[np.ndarray, np.ndarray]) -> None:
    functional = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics is not installed")
    image, truth = images
    x, y = (torch.from_numpy(array).permute(2, 0, 1)[None].double() for array in images)
    expected = functional.peak_signal_noise_ratio(x, y, data_range=255.0)
    assert psnr(image, truth) == pytest.approx(float(expected), abs=1e-4)
    _, each = functional.structural_similarity_index_measure(x, y, sigma=1.5, data_range=255.0, return_full_image=True)
    # torchmetrics also averages windows that reach over the border. Wang et al. and we take those within the image.
    assert ssim(image, truth) == pytest.approx(float(each[..., 5:-5, 5:-5].mean()), abs=1e-9)


def test_psnr_against_scikit_image(images: tuple[np.ndarray, np.ndarray]) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    assert psnr(*images) == pytest.approx(peak_signal_noise_ratio(images[1], images[0], data_range=255))


def test_lpips_by_its_equation(images: tuple[np.ndarray, np.ndarray]) -> None:
    """Equation 1 of LPIPS on torchvision's AlexNet with our convolutions and the linear weights of `lpips`."""
    import lpips
    from torchvision.models import alexnet

    from facekit.metrics import alexnet_lpips

    own = alexnet_lpips()
    features = alexnet(weights=None).features.eval()
    trunk = {key.split(".", 1)[1]: value for key, value in own.net.state_dict().items()}
    features.load_state_dict(trunk)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x, y = (
        (torch.from_numpy(array).permute(2, 0, 1)[None] / 127.5 - 1 - shift[:, None, None]) / scale[:, None, None]
        for array in images
    )
    assert lpips.__name__ == type(own).__module__.split(".")[0]
    total = 0.0
    with torch.no_grad():
        for i, layer in enumerate(features):
            x, y = layer(x.clone()), layer(y.clone())
            if i in (1, 4, 7, 9, 11):  # the five ReLUs
                a, b = (z / (z.square().sum(1, keepdim=True).sqrt() + 1e-10) for z in (x, y))
                weights = own.lins[(1, 4, 7, 9, 11).index(i)].model[-1].weight
                total += float(((a - b).square() * weights).sum(1).mean())
    assert lpips_distance(*images) == pytest.approx(total, rel=1e-4)


def test_cumulative_errors_against_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    errors = np.random.default_rng(4).gamma(3, 0.02, 200)
    # The distribution is a staircase: each step's level is reached at its error.
    x = np.sort(errors[errors < 0.10])
    levels = np.arange(len(x) + 1) / len(errors)
    corners = np.concatenate([[0.0], np.repeat(x, 2), [0.10]])
    assert auc(errors, 0.10) == pytest.approx(sklearn.auc(corners, np.repeat(levels, 2)) / 0.10)
    assert failure_rate(errors, 0.10) == pytest.approx(1 - levels[-1])


def test_cumulative_errors_by_hand() -> None:
    # Errors of 0.02 and 0.05 fill 0.8 and 0.5 of the area up to 0.1; 0.1 and 0.3 fill nothing. Only 0.3 exceeds 0.1.
    errors = np.array([0.02, 0.05, 0.10, 0.30])
    assert auc(errors, 0.10) == pytest.approx((0.8 + 0.5) / 4)
    assert failure_rate(errors, 0.10) == 0.25


def test_parts_by_hand() -> None:
    # Class 0: 2 hits, 1 missed. Class 1: 1 hit, 1 missed, 1 too many. Class 2: only predicted. Class 3: in neither.
    table = confusion(np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1]), 4)
    assert f1_by_class(table)[:3] == pytest.approx([4 / 5, 1 / 2, 0]) and np.isnan(f1_by_class(table)[3])
    assert iou_by_class(table)[:3] == pytest.approx([2 / 3, 1 / 3, 0])
    assert foreground_f1(table) == pytest.approx(1 / 4) and all_classes_iou(table) == pytest.approx(1 / 4)


def test_calibration_by_hand() -> None:
    # Bins of width 0.5: (0.2, 0.4) with one of two true, |0.3 - 0.5|; (0.9) true, |0.9 - 1|.
    probabilities, truth = np.array([[0.2], [0.4], [0.9]]), np.array([[0.0], [1.0], [1.0]])
    assert calibration_error(probabilities, truth, bins=2) == pytest.approx((2 * 0.2 + 0.1) / 3)
