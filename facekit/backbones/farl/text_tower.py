"""FaRL's text tower E_T (section 3.4): CLIP's transformer and tokenizer, both open_clip's."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor, nn

from ...core.weight_files import check_names

CLIP_VOCABULARY = 49_408
# The tokenizer's first words are the 256 bytes, inside and at the end of a word: every text can be spelt in them.
_BYTES = 512


@dataclass(frozen=True)
class TextSize:
    """The text tower's measures; the defaults are those of section 3.4."""

    width: int = 512
    layers: int = 12
    heads: int = 8
    context: int = 77  # tokens
    vocabulary: int = CLIP_VOCABULARY  # a smaller one keeps the first merges, which are the most frequent
    embed_dim: int = 512


class TextTower(nn.Module):
    """E_T: texts to embeddings."""

    def __init__(self, size: TextSize):
        super().__init__()
        self.size = size
        self.clip = TextTransformer(
            size.context, size.vocabulary, size.width, size.heads, size.layers, output_dim=size.embed_dim,
            act_layer=QuickGELU,
        )  # fmt: skip

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (N,T), T <= context, to embeddings (N,E), not normalised. Causal: what follows the end token plays
        no part, so batches may be cut to their longest text; open_clip's own forward wants all of the context."""
        clip, length = self.clip, ids.shape[1]
        y = clip.token_embedding(ids) + clip.positional_embedding[:length]
        y = clip.ln_final(clip.transformer(y, attn_mask=clip.attn_mask[:length, :length]))
        # The end token has the highest id.
        return y[torch.arange(len(y), device=y.device), ids.argmax(1)] @ clip.text_projection

    def tokenize(self, texts: str | Sequence[str]) -> Tensor:
        """Texts to ids (N,T) int64, zeros after the end token; T is the longest text's length, at most the context,
        which cuts off what is longer. Raises ValueError for no text, TypeError for something else than text."""
        listed = [texts] if isinstance(texts, str) else list(texts)
        if not listed:
            raise ValueError("no text came: pass at least one")
        wrong = next((t for t in listed if not isinstance(t, str)), None)
        if wrong is not None:
            raise TypeError(f"a text is {type(wrong).__name__} ({wrong!r}): expected str")
        words = tokenizer(self.size.vocabulary)
        ids = words(listed, self.size.context)
        return ids[:, : 1 + int((ids == words.eot_token_id).int().argmax(1).max())]

    def encode(self, texts: str | Sequence[str]) -> Tensor:
        """Texts to their embeddings (N,E), of length 1."""
        ids = self.tokenize(texts).to(self.clip.positional_embedding.device)
        return F.normalize(self(ids), dim=-1)


@functools.lru_cache(maxsize=4)
def tokenizer(vocabulary: int = CLIP_VOCABULARY) -> SimpleTokenizer:
    """CLIP's byte-pair tokenizer; with a smaller vocabulary only its first merges, so that rarer words take more
    tokens. Raises ValueError for a vocabulary outside 514..49,408."""
    if not _BYTES + 2 <= vocabulary <= CLIP_VOCABULARY:
        raise ValueError(f"vocabulary={vocabulary}: expected {_BYTES + 2} to {CLIP_VOCABULARY}")
    made = SimpleTokenizer()
    kept = vocabulary - len(made.all_special_ids)
    specials = [made.decoder[i] for i in made.all_special_ids]
    made.encoder = {word: i for i, word in enumerate([*list(made.encoder)[:kept], *specials])}
    made.decoder = {i: word for word, i in made.encoder.items()}
    made.bpe_ranks = dict(list(made.bpe_ranks.items())[: kept - _BYTES])
    made.all_special_ids = [made.encoder[s] for s in specials]
    made.sot_token_id, made.eot_token_id = made.all_special_ids
    made.vocab_size = vocabulary
    return made


def text_tower_from_clip(state: dict[str, Tensor], heads: int | None = None) -> TextTower:
    """A text tower from tensors in CLIP's naming (`token_embedding.weight`, `transformer.resblocks.0...`).

    Raises ValueError when tensors are missing, left over or of other shapes.
    """
    try:
        vocabulary, width = state["token_embedding.weight"].shape
        context, embed_dim = len(state["positional_embedding"]), state["text_projection"].shape[1]
        layers = 1 + max(int(k.split(".")[2]) for k in state if k.startswith("transformer.resblocks."))
        if layers > len(state):
            raise ValueError(f"{layers} blocks")
        size = TextSize(width, layers, heads or max(1, width // 64), context, vocabulary, embed_dim)
        with torch.device("meta"):
            expected = TextTower(size).clip.state_dict()
    except (KeyError, ValueError, IndexError, TypeError, AssertionError, ZeroDivisionError) as error:
        raise ValueError(
            f"no text transformer in CLIP's naming came ({error!r}), expected token_embedding.weight, ..."
        ) from None
    check_names("text tower", state, expected, "a text transformer in CLIP's naming")
    tower = TextTower(size)
    tower.clip.load_state_dict({k: v.float() for k, v in state.items()})
    return tower.eval()


def cosine_logits(images: Tensor, texts: Tensor, log_scale: Tensor) -> Tensor:
    """Scaled similarities (N,M) of normalised embeddings (N,E), (M,E): what equation 1's exponentials are taken of.
    log_scale: log(1/sigma), a scalar."""
    return log_scale.exp() * images @ texts.T
