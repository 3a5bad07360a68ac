"""Markets for agents: Gymnasium's own checks, what agents earn against an account kept by hand, seeds, and the ends of
episodes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")
pytest.importorskip("gymnasium", reason="the packages of the extra `many` are not installed")

import gymnasium
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import ClipReward, DictInfoToList, RecordEpisodeStatistics

from proofbook import InputError, gpu
from proofbook.gpu import arrays
from proofbook.gpu.background import Background
from proofbook.gpu.environment import ENVIRONMENT, MarketEnv, MarketVectorEnv
from proofbook.gpu.kernels.settlement import AGENT_BIT, AGENT_SHIFT
from proofbook.testing import RawMarket

CPU = gpu.choose("cpu")
"""One device for all tests, so that its threads start once."""


@contextmanager
def markets(num_envs: int, **named: Any) -> Iterator[MarketVectorEnv]:
    env = MarketVectorEnv(num_envs, **{"device": CPU, "steps": 12, **named})
    yield env
    env.close()


def random_actions(env: MarketVectorEnv, steps: int, seed: int = 5) -> Iterator[Any]:
    chance = np.random.default_rng(seed)
    sizes = np.asarray(env.single_action_space.nvec)  # type: ignore[attr-defined]
    for _ in range(steps):
        yield chance.integers(0, sizes, (env.num_envs, len(sizes)))


def run(env: MarketVectorEnv, steps: int, seed: int) -> list[tuple[Any, ...]]:
    """Observations, rewards, ends and positions of every step, under the same actions for the same market."""
    observations, infos = env.reset(seed=seed)
    found: list[tuple[Any, ...]] = [(observations, infos["position"])]
    wide = np.random.default_rng(9).integers(0, 1 << 30, (steps, 64, 5))
    sizes = np.asarray(env.single_action_space.nvec)  # type: ignore[attr-defined]
    for step in range(steps):
        observations, rewards, terminations, truncations, infos = env.step(wide[step, : env.num_envs] % sizes)
        found.append((observations, rewards, terminations, truncations, infos["cash"]))
    return found


def test_gymnasiums_checker_has_nothing_to_say() -> None:
    env = gymnasium.make(ENVIRONMENT, device="cpu", steps=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Gymnasium advises finite bounds and a normalised space, which a market does not have.
        warnings.filterwarnings("ignore", message=".*(minimum|maximum) value is -?infinity.*")
        warnings.filterwarnings("ignore", message=".*not have a render mode.*|.*No render.*")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_it_is_made_by_name_and_wrapped_as_any_vector_environment() -> None:
    made = gymnasium.make_vec(ENVIRONMENT, num_envs=6, vectorization_mode="vector_entry_point", device=CPU, steps=4)
    assert made.unwrapped.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    env = DictInfoToList(ClipReward(RecordEpisodeStatistics(made), -1.0, 1.0))
    observations, infos = env.reset(seed=1)
    assert env.observation_space.contains(observations)
    assert len(infos) == 6
    env.action_space.seed(3)
    for step in range(4):
        observations, rewards, terminations, truncations, infos = env.step(env.action_space.sample())
        assert env.observation_space.contains(observations)
        assert rewards.shape == terminations.shape == truncations.shape == (6,)
        assert np.abs(rewards).max() <= 1
        assert truncations.all() == (step == 3)
        assert not terminations.any()
    assert all(info["episode"]["l"] == 4 for info in infos)
    env.close()


def test_a_market_depends_on_the_seed_and_its_number_alone() -> None:
    with markets(40) as many, markets(7, device="cpu", threads=1) as few:
        for one, other in zip(run(many, 30, 11), run(few, 30, 11), strict=True):
            for each, same in zip(one, other, strict=True):
                assert (each[:7] == same).all()
        first = run(few, 5, 11)
        assert all(
            (a == b).all()
            for one, other in zip(first, run(few, 5, 11), strict=True)
            for a, b in zip(one, other, strict=True)
        )
        assert any(
            (a != b).any()
            for one, other in zip(first, run(few, 5, 12), strict=True)
            for a, b in zip(one, other, strict=True)
        )
        assert (first[0][0][0] != first[0][0][1]).any(), "markets differ from each other"


class Ledger:
    """What one market's agents have, kept by hand from what the Rust engine says of the same commands."""

    def __init__(self, env: MarketVectorEnv, market: int, agents: int) -> None:
        self.engine = RawMarket(env.books.config.tobytes())
        self.market = market
        self.position, self.cash = [0] * agents, [0] * agents

    def take(self, batch: Any, offsets: Any) -> None:
        for row in batch[offsets[self.market] : offsets[self.market + 1]]:
            encoded = np.frombuffer(self.engine.apply(row.tobytes()), np.uint64).reshape(-1, 7)
            for event in arrays.events(encoded):
                if event["event"] == 4:
                    self.trade(event, int(event["order_id"]), -1 if event["side"] == 0 else 1)
                    self.trade(event, int(event["other_id"]), 1 if event["side"] == 0 else -1)

    def trade(self, event: Any, order_id: int, sign: int) -> None:
        if order_id >> AGENT_BIT:
            agent = (order_id >> AGENT_SHIFT) & 0xFFFF
            self.position[agent] += sign * int(event["quantity"])
            self.cash[agent] -= sign * int(event["quantity"]) * int(event["price"])


