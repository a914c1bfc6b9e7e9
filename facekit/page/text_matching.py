"""Sentences that visitors write to match them with a face."""

from __future__ import annotations

from .components import check_length

SENTENCES = (
    "a smiling woman\na woman with a serious face\na smiling man\na man with a serious face\na man with a beard\n"
    "a person with glasses"
)
MOST = 12  # sentences


def sentences_in(text: str, least: int = 2) -> list[str]:
    """Split a text into sentences.

    Args:
        text: One sentence per line.
        least: The least number of sentences.

    Returns:
        The sentences without spaces at their ends. Repeated and empty lines are left out.

    Raises:
        ValueError: If there are fewer than ``least`` or more than MOST sentences.
    """
    sentences = list(dict.fromkeys(line.strip() for line in check_length(text).splitlines() if line.strip()))
    if not least <= len(sentences) <= MOST:
        raise ValueError(f"expected {least} to {MOST} sentences, one per line, got {len(sentences)}; change the list")
    return sentences
