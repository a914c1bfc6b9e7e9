"""Colours of segmentation classes. A class name has the same colour in every set."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

# Left is the cooler or darker variant of right. Skin regions have skin tones, but differ in lightness from their
# neighbours.
_COLOURS: dict[str, tuple[int, int, int]] = {
    "background": (0, 0, 0),
    "skin": (244, 190, 150),
    "skin_ears_neck": (244, 190, 150),
    "forehead": (255, 214, 165),
    "left_cheek": (232, 156, 116),
    "right_cheek": (250, 178, 140),
    "chin": (200, 132, 98),
    "under_nose": (255, 140, 105),
    "left_upper_socket": (150, 120, 215),
    "left_lower_socket": (105, 70, 165),
    "right_upper_socket": (215, 175, 245),
    "right_lower_socket": (190, 110, 205),
    "left_brow": (30, 110, 60),
    "right_brow": (70, 180, 90),
    "brows": (50, 145, 75),
    "left_eye": (20, 90, 220),
    "right_eye": (70, 180, 255),
    "eyes": (45, 135, 240),
    "nose": (255, 225, 25),
    "upper_lip": (235, 60, 90),
    "lower_lip": (160, 20, 60),
    "inner_mouth": (255, 165, 200),
    "mouth": (220, 45, 80),
    "lips": (220, 45, 80),
    "left_ear": (0, 140, 140),
    "right_ear": (70, 200, 190),
    "ears": (35, 170, 165),
    "neck": (190, 150, 70),
    "hair": (120, 70, 30),
    "hair_and_brows": (120, 70, 30),
    "beard": (95, 95, 40),
    "moustache": (150, 150, 70),
    "facial_hair": (110, 110, 50),
    "glasses": (0, 230, 230),
    "hat": (240, 120, 20),
    "earring": (230, 230, 250),
    "necklace": (180, 255, 120),
    "cloth": (110, 110, 170),
    "facewear": (200, 200, 200),
    # Colours from the colour circle would be too close to those of their neighbours in FFHQ-34.
    "temple": (205, 165, 225),
    "philtrum": (255, 105, 60),
    "wrinkles": (75, 50, 25),
}


def colours_for(names: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    """Choose one colour per class, all different.

    Args:
        names: Names of the classes. The first is the background, which is black.

    Returns:
        RGB of each class, 0 to 255. Known names have their own colour; the others are spread around the colour circle.
    """
    taken: set[tuple[int, int, int]] = set()
    colours: list[tuple[int, int, int]] = []
    step = 0
    for i, name in enumerate(names):
        colour = (0, 0, 0) if i == 0 else _COLOURS.get(name.lower().replace(" ", "_"))
        while colour is None or (colour in taken and i > 0):
            # The golden angle separates any number of hues. Lightness alternates, so neighbours differ in both.
            hue = (0.07 + step * 0.618034) % 1.0
            rgb = colorsys.hls_to_rgb(hue, (0.5, 0.68, 0.36)[step % 3], 0.85)
            colour = (round(rgb[0] * 255), round(rgb[1] * 255), round(rgb[2] * 255))
            step += 1
        taken.add(colour)
        colours.append(colour)
    return tuple(colours)
