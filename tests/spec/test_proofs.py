"""Proofs of inclusion: the right ones are taken, tampered ones are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proofbook import spec
from proofbook.errors import ProofbookError
from spec.examples import digest, fullest, tries


@pytest.mark.parametrize("width", [64, 128])
def test_a_trie_branches_where_its_keys_part(width: int) -> None:
    leaves = {0: digest(0), 1: digest(1), 2 ** (width - 1): digest(2)}
    trie = spec.Trie(width, leaves)

    def branch(position: int, left: spec.Digest, right: spec.Digest) -> spec.Digest:
        elements = (*spec.elements_of(left), *spec.elements_of(right))
        return spec.hash_elements(spec.Tag.BRANCH, position, elements)

    assert trie.root() == branch(0, branch(width - 1, digest(0), digest(1)), digest(2))
    assert spec.Trie(width, {5: digest(5)}).root() == digest(5)
    assert spec.Trie(width).root() == spec.EMPTY
    spec.check_empty(spec.Trie(width).root())
    with pytest.raises(spec.InclusionError):
        spec.check_empty(trie.root())


def test_every_leaf_of_every_map_is_proven() -> None:
    for trie in tries(fullest()):
        root = trie.root()
        for key, leaf in trie.leaves.items():
            path = trie.prove(key)
            spec.check_inclusion(root, trie.width, key, leaf, path)
            if key == trie.first():
                spec.check_first(root, trie.width, key, leaf, path)
            else:
                with pytest.raises(spec.InclusionError, match="left half"):
                    spec.check_first(root, trie.width, key, leaf, path)


def test_a_tampered_path_leads_nowhere() -> None:
    trie = tries(fullest())[4]
    root = trie.root()
    key, path = max(((key, trie.prove(key)) for key in trie.leaves), key=lambda found: len(found[1]))
    assert len(path) >= 3
    leaf = trie.leaves[key]
    other = next(other for other in trie.leaves if other != key)
    step = path[1]
    wrong: list[tuple[spec.Digest, int, spec.Digest, spec.TriePath]] = [
        (digest(1), key, leaf, path),
        (root, other, leaf, path),
        (root, key, digest(1), path),
        (root, key, spec.EMPTY, path),
        (root, other, leaf, trie.prove(other)),
        (root, key, trie.leaves[other], path),
        (root, key, leaf, ()),
        (root, key, leaf, path[1:]),
        (root, key, leaf, path[:-1]),
        (root, key, leaf, (*path, spec.TrieStep(63, digest(1)))),
        (root, key, leaf, (path[1], path[0], *path[2:])),
        (root, key, leaf, (path[0], path[0], *path[1:])),
        (root, key, leaf, (path[0], replace(step, sibling=digest(1)), *path[2:])),
        (root, key, leaf, (path[0], replace(step, sibling=spec.EMPTY), *path[2:])),
        (root, key, leaf, (path[0], replace(step, position=64), *path[2:])),
    ]
    for position in {position for position in range(64) if path[0].position < position < path[2].position}:
        if position != step.position:
            wrong.append((root, key, leaf, (path[0], replace(step, position=position), *path[2:])))
    for number, case in enumerate(wrong):
        try:
            spec.check_inclusion(case[0], 64, *case[1:])
        except spec.InclusionError as error:
            assert "expected" in str(error) and "received" in str(error)
        else:
            pytest.fail(f"case {number} passed")
    assert issubclass(spec.InclusionError, ProofbookError) and not issubclass(spec.InclusionError, ValueError)


def test_a_trie_takes_keys_of_its_width() -> None:
    for width, key in ((64, 2**64), (128, -1), (65, 0)):
        with pytest.raises(spec.RangeError):
            spec.Trie(width, {key: digest(0)})
    with pytest.raises(spec.MissingError, match="received 3"):
        spec.Trie(64, {1: digest(0)}).prove(3)
    with pytest.raises(spec.MissingError):
        spec.Trie(64).first()


def test_lists_split_at_the_largest_power_of_two_below() -> None:
    def node(left: spec.Digest, right: spec.Digest) -> spec.Digest:
        return spec.hash_elements(spec.Tag.NODE, 0, (*spec.elements_of(left), *spec.elements_of(right)))

    leaves = [digest(number) for number in range(7)]
    first = node(node(leaves[0], leaves[1]), node(leaves[2], leaves[3]))
    top = node(first, node(node(leaves[4], leaves[5]), leaves[6]))
    assert spec.list_root(leaves) == spec.hash_elements(spec.Tag.LIST, 7, spec.elements_of(top))
    assert spec.list_root(leaves[:1]) == spec.hash_elements(spec.Tag.LIST, 1, spec.elements_of(leaves[0]))
    assert spec.list_root([]) == spec.hash_elements(spec.Tag.LIST, 0, [0] * 8)
    assert spec.list_root([]) != spec.EMPTY


def test_every_position_of_a_list_is_proven_and_no_other() -> None:
    for length in range(1, 18):
        leaves = [digest(number) for number in range(length)]
        root = spec.list_root(leaves)
        for position in range(length):
            path = spec.list_prove(leaves, position)
            spec.list_check(root, length, position, leaves[position], path)
            wrong = [
                (root, length + 1, position, leaves[position], path),
                (root, length, position + 1, leaves[position], path),
                (root, length, position - 1, leaves[position], path),
                (root, length, position, digest(99), path),
                (digest(99), length, position, leaves[position], path),
                (root, length, position, leaves[position], (*path, digest(99))),
                *((root, length, position, leaves[position], path[:-1]) for _ in path[:1]),
                *((root, length, position, leaves[position], (digest(99), *path[1:])) for _ in path[:1]),
            ]
            for case in wrong:
                with pytest.raises(spec.InclusionError, match=r"expected .*; received"):
                    spec.list_check(*case)
    with pytest.raises(spec.MissingError):
        spec.list_prove([], 0)
    with pytest.raises(spec.RangeError):
        spec.list_check(digest(0), spec.P, 0, digest(0), ())


def test_events_of_a_command_are_counted() -> None:
    assert spec.events_digest([]) == spec.hash_elements(spec.Tag.EVENTS, 0, [0] * 8)
    event = spec.Event(kind=spec.EventKind.TRIGGERED, order_id=1)
    elements = [*spec.pack(event.words()), 0]
    assert spec.events_digest([event] * 2) == spec.hash_elements(spec.Tag.EVENTS, 0, [*elements * 2, 2, *[0] * 7])
