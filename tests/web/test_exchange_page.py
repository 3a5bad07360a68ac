"""The exchange's page in a real browser, on a real exchange: trading, keys, narrow screens, colours, proofs."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import proofbook
from proofbook import spec

from .conftest import PATIENCE_S, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocketRoute

    from python.exchange_process import Process

PAGE = Path(proofbook.__file__).parent / "exchange/page"
AXE = ROOT / "web/exchange/node_modules/axe-core/axe.min.js"
EXAMPLES = sorted(ROOT.glob("examples/proof/*.proof"))
CONFIG = ROOT / "examples/proof/market.config"
JOINED = ROOT / "examples/chain/chain.proof"
WIDTH_OF_PHONE = 360
DESK = {"width": 1440, "height": 900}
PHONE = {"width": WIDTH_OF_PHONE, "height": 740}
SAID = """
new MutationObserver(() => {
    const text = document.getElementById("said")?.textContent;
    if (text && text !== window.said.at(-1)) window.said.push(text);
}).observe(document, {subtree: true, childList: true, characterData: true});
window.said = [];
"""
"""Writes down what is said aloud, which stands in the page for a moment only."""
EVENTS_OF_FIRST_BATCH = 24 + 8 * 24
"""Where the number of events stands in a proof file."""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """An exchange with demo accounts, and the page in front of it."""
    if not (PAGE / "index.html").exists():
        pytest.skip("the exchange's page is not built: `make page` says why")
    pytest.importorskip("litestar", reason="the packages of the exchange are not installed")
    from python.exchange_process import Process

    process = Process(tmp_path_factory.mktemp("exchange") / "folder")
    yield process
    process.stop()


class Trader:
    """Someone with the page open: a browser profile of its own, what the page asked for and complained of."""

    def __init__(self, browser: Browser, exchange: Process, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(**({"viewport": DESK, "color_scheme": "dark"} | options))
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.page.add_init_script(SAID)
        self.address = exchange.url
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self.faults.append(f"{message.text} {message.location['url']}"))

    def open(self, view: str = "trade/BTC-USD") -> Trader:
        self.page.goto(f"{self.address}/#/{view}")
        self.page.get_by_text(re.compile("^Live$")).wait_for(state="attached")
        return self

    def open_account(self) -> Trader:
        self.page.get_by_role("button", name="Demo account").click()
        self.balance("USD").wait_for(state="attached")
        return self

    def balance(self, asset: str) -> Locator:
        """What the account has of an asset; the tab with it is opened."""
        self.page.get_by_role("tab", name="Balances").click()
        return self.page.get_by_role("tabpanel").get_by_role("row").filter(has_text=asset)

    def order(self, side: str, quantity: str, price: str) -> None:
        """Writes an order and sends it; the page says what became of it."""
        self.page.get_by_role("button", name=side, exact=True).click()
        self.field("Price").fill(price)
        self.field("Quantity").fill(quantity)
        self.page.get_by_role("button", name=f"{side} BTC").click()
        self.page.locator("form p.answer").filter(has_text=f"{side} {quantity} BTC").wait_for()

    def field(self, name: str) -> Locator:
        """A field of the order that is being written."""
        return self.page.get_by_role("textbox", name=re.compile(f"^{name}"))

    def focused(self, selector: str) -> Locator:
        """What is selected so, once it has the focus, which a key gives it a moment later."""
        found = self.page.locator(f"{selector}:focus")
        found.wait_for()
        return found

    def level(self, text: str) -> Locator:
        """A level of the ladder as it is read out."""
        return self.page.get_by_role("row", name=text, exact=False)

    def said(self, text: str) -> None:
        """Waits until this was said aloud."""
        self.wait_until(lambda: text in self.page.evaluate("window.said"))

    def wait_until(self, holds: Callable[[], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end_s, "it never came to that"
            self.page.wait_for_timeout(100)

    def cancel_all(self) -> None:
        self.page.get_by_role("tab", name=re.compile("^Open orders")).click()
        self.page.get_by_role("button", name="Cancel all").click()
        self.page.get_by_text("No open orders.").wait_for()

    def check_manners(self) -> None:
        """Nothing was asked of anyone else, nothing was against the page's policy, nothing went wrong."""
        socket = self.address.replace("http", "ws")
        assert [url for url in self.asked if not url.startswith((self.address, socket, "blob:"))] == []
        # An exchange that keeps no history says so to who asks for fills.
        assert [fault for fault in self.faults if "/api/v1/fills" not in fault] == []

    def complaints(self) -> list[str]:
        """What axe finds against WCAG 2.2, levels A and AA."""
        assert AXE.exists(), "axe-core comes with what the page is built with: `make page`"
        self.page.evaluate(AXE.read_text())
        rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = self.page.evaluate(f"axe.run({{runOnly: {json.dumps(rules)}}})")
        return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]


