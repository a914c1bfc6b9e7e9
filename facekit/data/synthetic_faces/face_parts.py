"""Outlines of the facial parts on the average head, in canonical millimetres, and the class ids of FACEKIT_27.

Masks and landmarks use the same outlines, so the edge of a mask always agrees with the landmarks on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .anatomy import EYE_HALF, EYE_X, MOUTH_HALF, MOUTH_Y
from .fields import Batch, per_sample
from .lower_face import beard_region

(
    BACKGROUND,
    FOREHEAD,
    LEFT_CHEEK,
    RIGHT_CHEEK,
    CHIN,
    UNDER_NOSE,
    LEFT_UPPER_SOCKET,
    LEFT_LOWER_SOCKET,
    RIGHT_UPPER_SOCKET,
    RIGHT_LOWER_SOCKET,
    LEFT_BROW,
    RIGHT_BROW,
    LEFT_EYE,
    RIGHT_EYE,
    NOSE,
    UPPER_LIP,
    INNER_MOUTH,
    LOWER_LIP,
    LEFT_EAR,
    RIGHT_EAR,
    NECK,
    HAIR,
    BEARD,
    MOUSTACHE,
    GLASSES,
    HAT,
    CLOTH,
) = range(27)
UPPER_LID, LOWER_LID = 5.6, 3.3  # mm above and below the line between the corners, of the average open eye
BROW_IN, BROW_SPAN = 11.0, 46.0  # mm from the middle to the inner end of the brow, and its length


def eye_line(ax: Tensor) -> Tensor:
    """Return the height (mm) of the line through both corners of an eye, at absolute canonical x ``ax`` (mm)."""
    return -0.9 + 0.9 * (ax - EYE_X) / EYE_HALF


def lids(b: Batch, ax: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the heights of the edges of the eyelids.

    Args:
        b: Parameters of N faces: ``lid_...``.
        ax: Absolute canonical x (N, ...), mm.
        left: 1.0 where the eye is the viewer's left one, same shape.

    Returns:
        Heights of the upper and the lower edge in mm, each (N, ...).
    """
    n = ax.ndim
    e = ((ax - EYE_X) / EYE_HALF).clamp(-1, 1)
    arch = (1 - e * e).clamp_min(1e-6)
    opened = left * per_sample(b["lid_left"], n) + (1 - left) * per_sample(b["lid_right"], n)
    low = LOWER_LID * per_sample(b["lid_lower"], n) * arch**0.8 * (1 + 0.18 * e)
    high = UPPER_LID * per_sample(b["lid_upper"], n) * arch**0.72 * (1 + per_sample(b["lid_skew"], n) * e)
    shut = 1 - opened.clamp(0, 1)
    base = eye_line(ax)
    upper = base + high * opened - shut * low * 0.8
    lower = base - low * (0.8 + 0.2 * opened)
    return torch.maximum(upper, lower), lower


