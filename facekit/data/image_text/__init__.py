"""Images with texts for FaRL's pre-training: made into shards, read at random, cut into views, batched.

pair.py is what a pair is; shards.py writes, index.py and pool.py read; views.py and batches.py feed a network.
making.py (not imported here: it needs a ready model) is `facekit shard`: sources.py and listing.py (with download.py)
bring images and texts, captions.py words attributes, faces.py finds the faces.
"""

from .batches import PairBatches
from .captions import caption_from_attributes
from .pair import Pair, five_points
from .pool import PairPool
from .shards import write_shards
from .views import View, align_face, mean_face

__all__ = [
    "Pair",
    "PairBatches",
    "PairPool",
    "View",
    "align_face",
    "caption_from_attributes",
    "five_points",
    "mean_face",
    "write_shards",
]
