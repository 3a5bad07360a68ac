"""Signatures and list proofs of the specification: known examples, and everything next to them."""

from __future__ import annotations

import pytest

from proofbook import spec

VECTORS = (
    # RFC 8032, section 7.1, tests 1 to 3: public key, message, signature.
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_signatures_of_the_rfc_hold(key: str, message: str, signature: str) -> None:
    parts = [bytes.fromhex(part) for part in (key, message, signature)]
    spec.check_signature(*parts)
    for place, part in enumerate(parts):
        for byte in range(0, len(part), 5):
            changed = [*parts]
            changed[place] = part[:byte] + bytes([part[byte] ^ 4]) + part[byte + 1 :]
            with pytest.raises(spec.SignatureError):
                spec.check_signature(*changed)
    with pytest.raises(spec.LengthError):
        spec.check_signature(parts[0], parts[1], parts[2] + b"\0")
    with pytest.raises(spec.LengthError):
        spec.check_signature(parts[0][1:], parts[1], parts[2])


def test_list_proofs_show_their_leaves() -> None:
    for length in (1, 2, 3, 5, 8):
        leaves = [spec.hash_words(spec.Tag.COMMAND, 0, (place,)) for place in range(length)]
        root = spec.list_root(leaves)
        for chosen in range(2**length):
            positions = [place for place in range(length) if chosen >> place & 1]
            data = spec.ListProof.of(leaves, positions).encode()
            proof = spec.ListProof.decode(data)
            assert proof.encode() == data
            shown = {place: leaves[place] for place in positions}
            proof.check(root, shown)
            if positions:
                with pytest.raises(spec.InclusionError):
                    proof.check(root, shown | {positions[0]: spec.EMPTY})
            with pytest.raises(spec.InclusionError):
                proof.check(root, shown | {length: leaves[0]})
    with pytest.raises(spec.LengthError):
        spec.ListProof.decode(data + b"\0")
    with pytest.raises(spec.RangeError):
        spec.ListProof.decode((2**24 + 1).to_bytes(4, "little") + bytes(4))


@pytest.mark.parametrize("count", [0, 2**24 + 1, 2**31 - 2**24 + 2])
def test_a_level_has_as_many_orders_as_a_market_may(count: int) -> None:
    state = spec.State(config=spec.Config())
    bids = b"\x02" + bytes(24) + count.to_bytes(4, "little") + b"\x00" + bytes(32)
    nothing = b"\x00" + bytes(32)
    data = state.config.digest() + bytes(56) + bids + 4 * nothing + bytes(64)
    with pytest.raises(spec.CanonicalError, match=f"1 to {2**24} orders; received {count}"):
        spec.StateProof.decode(data)
    one = data[: 32 + 56 + 25] + (1).to_bytes(4, "little") + data[32 + 56 + 29 :]
    assert spec.StateProof.decode(one).queues