OpenTrader: TypeAlias = Callable[..., Trader]


@pytest.fixture
def trader(browser: Browser, exchange: Process) -> Iterator[OpenTrader]:
    """Makes someone with the page open."""
    opened: list[Trader] = []

    def make(**options: Any) -> Trader:
        opened.append(Trader(browser, exchange, **options))
        return opened[-1]

    yield make
    for each in opened:
        each.context.close()


def test_two_accounts_trade(trader: OpenTrader) -> None:
    maker, taker = trader().open().open_account(), trader().open().open_account()
    maker.order("Sell", "0.500", "60001.00")
    level = taker.level("Ask 60001.00, quantity 0.500")
    level.wait_for()
    maker.level("Ask 60001.00, quantity 0.500, up to here 0.500, of it yours 0.500").wait_for()

    level.click()
    assert taker.field("Price").input_value() == "60001.00"
    taker.order("Buy", "0.200", "60001.00")
    taker.said("Bought 0.200 BTC-USD at 60001.00.")
    maker.said("Sold 0.200 BTC-USD at 60001.00.")
    for each in (maker, taker):
        each.level("Ask 60001.00, quantity 0.300").wait_for()
        each.page.get_by_role("region", name="Last trades").get_by_text("bought").first.wait_for(state="attached")
        each.page.get_by_role("img", name=re.compile("Candles of BTC-USD.*closed at 60001.00")).wait_for()
    taker.balance("BTC").filter(has_text="10.2").wait_for()
    maker.page.get_by_role("tab", name="Fills (1)").click()
    maker.page.get_by_role("tabpanel").filter(has_text="maker").wait_for()

    maker.page.get_by_role("tab", name="Open orders (1)").click()
    maker.page.get_by_role("button", name="Change order").click()
    maker.page.get_by_label("New price").fill("60002.50")
    maker.page.get_by_role("button", name="Save").click()
    taker.level("Ask 60002.50, quantity 0.300").wait_for()
    maker.cancel_all()
    taker.level("Ask 60002.50").wait_for(state="detached")
    for each in (maker, taker):
        each.check_manners()


def test_a_key_stays_in_its_browser(trader: OpenTrader) -> None:
    owner = trader().open().open_account()
    owner.order("Buy", "0.100", "50000.00")
    name = owner.page.get_by_role("combobox", name="Account").locator("option:checked").inner_text()
    owner.page.reload()
    owner.page.get_by_role("tab", name="Open orders (1)").wait_for()
    assert owner.page.get_by_role("combobox", name="Account").locator("option:checked").inner_text() == name
    owner.cancel_all()
    other = trader().open()
    other.page.get_by_role("button", name="Demo account").wait_for()
    owner.check_manners()


def test_what_cannot_be_is_said(trader: OpenTrader) -> None:
    reader = trader().open().open_account()
    answer = reader.page.locator("form p.answer")
    price, quantity = reader.field("Price"), reader.field("Quantity")
    price.fill("1.001")
    assert price.get_attribute("aria-invalid") == "true"
    reader.page.get_by_text("expected at most 2 decimals; received 3").first.wait_for()
    price.fill("60000")
    quantity.fill("1000")
    reader.page.get_by_role("button", name="Buy BTC").click()
    answer.filter(has_text="the account does not have what is asked for").wait_for()
    assert all("409" in fault or "/fills" in fault for fault in reader.faults)


