"""The permutation, the hash and digests, against known values."""

from __future__ import annotations

import pytest

from proofbook import spec


def test_the_permutation_is_the_one_of_the_zkvm() -> None:
    # Computed with the Poseidon2 of Plonky3, which SP1 uses.
    assert spec.permute(range(16)) == [
        1028402160, 1336023551, 1247226230, 452505083, 576410521, 24192935, 496452173, 951188711,
        1739107831, 1383428939, 1192826830, 1741569479, 278097016, 868568656, 1450886773, 121831630,
    ]  # fmt: skip


@pytest.mark.parametrize("elements", [range(15), range(17), [0] * 15 + [spec.P], [-1] + [0] * 15])
def test_only_sixteen_elements_are_permuted(elements: list[int]) -> None:
    with pytest.raises((spec.LengthError, spec.RangeError), match=r"expected .* received"):
        spec.permute(elements)


def test_packing_keeps_every_bit() -> None:
    word = (0xA << 60) | (5 << 30) | 7
    assert spec.pack([word]) == [7, 5, 0xA]
    assert spec.pack([word] * 8) == [7, 5] * 8 + [int("A" * 7, 16), 0xA]
    assert spec.pack([2**64 - 1] * 7) == [2**30 - 1] * 14 + [2**28 - 1]
    assert spec.pack([]) == []
    with pytest.raises(spec.RangeError):
        spec.pack([2**64])


def test_the_hash_absorbs_blocks_of_eight() -> None:
    first = spec.permute([*range(1, 9), 4, 9, 0, 0, 0, 0, 0, 0])
    second = spec.permute([9, *[0] * 7, *first[8:]])
    assert spec.hash_elements(spec.Tag.ORDER, 9, range(1, 10)) == spec.digest_of(second[:8])
    assert spec.hash_elements(spec.Tag.ORDER, 9, ()) == spec.EMPTY


def test_a_digest_has_elements_below_p() -> None:
    largest = b"\x00\x00\x00\x7f"
    assert spec.elements_of(largest * 8) == (spec.P - 1,) * 8
    assert spec.digest_of(spec.elements_of(largest * 8)) == largest * 8
    with pytest.raises(spec.DigestError, match=str(spec.P)):
        spec.elements_of(largest * 7 + b"\x01\x00\x00\x7f")
    with pytest.raises(spec.LengthError, match=r"32 bytes; received 31"):
        spec.elements_of(bytes(31))
