"""Text tower of FaRL and CLIP: transformer and tokenizer of open_clip (section 3.4)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor, nn

from ...core.arguments import short_repr
from ...core.weight_files import check_names

CLIP_VOCABULARY = 49_408
# The first tokens are the 256 bytes, within and at the end of a word, so every text can be written with them.
_BYTES = 512


@dataclass(frozen=True)
class TextSize:
    """Size of a text tower. The defaults are those of section 3.4.

    Attributes:
        width: Channels.
        layers: Number of blocks.
        heads: Attention heads.
        context: Largest number of tokens of a text.
        vocabulary: Number of tokens. A smaller one keeps the most frequent merges.
        embed_dim: Length of the embedding that images and texts share.
    """

    width: int = 512
    layers: int = 12
    heads: int = 8
    context: int = 77
    vocabulary: int = CLIP_VOCABULARY
    embed_dim: int = 512


class TextTower(nn.Module):
    """The text tower E_T, from texts to embeddings."""

    def __init__(self, size: TextSize):
        """Build the tower with random weights."""
        super().__init__()
        self.size = size
        self.clip = TextTransformer(
            size.context,
            size.vocabulary,
            size.width,
            size.heads,
            size.layers,
            output_dim=size.embed_dim,
            act_layer=QuickGELU,
        )

    def forward(self, ids: Tensor) -> Tensor:
        """Compute embeddings (N, E), not normalised, of token ids (N, T) with T up to the context.

        Attention is causal: tokens after the end token have no effect, so batches are cut to their longest text.
        open_clip's own forward needs the whole context.
        """
        clip, length = self.clip, ids.shape[1]
        y = clip.token_embedding(ids) + clip.positional_embedding[:length]
        y = clip.ln_final(clip.transformer(y, attn_mask=clip.attn_mask[:length, :length]))
        # The end token has the highest id.
        return y[torch.arange(len(y), device=y.device), ids.argmax(1)] @ clip.text_projection

    def tokenize(self, texts: str | Sequence[str]) -> Tensor:
        """Convert texts to token ids.

        Args:
            texts: One text or several. Longer texts than the context are cut off.

        Returns:
            Int64 of shape (N, T), 0 after the end token. T is the length of the longest text.

        Raises:
            ValueError: If there is no text.
            TypeError: If something is no text.
        """
        if not isinstance(texts, Iterable):
            raise TypeError(f"texts={short_repr(texts)}: expected texts (str), got {type(texts).__name__}; pass a list")
        listed = [texts] if isinstance(texts, str) else list(texts)
        if not listed:
            raise ValueError("texts: expected at least one, got none; pass a text")
        for i, text in enumerate(listed):
            if not isinstance(text, str):
                raise TypeError(f"text {i}: expected str, got {type(text).__name__} ({short_repr(text)}); pass a str")
        words = tokenizer(self.size.vocabulary)
        ids = words(listed, self.size.context)
        return ids[:, : 1 + int((ids == words.eot_token_id).int().argmax(1).max())]

    def encode(self, texts: str | Sequence[str]) -> Tensor:
        """Return the embeddings (N, E), of length 1, of texts."""
        ids = self.tokenize(texts).to(self.clip.positional_embedding.device)
        return F.normalize(self(ids), dim=-1)


@functools.lru_cache(maxsize=4)
def tokenizer(vocabulary: int = CLIP_VOCABULARY) -> SimpleTokenizer:
    """Return CLIP's byte-pair tokenizer.

    Args:
        vocabulary: Number of tokens, 514 to 49,408. With fewer merges, rare words take more tokens.

    Raises:
        ValueError: If the number is out of range.
    """
    if not _BYTES + 2 <= vocabulary <= CLIP_VOCABULARY:
        raise ValueError(f"vocabulary={vocabulary}: expected {_BYTES + 2} to {CLIP_VOCABULARY}")
    bpe = SimpleTokenizer()
    kept = vocabulary - len(bpe.all_special_ids)
    specials = [bpe.decoder[i] for i in bpe.all_special_ids]
    bpe.encoder = {word: i for i, word in enumerate([*list(bpe.encoder)[:kept], *specials])}
    bpe.decoder = {i: word for word, i in bpe.encoder.items()}
    bpe.bpe_ranks = dict(list(bpe.bpe_ranks.items())[: kept - _BYTES])
    bpe.all_special_ids = [bpe.encoder[s] for s in specials]
    bpe.sot_token_id, bpe.eot_token_id = bpe.all_special_ids
    bpe.vocab_size = vocabulary
    return bpe


def text_tower_from_clip(state: dict[str, Tensor], heads: int | None = None) -> TextTower:
    """Build a text tower from tensors with CLIP's names.

    Args:
        state: Tensors, such as ``token_embedding.weight`` and ``transformer.resblocks.0...``.
        heads: Attention heads. None is one per 64 channels.

    Raises:
        ValueError: If tensors are missing, left over or of other shapes.
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
            f"expected a text transformer in CLIP's naming (token_embedding.weight, ...), got other tensors ({error!r})"
        ) from None
    check_names("text tower", state, expected, "a text transformer in CLIP's naming")
    tower = TextTower(size)
    tower.clip.load_state_dict({k: v.float() for k, v in state.items()})
    return tower.eval()


def cosine_logits(images: Tensor, texts: Tensor, log_scale: Tensor) -> Tensor:
    """Compute scaled cosine similarities, the exponents of equation 1.

    Args:
        images: Normalised embeddings (N, E).
        texts: Normalised embeddings (M, E).
        log_scale: log(1/sigma), a scalar.

    Returns:
        Shape (N, M).
    """
    return log_scale.exp() * images @ texts.T
