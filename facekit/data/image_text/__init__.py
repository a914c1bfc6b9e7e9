"""Images with texts for FaRL's pre-training: made into shards, read in random order, cut into views and batched.

`pair` defines a pair. `shard_files` writes shards; `index` and `pool` read them; `views` and `batches` prepare a
network's input. `shard_writer` does the work of `facekit shard`: `pair_sources` and `listing` (with `download`) bring
images and texts, `captions` words attributes, and `face_search` finds the faces.

Paper: General Facial Representation Learning in a Visual-Linguistic Manner, https://arxiv.org/abs/2112.03109.

Example:
    >>> write_shards(pairs, "shards")
    >>> batches = PairBatches(PairPool("shards"), seed=0, batch_size=256)
    >>> for batch in batches:  # {"image": (256,3,224,224) uint8, "text": list of 256 str}
    ...     train(batch)
"""

from .batches import PairBatches
from .captions import caption_from_attributes
from .pair import Pair, five_points
from .pool import PairPool
from .shard_files import write_shards
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