def brow_curve(b: Batch, ax: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the middle line of an eyebrow.

    Args:
        b: Parameters of N faces: ``brow_...``.
        ax: Absolute canonical x (N, ...), mm.

    Returns:
        Height of the middle line, and half of the thickness (0 or less beyond the ends), in mm, each (N, ...).
    """
    n = ax.ndim
    t = (ax - BROW_IN) / BROW_SPAN
    middle = 15.0 + 15.06 * t + 11.1 * t * t - 27.0 * t**3 + 0.3 * torch.exp(-((t / 0.14) ** 2))
    middle = (
        middle
        + per_sample(b["brow_arch"], n) * 2.6 * (torch.exp(-(((t - 0.62) / 0.25) ** 2)) - 0.35)
        + per_sample(b["brow_angle"], n) * 40 * (t - 0.5)
    )
    half = (
        4.1
        * per_sample(b["brow_thick"], n)
        * (1 - 0.72 * t.clamp(0, 1))
        * torch.sqrt(((t + 0.01) / 0.14).clamp(0, 1))
        * ((1.04 - t) / 0.1).clamp(0, 1)
    )
    return middle, half


def lip_edges(b: Batch, x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the outlines of the lips.

    Args:
        b: Parameters of N faces: ``lip_upper``, ``lip_lower``, ``cupid``.
        x: Canonical positions (N, ...), mm.

    Returns:
        Height of the upper lip's top edge above the closed line, and depth of the lower lip's bottom edge below it.
        Both are (N, ...) in mm, 0 or more.
    """
    n = x.ndim
    m = (x.abs() / MOUTH_HALF).clamp_max(1)
    arch = (1 - m * m).clamp_min(0)
    bow = (
        1.5
        * per_sample(b["cupid"], n)
        * (torch.exp(-(((m - 0.27) / 0.14) ** 2)) - 0.75 * torch.exp(-((m / 0.13) ** 2)))
    )
    top = per_sample(b["lip_upper"], n) * (6.4 * (0.55 * torch.sqrt(arch) + 0.45 * (1 - m)) + bow * (1 - m))
    return top, 9.2 * per_sample(b["lip_lower"], n) * arch**0.8


@dataclass(frozen=True)
class Parts:
    """Fields over canonical positions; distances are in mm and positive inside.

    Attributes:
        ids: uint8 class ids of FACEKIT_27, without hair, glasses and hats.
        ax: Absolute x, mm.
        eye: Distance inside the opening of the eyelids.
        lid_up: Height above the edge of the upper lid.
        brow: Distance inside the eyebrow.
        lip: Distance inside either lip.
        upper: bool, above the closed line between the lips.
        beard: Distance inside the region of the beard.
        moustache: Distance inside the region of the moustache.
    """

    ids: Tensor
    ax: Tensor
    eye: Tensor
    lid_up: Tensor
    brow: Tensor
    lip: Tensor
    upper: Tensor
    beard: Tensor
    moustache: Tensor


def face_parts(b: Batch, x: Tensor, y: Tensor, z: Tensor, gap: Tensor) -> Parts:
    """Compute the facial parts at canonical positions whose mouth has been closed.

    Args:
        b: Parameters of N faces.
        x: (N, H, W) mm.
        y: (N, H, W) mm, on the closed mouth.
        z: (N, H, W) mm.
        gap: (N, H, W) depth inside the opening of the mouth, mm.

    Returns:
        Fields of all parts, each (N, H, W).
    """
    ax = x.abs()
    high, low = lids(b, ax, (x < 0).float())
    across = EYE_HALF - (ax - EYE_X).abs()
    eye = torch.minimum(torch.minimum(high - y, y - low), across)
    brow_y, brow_h = brow_curve(b, ax)
    brow = brow_h - (y - brow_y).abs()
    brow = torch.where((ax > BROW_IN - 1) & (ax < BROW_IN + BROW_SPAN * 1.05), brow, torch.full_like(brow, -9.0))
    my = y - MOUTH_Y
    top, bottom = lip_edges(b, x)
    upper = my >= 0
    lip = torch.where(upper, top - my, bottom + my)
    lip = torch.minimum(lip, (MOUTH_HALF - ax) * 0.7)
    beard, moustache = beard_region(b, x, y, z)

    ids = _class_ids(b, x, y, z, eye, brow, brow_y, lip, gap, beard, moustache)
    return Parts(ids, ax, eye, y - high, brow, lip, upper, beard, moustache)


def _class_ids(
    b: Batch,
    x: Tensor,
    y: Tensor,
    z: Tensor,
    eye: Tensor,
    brow: Tensor,
    brow_y: Tensor,
    lip: Tensor,
    gap: Tensor,
    beard: Tensor,
    moustache: Tensor,
) -> Tensor:
    """Return the class ids (N, H, W) uint8 from canonical positions and fields; later rules overwrite earlier ones."""
    ax = x.abs()
    front = z > 40
    my = y - MOUTH_Y
    byte = torch.uint8
    right = (x >= 0).to(byte)
    ids = torch.full_like(y, LEFT_CHEEK, dtype=byte) + right
    under = (my > 0) & (y < -45) & (ax < 17 + 0.55 * (-52 - y).clamp_min(0))
    ids = ids.masked_fill(under & front, UNDER_NOSE)
    ids = ids.masked_fill((my <= 0) & (ax < 27.5 + 0.22 * (-70 - y)) & front, CHIN)
    socket = ((ax - 31.5) / 22.5) ** 2 + (y / torch.where(y > 0, 26.0, 17.0)) ** 2 < 1
    socket_ids = torch.where(y > eye_line(ax), LEFT_UPPER_SOCKET, LEFT_LOWER_SOCKET).to(byte) + 2 * right
    ids = torch.where(socket & front, socket_ids, ids)
    ids = ids.masked_fill(
        (y > torch.where(ax < BROW_IN + BROW_SPAN, brow_y, 12.0 - 0.15 * (60 - z).clamp_min(0))), FOREHEAD
    )
    wing = 6.5 + 12.5 * ((-8 - y) / 32).clamp(0, 1)
    wing = wing - 0.9 * (-47 - y).clamp_min(0)
    ids = ids.masked_fill((ax < wing) & (y < 4 - 0.4 * ax) & (y > -51.5) & front, NOSE)
    ids = ids.masked_fill(((y < -92 - 0.33 * (z - 10)) | (z < 4)) & (y < 10), NECK)
    ids = torch.where(front & (brow > 0), torch.full_like(ids, LEFT_BROW) + right, ids)
    ids = torch.where(front & (eye > 0), torch.full_like(ids, LEFT_EYE) + right, ids)
    bearded = front | (z > 4)
    ids = ids.masked_fill(bearded & (beard > 1.0) & (per_sample(b["beard"]) > 0.5), BEARD)
    ids = ids.masked_fill(front & (moustache > 0.5) & (per_sample(b["moustache"]) > 0.5), MOUSTACHE)
    lips = torch.where(my >= 0, UPPER_LIP, LOWER_LIP).to(byte)
    ids = torch.where((lip > 0) & front, lips, ids)
    return ids.masked_fill((gap > 0) & (ax < MOUTH_HALF) & front, INNER_MOUTH)