def test_by_keyboard_alone(trader: OpenTrader) -> None:
    reader = trader().open().open_account()
    reader.order("Buy", "0.100", "40000.00")
    label = "Bid 40000.00, quantity 0.100, up to here 0.100, of it yours 0.100"
    reader.level(label).wait_for()
    keys = reader.page.keyboard
    reader.page.locator("body").evaluate("() => document.activeElement.blur()")
    keys.press("?")
    help_dialog = reader.page.get_by_role("dialog", name="Keys and help")
    help_dialog.wait_for()
    keys.press("Escape")
    help_dialog.wait_for(state="hidden")
    keys.press("l")
    reader.focused('[aria-label*="ask" i]')
    keys.press("ArrowDown")
    focused = reader.focused(f'[aria-label="{label}"]')
    assert focused.evaluate("(node) => getComputedStyle(node).outlineStyle") == "solid"
    keys.press("Enter")
    reader.focused("#entry-quantity")
    keys.type("0.250")
    keys.press("Enter")
    reader.page.locator("form p.answer").filter(has_text="Buy 0.250 BTC: live").wait_for()
    reader.level("Bid 40000.00, quantity 0.350").wait_for()
    reader.page.locator(":focus").evaluate("(node) => node.blur()")
    keys.press("o")
    reader.focused("#tab-orders")
    keys.press("ArrowRight")
    reader.focused("#tab-fills")
    keys.press("ArrowLeft")
    reader.focused("#tab-orders")
    keys.press("Tab")
    reader.focused("button").filter(has_text="Cancel all").wait_for()
    keys.press("Enter")
    reader.page.get_by_text("No open orders.").wait_for()
    reader.check_manners()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_phone_s_width(trader: OpenTrader, scheme: str) -> None:
    reader = trader(viewport=PHONE, color_scheme=scheme, has_touch=True, is_mobile=True, bypass_csp=True).open()
    reader.page.get_by_role("button", name="Demo account").click()
    reader.page.get_by_role("combobox", name="Account").wait_for()
    for part in ("Chart", "Book", "Order", "Account"):
        reader.page.get_by_role("navigation", name="Parts").get_by_role("button", name=part).click()
        assert reader.page.evaluate("document.documentElement.scrollWidth") == WIDTH_OF_PHONE
        assert reader.complaints() == [], part
    reader.check_manners()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_anyone_can_read_it(trader: OpenTrader, scheme: str) -> None:
    reader = trader(color_scheme=scheme, bypass_csp=True).open().open_account()
    reader.order("Sell", "0.100", "70000.00")
    reader.page.get_by_role("tab", name=re.compile("^Open orders")).click()
    assert reader.complaints() == []
    reader.page.get_by_role("button", name="Keys and help").click()
    assert reader.complaints() == []
    reader.page.keyboard.press("Escape")
    reader.cancel_all()
    reader.page.get_by_role("button", name="Proofs").click()
    reader.page.get_by_role("heading", name="What is checked where").wait_for()
    assert reader.complaints() == []


def test_colours_follow_the_system_or_the_reader(trader: OpenTrader) -> None:
    reader = trader(color_scheme="light").open()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = reader.page.evaluate(ground)
    reader.page.emulate_media(color_scheme="dark")
    dark = reader.page.evaluate(ground)
    assert dark != light
    reader.page.get_by_role("button", name="Light colours").click()
    assert reader.page.evaluate(ground) == light
    reader.page.reload()
    assert reader.page.evaluate(ground) == light


def test_a_missing_message_is_noticed(trader: OpenTrader, exchange: Process) -> None:
    """A delta that never arrives: the page sees the gap, says so, and fetches the book anew."""
    reader = trader()
    dropped: list[str] = []

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            is_delta = '"channel":"book","type":"delta"' in str(message)
            if is_delta and not dropped:
                dropped.append(str(message))
            else:
                socket.send(message)

        server.on_message(pass_on)

    reader.page.route_web_socket(re.compile("/api/v1/stream$"), route)
    reader.open()
    client = exchange.client()
    client.order("buy", "0.100", "45000.00")
    reader.wait_until(lambda: bool(dropped))
    client.order("buy", "0.200", "45000.00")
    reader.level("Bid 45000.00, quantity 0.300").wait_for()
    shown = reader.page.locator(".connection").get_attribute("title") or ""
    # Once, or more often where an answer took so long that it was asked for again.
    assert re.search(r"fetched anew [1-9]\d* times", shown), shown
    client.ask("DELETE", "/api/v1/orders?market=BTC-USD")


def test_an_operator_s_states_are_shown(trader: OpenTrader, exchange: Process) -> None:
    reader, operator = trader().open("trade/BTC-ALT"), exchange.operator()
    operator.operate("halt", market="BTC-ALT")
    reader.page.get_by_text("The operator has halted this market.").wait_for()
    operator.operate("open_auction", market="BTC-ALT")
    reader.page.get_by_text("nothing would trade now").wait_for()
    client = exchange.client()
    client.order("sell", "0.500", "99.00", market="BTC-ALT")
    client.order("buy", "0.200", "101.00", market="BTC-ALT")
    reader.page.get_by_text(re.compile(r"0\.200 BTC would trade at \d+\.00 USD")).wait_for()
    operator.operate("uncross", market="BTC-ALT")
    reader.page.get_by_text(re.compile("would trade")).wait_for(state="detached")
    client.ask("DELETE", "/api/v1/orders?market=BTC-ALT")
    reader.check_manners()


