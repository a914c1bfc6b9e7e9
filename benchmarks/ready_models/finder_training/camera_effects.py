"""What a camera does to a training image: light, colour, blur, noise, compression."""

from __future__ import annotations

import cv2
import numpy as np


def recoloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change light and contrast of one cut-out (H,W,3) uint8."""
    gain, lift = rng.uniform(0.65, 1.3), rng.uniform(-25, 25)
    table = np.clip(255 * (np.arange(256) / 255) ** rng.uniform(0.75, 1.4) * gain + lift, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table))


def camera(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change a whole image (S,S,3) uint8."""
    size = image.shape[0]
    x = image.astype(np.float32)
    if rng.random() < 0.15:
        x = np.repeat(x @ np.array([0.299, 0.587, 0.114], np.float32)[:, None], 3, 2)
    elif rng.random() < 0.6:
        grey = x.mean(-1, keepdims=True)
        x = (grey + (x - grey) * rng.uniform(0.3, 1.5)) * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    if rng.random() < 0.6:
        x = (x - 128) * rng.uniform(0.6, 1.3) + 128 + rng.uniform(-35, 35)
    if rng.random() < 0.08:
        x *= rng.uniform(0.15, 0.5)  # little light
    if rng.random() < 0.2:
        x = cv2.GaussianBlur(x, (0, 0), float(rng.uniform(0.4, 1.8)))
    if rng.random() < 0.06:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), float(rng.uniform(0, 180)), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        x = cv2.filter2D(x, -1, kernel / max(float(kernel.sum()), 1e-3))
    if rng.random() < 0.2:
        small = int(size / rng.uniform(1.2, 2.5))
        x = cv2.resize(cv2.resize(x, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if rng.random() < 0.25:
        x += rng.normal(0, rng.uniform(2, 14), x.shape).astype(np.float32)
    out = np.clip(x, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 96))])[1]
        out = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return out