@pytest.mark.parametrize("agents", [1, 3])
def test_what_agents_have_is_what_the_engine_says_they_traded(agents: int) -> None:
    with markets(4 * agents, agents=agents, steps=40, position_max=30, background={"market_share": 0.3}) as env:
        ledgers = [Ledger(env, market, agents) for market in range(4)]
        apply = env.books.apply

        def recorded(batch: Any, offsets: Any, **named: Any) -> Any:
            for ledger in ledgers:
                ledger.take(batch, offsets)
            return apply(batch, offsets, **named)

        env.books.apply = recorded  # type: ignore[method-assign]
        _, infos = env.reset(seed=2)
        worth = np.zeros(env.num_envs)
        for actions in random_actions(env, 40):
            _, rewards, _, _, infos = env.step(actions)
            worth += rewards
        positions = np.concatenate([ledger.position for ledger in ledgers])
        cash = np.concatenate([ledger.cash for ledger in ledgers])
        assert infos["position"].tolist() == positions.tolist()
        assert infos["cash"].tolist() == cash.tolist()
        assert np.abs(positions).max() > 0
        assert (infos["volume"] > np.abs(positions)).any()
        assert worth == pytest.approx(cash + positions * infos["middle_twice"] / 2)
        digests = [digest.tobytes() for digest in env.books.digests()]
        assert digests == [ledger.engine.digest() for ledger in ledgers]


def test_observations_show_the_books_and_the_accounts() -> None:
    with markets(5, depth=3) as env:
        env.reset(seed=4)
        for actions in random_actions(env, 8):
            seen, _, _, _, infos = env.step(actions)
        depth = env.books.depth(3)
        middle = infos["middle_twice"][:, None] / 2
        assert (infos["middle_twice"] == depth.bid_price[:, 0] + depth.ask_price[:, 0]).all()
        assert (seen[:, :3] == np.where(depth.bid_quantity > 0, middle - depth.bid_price, 0)).all()
        assert (seen[:, 3:6] == depth.bid_quantity).all()
        assert (seen[:, 6:9] == np.where(depth.ask_quantity > 0, depth.ask_price - middle, 0)).all()
        assert (seen[:, 9:12] == depth.ask_quantity).all()
        assert (seen[:, 12] == infos["position"]).all()
        assert (seen[:, 13] == infos["cash"]).all()
        assert (seen[:, 16] == 1 - 8 / 12).all()


