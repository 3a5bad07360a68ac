"""Many order books as arrays in JAX, the peer of ``proofbook.gpu`` in ``make bench-many``.

Each book is a set of arrays of fixed length, unsorted, in which an order takes the first free place; the best order is
found by reductions, matching goes on while something crosses, and ``vmap`` makes many books of one. These are the
choices of JAX-LOB (Frey et al., "JAX-LOB: A GPU-Accelerated limit order book simulator to unlock large scale
reinforcement learning for trading", 2023); the code is our own. Where JAX leaves a choice, it is the quicker on a CPU:

- ids, prices, quantities and priorities have 64 bits, as everywhere in this project;
- one row of a time step goes through all books at once (``scan`` over ``vmap``), arrays are given away from call to
  call, so that no step allocates anew, and places are written by scatters that drop what is not to be written;
- a loop under ``vmap`` runs until the last book is done and selects between old and new in all of them, so that its
  carry is only what a trade changes.

Invariant: an order is live where its open quantity is above 0. The rules are those of ``docs/RULES.md`` for what it
takes: limit, immediate-or-cancel and market orders, cancels and replaces, without accounts and without terms of the
market but the number of live orders. Trades come out as counts, a volume and a digest over all words of each trade.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

jax.config.update("jax_enable_x64", True)

Array = Any
"""An array of JAX or, within a traced function, its tracer."""

NEW, CANCEL, REPLACE = 1, 2, 5
"""Actions, as an encoded command names them; 0 does nothing."""

GOOD_TILL_CANCEL = 0
DIGEST_START = 0xCBF29CE484222325
DIGEST_FACTOR = 0x9E3779B97F4A7C15
MOST = jnp.iinfo(jnp.int64).max


class Command(NamedTuple):
    """A command's terms, each a number for one book."""

    action: Array
    is_buy: Array
    is_market: Array
    rests: Array
    order_id: Array
    price: Array
    quantity: Array


class Book(NamedTuple):
    """A book: five arrays with a place for each order, and what is counted."""

    order_id: Array
    price: Array
    open: Array
    priority: Array
    is_buy: Array
    next_priority: Array
    trades: Array
    volume: Array
    digest: Array


def empty_books(books: int, orders: int) -> Book:
    """Books without orders.

    Args:
        books: How many.
        orders: The most orders that are live in one of them.
    """

    def words() -> Array:
        return jnp.zeros((books, orders), jnp.int64)

    counts = [jnp.ones(books, jnp.int64), jnp.zeros(books, jnp.int64), jnp.zeros(books, jnp.int64)]
    digest = jnp.full(books, DIGEST_START, jnp.uint64)
    return Book(words(), words(), words(), words(), jnp.zeros((books, orders), bool), *counts, digest)


def add_words(digest: Array, *words: Array) -> Array:
    """The digest after these words."""
    for word in words:
        digest = (digest ^ word.astype(jnp.uint64)) * jnp.uint64(DIGEST_FACTOR)
        digest = digest ^ (digest >> jnp.uint64(32))
    return digest


class Matching(NamedTuple):
    """What a trade changes."""

    open: Array
    left: Array
    trades: Array
    volume: Array
    digest: Array


def match(book: Book, command: Command, quantity: Array, with_digest: bool) -> Matching:
    """Trades an incoming order with what it crosses, the best price first and at one price the first in time."""
    # So turned, the better price is always the lower one.
    cost = jnp.where(command.is_buy, book.price, -book.price)
    bound = jnp.where(command.is_buy, command.price, -command.price)
    is_within = (book.is_buy != command.is_buy) & ((cost <= bound) | command.is_market)
    places = jnp.arange(cost.shape[0])

    def first(state: Matching) -> tuple[Array, Array]:
        is_there = is_within & (state.open > 0)
        best = jnp.min(jnp.where(is_there, cost, MOST))
        rank = jnp.where(is_there & (cost == best), book.priority, MOST)
        return jnp.argmin(rank), jnp.any(is_there)

    def goes_on(state: tuple[Matching, Array, Array]) -> Array:
        matching, _, is_there = state
        return (matching.left > 0) & is_there

    def trade(state: tuple[Matching, Array, Array]) -> tuple[Matching, Array, Array]:
        matching, maker, _ = state
        traded = jnp.minimum(matching.left, matching.open[maker])
        digest = matching.digest
        if with_digest:
            digest = add_words(digest, book.order_id[maker], command.order_id, book.price[maker], traded)
        after = Matching(
            matching.open - jnp.where(places == maker, traded, 0),
            matching.left - traded,
            matching.trades + 1,
            matching.volume + traded,
            digest,
        )
        return after, *first(after)

    start = Matching(book.open, quantity, book.trades, book.volume, book.digest)
    return lax.while_loop(goes_on, trade, (start, *first(start)))[0]


def step(book: Book, command: Command, with_digest: bool) -> Book:
    """One book after one command. All kinds go one way: under ``vmap`` each branch would be taken anyway."""
    orders = book.open.shape[0]
    is_it = (book.open > 0) & (book.order_id == command.order_id)
    exists, place = jnp.any(is_it), jnp.argmax(is_it)
    is_replace = (command.action == REPLACE) & exists
    keeps_place = is_replace & (book.price[place] == command.price) & (command.quantity < book.open[place])
    leaves = ((command.action == CANCEL) & exists) | (is_replace & ~keeps_place)
    # A place beyond the last is dropped.
    changed = jnp.where(leaves | keeps_place, place, orders)
    open_then = book.open.at[changed].set(jnp.where(keeps_place, command.quantity, 0), mode="drop")

    is_new = (command.action == NEW) & ~exists
    has_room = ~command.rests | jnp.any(book.open == 0)
    is_worked = (is_new & has_room) | (is_replace & ~keeps_place)
    incoming = command._replace(is_buy=jnp.where(is_replace, book.is_buy[place], command.is_buy))
    matching = match(book._replace(open=open_then), incoming, jnp.where(is_worked, command.quantity, 0), with_digest)
    is_placed = is_worked & command.rests & (matching.left > 0)
    free = jnp.where(is_placed, jnp.argmax(matching.open == 0), orders)
    return Book(
        book.order_id.at[free].set(command.order_id, mode="drop"),
        book.price.at[free].set(command.price, mode="drop"),
        matching.open.at[free].set(matching.left, mode="drop"),
        book.priority.at[free].set(book.next_priority, mode="drop"),
        book.is_buy.at[free].set(incoming.is_buy, mode="drop"),
        book.next_priority + is_placed,
        matching.trades,
        matching.volume,
        matching.digest,
    )


@partial(jax.jit, static_argnames="with_digest", donate_argnums=0)
def run(books: Book, commands: Command, with_digest: bool) -> Book:
    """All books after all commands.

    Args:
        books: Arrays with a row for each book; they are given away.
        commands: Arrays of shape (steps, books).
        with_digest: Whether the trades' words go into the digest.
    """
    every = jax.vmap(partial(step, with_digest=with_digest))
    return lax.scan(lambda state, row: (every(state, row), None), books, commands)[0]
