"""Data sets are mixed by shares and split into disjoint parts."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.parsed_faces import Known

from facekit.data.datasets import (
    mix,
    split,
)


def test_mix_counts_shares_by_largest_remainder_and_takes_no_face_twice() -> None:
    sources = {"a": Known(30), "b": Known(30), "c": Known(30)}
    wanted = {
        (0.5, 0.25, 0.25): (5, 3, 2),
        (0.7, 0.2, 0.1): (7, 2, 1),
        (0.34, 0.33, 0.33): (4, 3, 3),
        (1, 0, 0): (10, 0, 0),
    }
    for shares, counts in wanted.items():
        mixed = mix(dict(zip("abc", shares, strict=True)), 10, sources)
        assert tuple(Counter(name for name, _ in mixed.pairs)[k] for k in "abc") == counts, shares
        assert len(set(mixed.pairs)) == len(mixed) == 10
    assert all(source.seen == [] for source in sources.values()), "choosing must not read"
    whole = mix({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, 90, sources)
    assert set(whole.pairs) == {(name, i) for name in "abc" for i in range(30)}


def test_mixes_depend_on_the_seed_and_are_nested() -> None:
    sources = {"a": Known(50), "b": Known(50)}
    first = mix({"a": 0.8, "b": 0.2}, 20, sources)
    assert first.pairs == mix({"a": 0.8, "b": 0.2}, 20, sources).pairs
    assert first.pairs != mix({"a": 0.8, "b": 0.2}, 20, sources, seed=1).pairs
    assert [name for name, _ in first.pairs] != sorted(name for name, _ in first.pairs), "sources take turns"
    half = mix({"b": 0.5, "a": 0.5}, 20, sources)
    assert {p for p in half.pairs if p[0] == "a"} < {p for p in first.pairs if p[0] == "a"}
    three = mix({"c": 0.5, "b": 0.1, "a": 0.4}, 20, {**sources, "c": Known(50)})
    assert {p for p in three.pairs if p[0] == "a"} < {p for p in half.pairs if p[0] == "a"}
    places = [{i for n, i in half.pairs if n == name} for name in "ab"]
    assert places[0] != places[1], "sources of the same length are drawn from apart"
    _name, place = first.pairs[3]
    assert first[3].name == f"{place}.png" and first[2:4][1].name == f"{place}.png"
    assert repr(first) == "ParsingSet(20 faces: 16 a, 4 b)" and repr(first[:0]) == "ParsingSet(0 faces: none)"


@pytest.mark.parametrize(
    ("parts", "n", "message"),
    [
        ({}, 10, "expected at least one part .* got 0 parts and n=10"),
        ({"a": 1.0}, 0, "expected .* got 1 parts and n=0; .* n of at least 1"),
        ({"a": 1.2, "b": -0.2}, 10, "share of 'b': expected a number from 0 to 1, got -0.2"),
        ({"a": float("nan"), "b": 0.5}, 10, "share of 'a': .* got nan"),
        ({"a": 0.5, "b": 0.49}, 10, "expected shares with the sum 1, got the sum 0.99"),
        ({"a": 0.5, "x": 0.5}, 10, "source 'x': expected one of a, b, got an unknown name"),
        ({"a": 0.5, "b": 0.5}, 80, "source 'b': expected 40 faces for 80 .* got 20; .* at most 40"),
    ],
)
def test_mix_says_what_is_wrong(parts: dict[str, float], n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mix(parts, n, {"a": Known(50), "b": Known(20)})
    mix({"a": 0.5 + 5e-7, "b": 0.5}, 10, {"a": Known(50), "b": Known(20)})  # shares are rounded numbers


def test_split_is_disjoint_and_of_the_papers_sizes() -> None:
    faces = Known(2500)
    sets = split(faces)
    assert [len(s) for s in sets] == [2000, 230, 100] and faces.seen == []
    assert len(set().union(*(s.pairs for s in sets))) == 2330
    assert sets[0].pairs == split(faces)[0].pairs != split(faces, seed=1)[0].pairs
    mixed = mix({"a": 0.5, "b": 0.5}, 40, {"a": Known(30), "b": Known(30)})
    train, val, test = split(mixed, 20, 15, 5)
    assert sorted(train.pairs + val.pairs + test.pairs) == sorted(mixed.pairs)
    assert train.sources["a"] is mixed.sources["a"]
    assert len(split(mixed, 10, 0, 5)[1]) == 0


def test_split_shrinks_alike_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="expected 2330 faces, got 233; train, val and test hold 200, 23, 10 of them"):
        assert [len(s) for s in split(Known(233))] == [200, 23, 10]
    with pytest.warns(UserWarning, match="hold 8, 1, 1"):
        sets = split(Known(10))
    assert sorted(p for s in sets for p in s.pairs) == [("faces", i) for i in range(10)]
    with pytest.raises(ValueError, match="expected at least 3 faces for 3 sets, got 2"):
        split(Known(2))
    for wrong in ((-1, 2, 3), (0, 0, 0)):
        with pytest.raises(ValueError, match=f"train={wrong[0]}, val={wrong[1]}, test={wrong[2]}: expected"):
            split(Known(10), *wrong)
