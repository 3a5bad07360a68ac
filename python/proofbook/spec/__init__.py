"""The committed state, once more: slow, in plain Python, from ``docs/COMMITMENT.md`` alone.

It is for whoever trusts no binary. It uses the standard library and nothing of proofbook's native module, which the
import of this package does not load either; what it says and what the engine says can be compared.

>>> from proofbook import spec
>>> sell = spec.Order(order_id=7, side=spec.Side.SELL, price=10_010, displayed=15, priority=1)
>>> buy = spec.Order(order_id=8, side=spec.Side.BUY, price=10_000, displayed=20, priority=2)
>>> state = spec.State(config=spec.Config(), sequence=2, next_priority=3, orders=(sell, buy))
>>> spec.state_root(state.encode()) == state.root()
True

Proofs are checked against a root; a check returns nothing and raises where the proof does not hold:

>>> ids = spec.maps_of(state.orders).ids
>>> spec.check_inclusion(ids.root(), 64, 7, spec.id_leaf(sell), ids.prove(7))
>>> spec.check_inclusion(ids.root(), 64, 8, spec.id_leaf(sell), ids.prove(7))
Traceback (most recent call last):
    ...
proofbook.spec.errors.InclusionError: ...

Prices are in ticks, quantities in lots, times in nanoseconds, as integers.
"""

from __future__ import annotations

from proofbook.spec.chain import ChainValues, batch_leaf, chain_of
from proofbook.spec.codes import (
    Action,
    CancelReason,
    EventKind,
    OrderKind,
    Phase,
    Queue,
    ReduceReason,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
)
from proofbook.spec.command import Command
from proofbook.spec.config import Config
from proofbook.spec.errors import (
    CanonicalError,
    CodeError,
    DigestError,
    DuplicateError,
    InclusionError,
    LengthError,
    MissingError,
    NotShownError,
    RangeError,
    SignatureError,
    SpecError,
    StateError,
    TermError,
)
from proofbook.spec.event import Event, events_digest
from proofbook.spec.field import P, permute
from proofbook.spec.hash import EMPTY, Digest, Tag, digest_of, elements_of, hash_elements, hash_words, pack
from proofbook.spec.list_proof import ListProof
from proofbook.spec.lists import ListPath, list_check, list_prove, list_root
from proofbook.spec.order import Order
from proofbook.spec.public_values import PublicValues
from proofbook.spec.receipts import BatchPart, Opened, Receipt, decode_inclusion, verify_signed_batch
from proofbook.spec.signatures import check_signature
from proofbook.spec.state import (
    Level,
    Maps,
    State,
    account_key,
    account_leaf,
    expiry_key,
    expiry_leaf,
    id_leaf,
    level_key,
    level_leaf,
    levels_of,
    maps_of,
    state_root,
    state_root_of,
)
from proofbook.spec.state_proof import StateProof
from proofbook.spec.tries import Trie, TriePath, TrieStep, check_empty, check_first, check_inclusion

__all__ = [
    "EMPTY",
    "Action",
    "BatchPart",
    "CancelReason",
    "CanonicalError",
    "ChainValues",
    "CodeError",
    "Command",
    "Config",
    "Digest",
    "DigestError",
    "DuplicateError",
    "Event",
    "EventKind",
    "InclusionError",
    "LengthError",
    "Level",
    "ListPath",
    "ListProof",
    "Maps",
    "MissingError",
    "NotShownError",
    "Opened",
    "Order",
    "OrderKind",
    "P",
    "Phase",
    "PublicValues",
    "Queue",
    "RangeError",
    "Receipt",
    "ReduceReason",
    "RejectReason",
    "SelfTrade",
    "Side",
    "SignatureError",
    "SpecError",
    "State",
    "StateError",
    "StateProof",
    "Tag",
    "TermError",
    "TimeInForce",
    "Trie",
    "TriePath",
    "TrieStep",
    "account_key",
    "account_leaf",
    "batch_leaf",
    "chain_of",
    "check_empty",
    "check_first",
    "check_inclusion",
    "check_signature",
    "decode_inclusion",
    "digest_of",
    "elements_of",
    "events_digest",
    "expiry_key",
    "expiry_leaf",
    "hash_elements",
    "hash_words",
    "id_leaf",
    "level_key",
    "level_leaf",
    "levels_of",
    "list_check",
    "list_prove",
    "list_root",
    "maps_of",
    "pack",
    "permute",
    "state_root",
    "state_root_of",
    "verify_signed_batch",
]