@pytest.mark.skipif(not EXAMPLES, reason="there are no proofs in examples/proof")
class TestProofs:
    """Proofs that are checked in the page itself."""

    @pytest.fixture
    def reader(self, trader: OpenTrader) -> Trader:
        if not (PAGE / "verifier.wasm").exists():
            pytest.skip("the page was built without the verifier: `make page` says why")
        reader = trader().open("proofs")
        reader.page.get_by_text("Ready.").wait_for()
        return reader

    def choose(self, reader: Trader, *files: Path) -> None:
        reader.page.get_by_label("Files to check").set_input_files(files)

    def test_a_market_s_history_holds(self, reader: Trader) -> None:
        self.choose(reader, CONFIG, *EXAMPLES)
        reader.page.get_by_text(
            "2 batches are proven and follow each other, from the market's empty state on"
        ).wait_for()
        root = proofbook.verify_chain(EXAMPLES, start=None)[-1].new_root
        reader.page.locator(".root").get_by_text(root).wait_for()
        assert reader.page.get_by_role("article").count() == len(EXAMPLES)
        reader.check_manners()

    def test_a_changed_proof_is_refused(self, reader: Trader, tmp_path: Path) -> None:
        changed = tmp_path / EXAMPLES[0].name
        content = bytearray(EXAMPLES[0].read_bytes())
        content[EVENTS_OF_FIRST_BATCH] ^= 1
        changed.write_bytes(content)
        self.choose(reader, changed)
        refusal = "The proof is refused: the proof is about other public values than those in the file"
        reader.page.get_by_role("article").get_by_text(refusal).wait_for()
        reader.page.get_by_text("Something does not hold.").wait_for()
        self.choose(reader, EXAMPLES[1], EXAMPLES[0], EXAMPLES[0])
        reader.page.get_by_text("it does not come next: batch: expected 2; received 1").first.wait_for()
        reader.check_manners()

    def test_what_the_exchange_has_is_fetched_and_compared(self, reader: Trader, exchange: Process) -> None:
        """Proofs that the exchange gives out; of one batch it states another root than its proof."""
        folder = exchange.folder / "proofs/BTC-USD"
        folder.mkdir(parents=True)
        names = ("batch", "first_sequence", "last_sequence", "commands", "events", "previous_root", "new_root")
        lines = []
        for path, values in zip(EXAMPLES, proofbook.verify_chain(EXAMPLES, start=None), strict=True):
            shutil.copy(path, folder)
            lines.append({name: getattr(values, name) for name in names})
        shutil.copy(CONFIG, folder)
        lines[1]["new_root"] = "0" * 64
        (folder / "batches.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        market = reader.page.get_by_role("region", name="BTC-USD")
        market.get_by_role("button", name="Verify its history here").click()
        reader.page.get_by_text(
            "2 batches are proven and follow each other, from the market's empty state on"
        ).wait_for()
        batches = market.get_by_role("listitem")
        batches.nth(0).filter(has_text="Its proof says another root than the exchange.").wait_for()
        batches.nth(1).filter(has_text="verified by this page").wait_for()
        reader.check_manners()

    def test_one_proof_of_a_chain_is_opened(self, reader: Trader) -> None:
        self.choose(reader, JOINED, JOINED.with_suffix(".batches"))
        reader.page.get_by_text("from a state that is taken on trust").wait_for()
        reader.page.get_by_text("Batch 2, proven with it").click()
        values = proofbook.verify_joined(JOINED).open(JOINED.with_suffix(".batches").read_bytes())
        reader.page.get_by_text(values[1].new_root).first.wait_for()
        reader.check_manners()

    def test_a_receipt_holds_for_its_key_alone(self, reader: Trader, tmp_path: Path) -> None:
        key = proofbook.keygen(tmp_path / "operator.key")
        other = proofbook.keygen(tmp_path / "other.key")
        command = spec.Command(time=1_000, action=spec.Action.CANCEL, order_id=7)
        receipt = proofbook.ReceiptSigner(tmp_path / "operator.key").sign(
            market=1, sequence=42, command=command.encode()
        )
        file = tmp_path / "one.receipt"
        file.write_bytes(receipt.encode())
        reader.page.get_by_label(re.compile("^Operator's public key")).fill(key)
        self.choose(reader, file)
        reader.page.get_by_text("The signature is this key's.").wait_for()
        assert "42" in reader.page.get_by_role("article").inner_text()
        reader.page.get_by_label(re.compile("^Operator's public key")).fill(other)
        self.choose(reader, file)
        refusal = "expected a signature of the operator's key; received one that does not hold"
        reader.page.get_by_text(refusal).wait_for()
        reader.check_manners()
