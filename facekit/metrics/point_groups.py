"""Inside and outline points of the 68: the three values of a cell in FSMA's Tables 1 and 3.

FSMA: https://arxiv.org/abs/2104.09457. A cell holds the NME of the inside points, of the outline ("outlier" in the
captions) and of all.
"""

from __future__ import annotations

from ..labels import LANDMARKS_68, LandmarkSet

# The jaw comes first in 300-W.
_OUTLINE = 17


def point_groups(labels: LandmarkSet) -> dict[str, list[int]]:
    """Return the points of each group that is scored by itself.

    Args:
        labels: The set that names the points.

    Returns:
        For the 68 points of 300-W, "inside" (51 points of brows, eyes, nose and mouth) and "outline" (17 of the jaw);
        empty for other sets.
    """
    if labels.name != LANDMARKS_68.name or labels.points != LANDMARKS_68.points:
        return {}
    return {"inside": list(range(_OUTLINE, len(labels))), "outline": list(range(_OUTLINE))}