def test_a_quote_that_stays_keeps_its_place_and_limits_hold() -> None:
    still = Background(move_share=0.0, market_share=0.0)
    with markets(30, background=still, steps=100) as env:
        env.reset(seed=6)
        quote = np.tile([9, 4, 9, 4, env.terms.market_max], (30, 1))
        *_, first = env.step(quote)
        *_, second = env.step(quote)
        before, left = env.accounts.quote_ids.copy(), env.accounts.quote_open.copy()
        env.step(quote)
        # Asked for again around the same middle, with nothing traded meanwhile.
        same = (first["middle_twice"] == second["middle_twice"]) & (left == 4).all((1, 2))
        assert same.sum() > 5
        assert (env.accounts.quote_ids[same] == before[same]).all()
    with markets(30, position_max=7, steps=100) as env:
        env.reset(seed=6)
        buys = np.tile([0, 10, 0, 0, 2 * env.terms.market_max], (30, 1))
        for _ in range(60):
            _, _, _, _, infos = env.step(buys)
            assert infos["position"].max() <= 7
        assert infos["position"].max() == 7


def test_an_agent_who_lost_too_much_is_out() -> None:
    with markets(20, steps=1_000, loss_max=50, market_max=20, autoreset_mode="Disabled") as env:
        env.reset(seed=8)
        chance, out = np.random.default_rng(1), np.zeros(20, np.bool_)
        while not out.any():
            acts = np.tile([0, 0, 0, 0, 0], (20, 1))
            acts[:, 4] = chance.choice([0, 40], 20)
            _, _, out, truncations, infos = env.step(acts)
        worth = infos["cash"] + infos["position"] * infos["middle_twice"] / 2
        assert ((worth <= -50) == out).all()
        assert not truncations.any()


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_episodes_end_as_in_gymnasiums_own_vector_environment(mode: AutoresetMode) -> None:
    named = {"device": CPU, "steps": 5, "warm_up": 3}
    own = MarketVectorEnv(1, autoreset_mode=mode, **named)
    other = SyncVectorEnv([lambda: MarketEnv(**named)], autoreset_mode=mode)
    pairs = [(own.reset(seed=3), other.reset(seed=3))]
    for actions in random_actions(own, 17):
        pairs.append((own.step(actions), other.step(actions)))  # type: ignore[arg-type]
    for mine, theirs in pairs:
        for a, b in zip(mine[:-1], theirs[:-1], strict=True):
            assert np.array_equal(a, b)
        assert int(mine[-1]["position"][0]) == int(theirs[-1]["position"][0])
        assert ("final_obs" in mine[-1]) == ("final_obs" in theirs[-1])
        if "final_obs" in mine[-1]:
            assert np.array_equal(mine[-1]["final_obs"][0], theirs[-1]["final_obs"][0])
            assert mine[-1]["final_info"]["cash"][0] == theirs[-1]["final_info"]["cash"][0]
    own.close()
    other.close()


def test_without_autoreset_the_markets_that_a_mask_names_begin_anew() -> None:
    with markets(6, agents=2, steps=3, autoreset_mode=AutoresetMode.DISABLED) as env:
        env.reset(seed=3)
        for actions in random_actions(env, 3):
            *_, truncations, _ = env.step(actions)
        assert truncations.all()
        still = np.tile([0, 0, 0, 0, env.terms.market_max], (6, 1))
        with pytest.raises(InputError, match="a step of an episode that is over"):
            env.step(still)
        mask = np.array([False, False, True, True, False, False])
        observations, _ = env.reset(options={"reset_mask": mask})
        assert (observations[:, -1] == np.where(mask, 1.0, 0.0)).all()
        env.reset(options={"reset_mask": ~mask})
        env.step(still)
        for wrong in (mask[:4], ~mask & mask, np.arange(6) == 2, mask.astype(int)):
            with pytest.raises(InputError, match="reset_mask: expected"):
                env.reset(options={"reset_mask": wrong})


