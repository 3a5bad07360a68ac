"""Merkle trees of BLAKE3: one root for many things, and one short proof for many of them.

>>> from proofbook import merkle
>>> tree = merkle.BatchOptimizedMerkleTree([b"zero", b"one", b"two", b"three", b"four"])
>>> tree.update(1, b"uno")
>>> tree.append(b"five")
5
>>> tree.commit()  # nodes hashed, each once
4
>>> proof = tree.prove([1, 4])
>>> proof
AggregatedProof(leaves=6, positions=[1, 4], 3 siblings)
>>> received = merkle.AggregatedProof.decode(proof.encode())
>>> received.check(tree.root, [b"uno", b"four"])
>>> received.check(tree.root, [b"one", b"four"])  # doctest: +ELLIPSIS
Traceback (most recent call last):
    ...
proofbook.errors.InvalidProofError: the proof leads to root ...

Many proofs about one root are checked together quicker than one by one; what they share is hashed once:

>>> merkle.check_all(tree.root, [(proof, [b"uno", b"four"]), (tree.prove([5]), [b"five"])])

A leaf is any bytes; the tree keeps their hash alone. ``docs/STRUCTURES.md`` has the formats.
"""

from __future__ import annotations

from proofbook._core import AggregatedProof, BatchOptimizedMerkleTree, check_all, file_digest

__all__ = ["AggregatedProof", "BatchOptimizedMerkleTree", "check_all", "file_digest"]
