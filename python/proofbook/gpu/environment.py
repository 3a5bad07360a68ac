"""Markets for agents in Gymnasium's style: thousands of them are stepped at once.

>>> import gymnasium, proofbook.gpu.environment
>>> markets = gymnasium.make_vec(
...     "proofbook/Market-v0", num_envs=3, vectorization_mode="vector_entry_point", device="cpu"
... )
>>> observations, infos = markets.reset(seed=7)
>>> observations.shape, infos["position"].tolist()
((3, 25), [0, 0, 0])
>>> observations, rewards, terminations, truncations, infos = markets.step(markets.action_space.sample())
>>> rewards.shape
(3,)

In each market there is a background flow (``proofbook.gpu.background``) and an agent, or several. A step is this: the
agents' orders reach the market, then some commands of the background flow; what the agents traded is settled; each is
shown the market.

An **action** is five whole numbers: how far behind the middle to bid (0: as near as there is room), how many lots (0:
no bid); the same for the offer; and a market order (below ``market_max`` it sells, above it buys, that many lots from
there). A quote that the agent wants to leave as it is keeps its place in the queue. Quotes are post-only. An agent's
orders never trade with his own.

An **observation** is, for the best ``depth`` levels: distances of bids from the middle in ticks, their quantities, the
same of offers (0 where there is no level); then the agent's position in lots, his cash in ticks times lots, the last
trade's distance from the middle, the middle's way since the step before, and the share of the episode that is left.

A **reward** is by how much the agent's cash plus his position at the middle rose, in ticks times lots, less a penalty
for the position where one is asked for. What is exact is in the infos, in whole numbers: ``position``, ``cash``,
``volume``, and ``middle_twice``, since the middle is half a sum.

Everything that a market does depends on the seed and its number alone: more markets beside it, another device or
another number of threads change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, MultiDiscrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from proofbook.errors import InputError
from proofbook.gpu import commands
from proofbook.gpu.backends import Backend, DeviceName
from proofbook.gpu.background import Background, BackgroundFlow, in_ranges
from proofbook.gpu.books import EVENT_CAPACITY_MAX, Books
from proofbook.gpu.commands import BOOKS_MAX
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.layout import COMMAND_WORDS, Words
from proofbook.gpu.kernels.settlement import AGENT_BIT, AGENT_SHIFT, AGENTS_MAX, settle
from proofbook.gpu.market import require_whole
from proofbook.gpu.queries import DEPTH_MAX

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

ENVIRONMENT = "proofbook/Market-v0"
STEP_NS = 1_000_000
"""The time that passes in a market in a step."""

TERM_MAX = (1 << 20) - 1
"""The most that a term may say, of ticks, lots, steps or commands."""

ROWS_OF_AN_AGENT = 5
"""Two cancels, two quotes, a market order."""

INFOS = ("position", "cash", "volume", "middle_twice")


@dataclass(frozen=True, slots=True)
class Terms:
    """What agents may do, and how long.

    Attributes:
        offset_max: the farthest that a quote may be from the middle, in ticks.
        size_max: the most that a quote may ask for, in lots.
        market_max: the most that a market order may ask for, in lots.
        position_max: no order is sent that could lead beyond this position from where the agent is, in lots.
        depth: levels of each side that are observed.
        steps: the length of an episode.
        flow: commands of the background flow in a step.
        warm_up: steps of background flow alone before the first observation.
        position_penalty: taken from each reward: so much for each lot of the position, squared.
        loss_max: an agent who has lost so much is out, and his market's episode ends; ``None``: never.
    """

    offset_max: int = 10
    size_max: int = 10
    market_max: int = 5
    position_max: int = 100
    depth: int = 5
    steps: int = 200
    flow: int = 16
    warm_up: int = 12
    position_penalty: float = 0.0
    loss_max: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        least = {"offset_max": 0, "size_max": 0, "market_max": 0, "warm_up": 0}
        most = {"depth": DEPTH_MAX}
        for name in ("offset_max", "size_max", "market_max", "position_max", "depth", "steps", "flow", "warm_up"):
            value = require_whole(name, getattr(self, name), least.get(name, 1), most.get(name, TERM_MAX))
            object.__setattr__(self, name, value)
        for name, number in (("position_penalty", self.position_penalty), ("loss_max", self.loss_max)):
            is_number = isinstance(number, int | float | np.integer | np.floating)
            if number is not None and not (is_number and 0 <= number < np.inf):
                raise InputError(f"{name}: expected a number of 0 or more; received {number!r}")


@dataclass(slots=True)
class _Accounts:
    """What each agent of each market has; arrays of ``[markets, agents]``, quotes with a last axis of bid and offer."""

    shape: tuple[int, int]
    position: Integers = field(init=False)
    cash: Integers = field(init=False)
    volume: Integers = field(init=False)
    value_twice: Integers = field(init=False)
    quote_ids: Words = field(init=False)
    quote_open: Integers = field(init=False)
    quote_price: Integers = field(init=False)

    def __post_init__(self) -> None:
        for name in ("position", "cash", "volume", "value_twice"):
            setattr(self, name, np.zeros(self.shape, np.int64))
        for name in ("quote_open", "quote_price"):
            setattr(self, name, np.zeros((*self.shape, 2), np.int64))
        self.quote_ids = np.zeros((*self.shape, 2), np.uint64)

    def clear(self, mask: Mask) -> None:
        """Nothing traded, nothing quoted in some markets."""
        for name in ("position", "cash", "volume", "value_twice", "quote_open", "quote_price", "quote_ids"):
            getattr(self, name)[mask] = 0


class MarketVectorEnv(VectorEnv[Floats, Integers, npt.NDArray[Any]]):
    """Many markets at once; see the module.

    Args:
        num_envs: how many agents there are in all.
        agents: how many of them share a market: agent ``e`` is in market ``e // agents``. An episode ends for all of a
            market at once.
        terms: what agents may do; single terms may be given by name instead.
        background: what the other flow is like.
        device: where the books are, as for ``Books``.
        threads: workers of a CPU.
        autoreset_mode: what happens after an episode's end: the next step begins a new one, or the same step does, or
            nothing.
        render_mode: ``None``: nothing is drawn.

    Raises:
        InputError: a number out of range, or agents that do not fill the markets.
        DeviceError: the device is not there.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        agents: int = 1,
        terms: Terms | None = None,
        background: Background | Mapping[str, Any] | None = None,
        device: DeviceName | Backend = "auto",
        threads: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: None = None,
        **named: Any,
    ) -> None:
        if render_mode is not None:
            raise InputError(f"render_mode: expected None, since nothing is drawn; received {render_mode!r}")
        agents = require_whole("agents", agents, 1, AGENTS_MAX)
        num_envs = require_whole("num_envs", num_envs, 1, BOOKS_MAX * AGENTS_MAX)
        if num_envs % agents:
            raise InputError(f"num_envs: expected a multiple of {agents} agents; received {num_envs}")
        if terms is not None and named:
            raise InputError(
                f"terms: expected all of them there, or single ones by name; received {', '.join(named)} too"
            )
        self.terms = Terms(**named) if terms is None else terms
        if isinstance(background, Mapping):
            background = Background(**background)
        self.background = Background() if background is None else background
        for name, given, kind in (("terms", self.terms, Terms), ("background", self.background, Background)):
            if not isinstance(given, kind):
                raise InputError(f"{name}: expected {kind.__name__}; received {given!r}")
        self.num_envs, self.agents, self.markets = num_envs, agents, num_envs // agents
        try:
            self._mode = AutoresetMode(autoreset_mode)
        except ValueError:
            expected = ", ".join(mode.value for mode in AutoresetMode)
            raise InputError(f"autoreset_mode: expected one of {expected}; received {autoreset_mode!r}") from None
        self.metadata = {"autoreset_mode": self._mode, "render_modes": []}
        self._make_spaces()
        self._make_books(device, threads)
        self.flow = BackgroundFlow(self.markets, self.background, self.books.backend)
        self.accounts = _Accounts((self.markets, agents))
        self._settle: Any = compiled(settle, "cpu")
        self._episode = np.zeros(self.markets, np.uint64)
        self._seed: int | None = None
        self._elapsed = np.zeros(self.markets, np.int64)
        self._age = np.zeros(self.markets, np.uint64)
        self._last = np.full(self.markets, self.background.price, np.int64)
        self._middle_twice = 2 * self._last
        self._moved_twice = np.zeros(self.markets, np.int64)
        self._over = np.ones(self.markets, np.bool_)
        self._bids: tuple[Integers, Integers]
        self._asks: tuple[Integers, Integers]

    def _make_spaces(self) -> None:
        terms = self.terms
        sizes = [terms.offset_max + 1, terms.size_max + 1] * 2 + [2 * terms.market_max + 1]
        self.single_action_space = MultiDiscrete(sizes)
        self.single_observation_space = Box(-np.inf, np.inf, (4 * terms.depth + 5,), np.float64)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)

    def _make_books(self, device: DeviceName | Backend, threads: int | None) -> None:
        orders = self.background.traders + 2 * self.agents
        rows = self.terms.flow + ROWS_OF_AN_AGENT * self.agents
        # Each order that leaves and each command's own events: no step has more.
        room = orders + 4 * rows
        if room > EVENT_CAPACITY_MAX:
            given = f"flow {self.terms.flow}, {self.background.traders} traders, {self.agents} agents"
            raise InputError(
                f"flow, traders and agents: expected at most {EVENT_CAPACITY_MAX} events of a step; received up to "
                f"{room} ({given})"
            )
        self.books = Books(
            self.markets,
            orders=orders,
            levels=orders,
            device=device,
            events="all",
            event_capacity=room,
            threads=threads,
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin new episodes.

        Args:
            seed: with one, the markets start as that seed's first episode; without one, each goes on to its next
                episode.
            options: ``"reset_mask"``, ``bool[num_envs]``: which ones, the agents of a market alike; without it, all.

        Raises:
            InputError: a mask of another shape, or that parts the agents of a market.
        """
        super().reset(seed=seed)
        if not isinstance(options, dict | None):
            raise InputError(f"options: expected a dict with reset_mask; received {options!r}")
        mask = self._reset_mask((options or {}).get("reset_mask"))
        if seed is not None or self._seed is None:
            self._seed = int(seed) if seed is not None else int(self.np_random.integers(1 << 63))
            self._episode[:] = 0
        self._restart(mask)
        return self._observations(), self._infos()

    def _reset_mask(self, given: Any) -> Mask:
        if given is None:
            return np.ones(self.markets, np.bool_)
        mask = np.asarray(given)
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            received = f"{mask.dtype}{list(mask.shape)}"
            raise InputError(f"reset_mask: expected bool[{self.num_envs}] with one that is true; received {received}")
        by_market = mask.reshape(self.markets, self.agents)
        whole: Mask = np.logical_and.reduce(by_market, axis=1)
        if (np.logical_or.reduce(by_market, axis=1) != whole).any():
            raise InputError("reset_mask: expected the agents of a market together; received some of them")
        return whole

    def _restart(self, mask: Mask) -> None:
        """New episodes in some markets, up to their first observation."""
        assert self._seed is not None, "a reset comes first"
        self.books.reset(mask)
        self.flow.restart(self._seed, self._episode, mask)
        self._episode[mask] += np.uint64(1)
        self.accounts.clear(mask)
        self._last[mask] = self.background.price
        self._elapsed[mask], self._age[mask], self._over[mask] = 0, 0, False
        nobody = np.zeros((self.markets, self.agents, ROWS_OF_AN_AGENT), np.bool_)
        nothing = commands.empty(nobody.size).reshape(nobody.shape)
        for _ in range(self.terms.warm_up):
            self._advance(nothing, nobody, mask)
        self._look(mask)
        self._moved_twice[mask] = 0

    def step(
        self, actions: Integers
    ) -> tuple[Floats, Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Let every agent act, and the markets go on.

        Args:
            actions: ``int64[num_envs, 5]``, as ``action_space`` has them.

        Returns:
            Observations, rewards, terminations, truncations, infos; in the mode of the same step also ``final_obs`` and
            ``final_info`` of episodes that ended.

        Raises:
            InputError: actions outside of their space, or a market whose episode is over where nothing resets it.
        """
        acts = self._checked(actions)
        begins = self._over.copy()
        if self._seed is None or (begins.any() and self._mode is not AutoresetMode.NEXT_STEP):
            raise InputError("expected a reset before the next step; received a step of an episode that is over")
        if begins.any():
            self._restart(begins)
        goes_on = ~begins
        rows, wanted = self._orders(acts, goes_on)
        self._advance(rows, wanted, goes_on)
        self._elapsed[goes_on] += 1
        self._look(goes_on)
        rewards = self._rewards(goes_on)
        terminations = np.zeros(self.num_envs, np.bool_)
        if self.terms.loss_max is not None:
            is_out = (self.accounts.value_twice <= -2 * self.terms.loss_max).any(1) & goes_on
            terminations = np.repeat(is_out, self.agents)
        truncations = np.repeat((self._elapsed >= self.terms.steps) & goes_on, self.agents) & ~terminations
        self._over = np.logical_or.reduce((terminations | truncations).reshape(self.markets, self.agents), axis=1)
        observations, infos = self._observations(), self._infos()
        if self._over.any() and self._mode is AutoresetMode.SAME_STEP:
            ended = np.repeat(self._over, self.agents)
            final = {"final_obs": observations, "_final_obs": ended, "final_info": infos, "_final_info": ended}
            self._restart(self._over.copy())
            observations, infos = self._observations(), {**self._infos(), **final}
        return observations, rewards, terminations, truncations, infos

    def _checked(self, actions: Any) -> Integers:
        acts = np.asarray(actions)
        sizes = np.asarray(self.single_action_space.nvec)  # type: ignore[attr-defined]
        if acts.dtype.kind not in "iu" or acts.shape != (self.num_envs, len(sizes)):
            received = f"{acts.dtype}{list(acts.shape)}"
            raise InputError(f"actions: expected whole numbers [{self.num_envs}, {len(sizes)}]; received {received}")
        is_outside = (acts < 0) | (acts >= sizes)
        if is_outside.any():
            agent, place = (int(each[0]) for each in np.nonzero(is_outside))
            received = f"{acts[agent, place]} as number {place} of agent {agent}"
            raise InputError(f"actions: expected 0 to {sizes[place] - 1}; received {received}")
        return acts.astype(np.int64).reshape(self.markets, self.agents, len(sizes))

    def _orders(self, acts: Integers, goes_on: Mask) -> tuple[npt.NDArray[Any], Mask]:
        """The agents' commands by field, ``[markets, agents, 5]``, and which of them are sent."""
        terms, accounts, position = self.terms, self.accounts, self.accounts.position
        # The two sides next to the middle, wherever it lies: both before it, a tick apart at least.
        nearest = np.stack([-(-self._middle_twice // 2) - 1, self._middle_twice // 2 + 1], -1)[:, None, :]
        price = nearest + acts[..., [0, 2]] * np.array([-1, 1])
        market = acts[..., 4] - terms.market_max
        market = np.clip(
            market, np.minimum(-terms.position_max - position, 0), np.maximum(terms.position_max - position, 0)
        )
        reached = position + market
        room = np.stack([terms.position_max - reached, terms.position_max + reached], -1)
        size = np.clip(acts[..., [1, 3]], 0, np.maximum(room, 0))
        is_live = accounts.quote_open > 0
        stays = is_live & (accounts.quote_price == price) & (accounts.quote_open == size)
        leaves, enters = is_live & ~stays, (size > 0) & ~stays
        wanted = np.concatenate([leaves, (market != 0)[..., None], enters], -1) & goes_on[:, None, None]
        counter = (self._elapsed + 1).astype(np.uint64)[:, None, None] * np.uint64(4)
        agent = np.arange(self.agents, dtype=np.uint64)[None, :, None] << np.uint64(AGENT_SHIFT)
        own = np.uint64(1 << AGENT_BIT) | agent | counter
        ids = own | np.array([0, 1], np.uint64)
        rows = commands.empty(wanted.size).reshape(wanted.shape)
        rows["action"][..., :2], rows["action"][..., 2:] = commands.ACTIONS["cancel"], commands.ACTIONS["submit"]
        rows["order_id"][..., :2], rows["order_id"][..., 3:] = accounts.quote_ids, ids
        rows["order_id"][..., 2] = (own | np.uint64(2))[..., 0]
        submits = rows[..., 2:]
        submits["account"] = (np.arange(self.agents) + 1)[None, :, None]
        submits["self_trade"] = commands.SELF_TRADES["cancel_oldest"]
        submits["side"] = np.stack([market < 0, np.zeros_like(market), np.ones_like(market)], -1)
        submits["quantity"] = np.concatenate([np.abs(market)[..., None], size], -1)
        submits["time_in_force"][..., 0] = commands.TIMES_IN_FORCE["ioc"]
        submits["kind"][..., 1:], submits["flags"][..., 1:] = commands.KINDS["limit"], commands.FLAG_POST_ONLY
        submits["price"][..., 1:] = price
        placed = enters & goes_on[:, None, None]
        accounts.quote_open[leaves & goes_on[:, None, None]] = 0
        for held, new in ((accounts.quote_ids, ids), (accounts.quote_open, size), (accounts.quote_price, price)):
            np.copyto(held, new, where=placed, casting="same_kind")
        return rows, wanted

    def _advance(self, rows: npt.NDArray[Any], wanted: Mask, goes_on: Mask) -> None:
        """Agents' commands, then background flow, in the markets that go on; and what came of them."""
        self._age[goes_on] += np.uint64(1)
        times = self._age * np.uint64(STEP_NS)
        sent = wanted.sum((1, 2))
        offsets = np.zeros(self.markets + 1, np.int64)
        np.cumsum(sent + self.terms.flow * goes_on, out=offsets[1:])
        batch = np.empty((int(offsets[-1]), COMMAND_WORDS), np.uint64)
        if sent.any():
            rows["time"] = times[:, None, None]
            ranks = np.arange(int(sent.sum())) - np.repeat(np.cumsum(sent) - sent, sent)
            batch[np.repeat(offsets[:-1], sent) + ranks] = commands.words_of(rows[wanted])
        self.flow.write(batch, offsets[:-1] + sent, offsets[1:], times)
        step = self.books.apply(batch, offsets, check=False)
        accounts, counts = self.accounts, step.event_counts.astype(np.int64)
        arrays = (
            accounts.position,
            accounts.cash,
            accounts.volume,
            accounts.quote_ids,
            accounts.quote_open,
            self._last,
        )
        in_ranges(
            self.books.backend,
            self.markets,
            lambda first, last: self._settle(step.events, counts, *arrays, first, last),
        )

    def _look(self, mask: Mask) -> None:
        """Read the depth; the middle of the markets that went on, and the worth of their agents."""
        depth = self.books.depth(self.terms.depth)
        self._bids = depth.bid_price, depth.bid_quantity.astype(np.int64)
        self._asks = depth.ask_price, depth.ask_quantity.astype(np.int64)
        has_bid, has_ask = self._bids[1][:, 0] > 0, self._asks[1][:, 0] > 0
        bid = np.where(has_bid, self._bids[0][:, 0], np.where(has_ask, self._asks[0][:, 0], self._last))
        ask = np.where(has_ask, self._asks[0][:, 0], bid)
        # Those that did not go on keep theirs: what is shown of them does not depend on who begins anew beside them.
        self._moved_twice = np.where(mask, bid + ask - self._middle_twice, self._moved_twice)
        self._middle_twice = bid + ask

    def _rewards(self, goes_on: Mask) -> Floats:
        accounts = self.accounts
        value_twice = 2 * accounts.cash + accounts.position * self._middle_twice[:, None]
        rewards = (value_twice - accounts.value_twice) / 2.0
        if self.terms.position_penalty:
            rewards -= self.terms.position_penalty * np.square(accounts.position, dtype=np.float64)
        accounts.value_twice = value_twice
        rewards[~goes_on] = 0.0
        return rewards.reshape(self.num_envs)

    def _observations(self) -> Floats:
        n, markets = self.terms.depth, self.markets
        seen = np.empty((markets, self.agents, 4 * n + 5))
        middle = self._middle_twice[:, None] / 2.0
        for place, (price, quantity), sign in ((0, self._bids, -1.0), (2, self._asks, 1.0)):
            distance = np.where(quantity > 0, sign * (price - middle), 0.0)
            seen[..., place * n : (place + 1) * n] = distance[:, None, :]
            seen[..., (place + 1) * n : (place + 2) * n] = quantity[:, None, :]
        seen[..., 4 * n] = self.accounts.position
        seen[..., 4 * n + 1] = self.accounts.cash
        seen[..., 4 * n + 2] = self._last[:, None] - middle
        seen[..., 4 * n + 3] = self._moved_twice[:, None] / 2.0
        seen[..., 4 * n + 4] = 1.0 - self._elapsed[:, None] / self.terms.steps
        return seen.reshape(self.num_envs, -1)

    def _infos(self) -> dict[str, Any]:
        accounts = self.accounts
        middle = np.repeat(self._middle_twice, self.agents)
        flat = [each.reshape(self.num_envs).copy() for each in (accounts.position, accounts.cash, accounts.volume)]
        infos: dict[str, Any] = dict(zip(INFOS, [*flat, middle], strict=True))
        return infos | {f"_{name}": np.ones(self.num_envs, np.bool_) for name in INFOS}

    def close_extras(self, **_kwargs: Any) -> None:
        """Give the books' memory back."""
        self.books.close()


class MarketEnv(gymnasium.Env[Floats, Integers]):
    """One market with one agent, for what takes no vector environments; see the module."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(self, **named: Any) -> None:
        self._markets = MarketVectorEnv(1, autoreset_mode=AutoresetMode.DISABLED, **named)
        self.action_space = self._markets.single_action_space
        self.observation_space = self._markets.single_observation_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        del options
        observations, infos = self._markets.reset(seed=seed)
        return observations[0], _first(infos)

    def step(self, action: Integers) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Act."""
        observations, rewards, terminations, truncations, infos = self._markets.step(np.asarray(action)[None])
        return observations[0], float(rewards[0]), bool(terminations[0]), bool(truncations[0]), _first(infos)

    def close(self) -> None:
        """Give the book's memory back."""
        self._markets.close()


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    return {name: int(infos[name][0]) for name in INFOS}


gymnasium.register(
    ENVIRONMENT,
    entry_point="proofbook.gpu.environment:MarketEnv",
    vector_entry_point="proofbook.gpu.environment:MarketVectorEnv",
)