def test_a_market_that_begins_anew_changes_nothing_beside_it() -> None:
    # Episodes end at different steps, and with more markets some end in steps in which none of the first three does.
    named: dict[str, Any] = {"steps": 40, "loss_max": 30, "market_max": 20, "autoreset_mode": AutoresetMode.SAME_STEP}
    with markets(40, **named) as many, markets(3, **named) as few:
        for one, other in zip(run(many, 40, 8), run(few, 40, 8), strict=True):
            for each, same in zip(one, other, strict=True):
                assert np.array_equal(each[:3], same)
    with markets(4, steps=40, autoreset_mode=AutoresetMode.DISABLED) as env:
        before = run(env, 7, 1)[-1][0]
        after, _ = env.reset(options={"reset_mask": np.array([True, False, False, False])})
        assert np.array_equal(after[1:], before[1:])
        assert before[1:, -2].any(), "their middles had moved"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MarketVectorEnv(5, agents=2), "num_envs: expected a multiple of 2 agents; received 5"),
        (lambda: MarketVectorEnv(1, depth=0), "depth: expected a whole number from 1 to 65536; received 0"),
        (lambda: MarketVectorEnv(1, depth=70_000), "depth: expected a whole number from 1 to 65536; received 70000"),
        (
            lambda: MarketVectorEnv(1, flow=300_000, device=CPU),
            r"expected at most 1048576 events of a step; received up to 1200086 \(flow 300000, 64 traders, 1 agents\)",
        ),
        (lambda: MarketVectorEnv(1, background={"traders": 1}), "traders: expected a whole number from 2 to 16384"),
        (lambda: Background(traders=2.5), "traders: expected a whole number from 2 to 16384; received 2.5"),  # type: ignore[arg-type]
        (lambda: Background(price=10.5), "price: expected a whole number from .*; received 10.5"),  # type: ignore[arg-type]
        (lambda: Background(market_share="all"), "market_share: expected 0.0 to 1.0; received 'all'"),  # type: ignore[arg-type]
        (
            lambda: MarketVectorEnv(1, autoreset_mode="later"),
            "autoreset_mode: expected one of NextStep, SameStep, Disabled; received 'later'",
        ),
        (
            lambda: MarketEnv(render_mode="human", device="cpu"),
            "render_mode: expected None, since nothing is drawn; received 'human'",
        ),
        (lambda: MarketVectorEnv(1, background={"profile": "flat"}), "profile: expected geometric or even"),
        (
            lambda: MarketVectorEnv(1, background={"market_share": 1.5}),
            "market_share: expected 0.0 to 1.0; received 1.5",
        ),
    ],
)
def test_what_makes_no_markets_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_actions_outside_of_their_space_are_refused() -> None:
    with markets(3) as env:
        with pytest.raises(InputError, match="expected a reset before the next step"):
            env.step(np.zeros((3, 5), np.int64))
        env.reset(seed=1)
        for actions, message in (
            (np.zeros((3, 4), np.int64), r"expected whole numbers \[3, 5\]; received int64\[3, 4\]"),
            (np.zeros((3, 5)), r"received float64\[3, 5\]"),
            (np.full((3, 5), 11), "expected 0 to 10; received 11 as number 4 of agent 0|expected 0 to 10"),
            (np.full((3, 5), -1), "received -1 as number 0 of agent 0"),
        ):
            with pytest.raises(InputError, match=message):
                env.step(actions)


def test_background_flow_is_what_its_parameters_say() -> None:
    for background, quantile in ((Background(distance=4.0), 0.2), (Background(distance=4.0, profile="even"), 0.05)):
        assert background.distances().mean() == pytest.approx(4.0, rel=quantile)
        assert background.quantities().mean() == pytest.approx(5.0, rel=0.2)
        assert background.quantities().min() == 1
    with markets(200, background={"market_share": 0.25, "move_share": 0.5, "traders": 32}, steps=500) as env:
        env.reset(seed=1)
        still = np.tile([0, 0, 0, 0, env.terms.market_max], (200, 1))
        for _ in range(20):
            env.step(still)
        live = env.books.statistics()["live_orders"].astype(float)
        assert 4 < live.mean() < 20
        ways = env.flow.fair - env.background.price
        draws = (20 + env.terms.warm_up) * env.terms.flow
        assert np.abs(ways.mean()) < 4 * np.sqrt(0.5 * draws / 200)
        assert ways.std() == pytest.approx(np.sqrt(0.5 * draws), rel=0.25)
