"""The page in a real browser: files chosen and dropped, what it says of them, and that it talks to nobody."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

import proofbook

from .conftest import EARLIER, PATIENCE_S, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROOFS = sorted(EARLIER.glob("*.proof"))
CONFIG = EARLIER / "market.config"
EXAMPLES = sorted(ROOT.glob("examples/proof/*.proof"))
JOINED = ROOT / "examples/chain/chain.proof"
BATCHES = JOINED.with_suffix(".batches")
PARTS = {"/", "/page.css", "/page.mjs", "/verifier.mjs", "/verifier.wasm"}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that writes no log."""

    def log_message(self, *_: object) -> None:
        return


@functools.cache
def served(folder: Path) -> str:
    """The address of a folder, for as long as the tests run."""
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class Reader:
    """Someone with the page open."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.asked: list[str] = []
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text))
        page.goto(address)
        self.wait_for("Ready")

    def wait_for(self, text: str) -> str:
        """What the page says, once it says this."""
        status = self.page.get_by_role("status")
        status.filter(has_text=text).wait_for()
        return status.inner_text()

    def choose(self, label: str, *files: Path) -> None:
        self.page.get_by_label(label).set_input_files(files)

    def drop(self, *files: Path) -> None:
        """Drops files on the page, as a file manager does."""
        data = [(file.name, base64.b64encode(file.read_bytes()).decode()) for file in files]
        transfer = self.page.evaluate_handle(
            """(files) => {
                const transfer = new DataTransfer();
                for (const [name, text] of files) {
                    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
                    transfer.items.add(new File([bytes], name));
                }
                return transfer;
            }""",
            data,
        )
        self.page.dispatch_event("main", "drop", {"dataTransfer": transfer})

    def articles(self) -> list[str]:
        return self.page.get_by_role("article").all_inner_texts()


OpenPage: TypeAlias = Callable[[Path], Reader]


@pytest.fixture
def open_page(browser: Browser) -> OpenPage:
    """Opens the page of a folder."""
    return lambda folder: Reader(browser.new_page(), served(folder))


def test_proofs_of_another_program_are_refused(site: Path, open_page: OpenPage) -> None:
    reader = open_page(site)
    text = reader.page.get_by_role("main").inner_text()
    assert proofbook.program_key() in text and proofbook.chain_program_key() in text
    reader.choose("Proof files", *PROOFS)
    message = "a proof of another program: expected key " + proofbook.program_key()
    assert f"Failed: {PROOFS[0].name}: {message}" in reader.wait_for("Failed")
    assert len(reader.articles()) == len(PROOFS)
    assert all(f"The proof is refused. {message}" in text for text in reader.articles())
    assert reader.faults == []


def test_a_chain_from_the_market_s_beginning(earlier_site: Path, open_page: OpenPage) -> None:
    reader = open_page(earlier_site)
    # The order in which they are chosen does not matter.
    reader.choose("Proof files", *reversed(PROOFS))
    assert "taken on trust" in reader.wait_for(f"All {len(PROOFS)} proofs hold")
    reader.choose("Market configuration", CONFIG)
    said = reader.wait_for("its whole history")
    assert CONFIG.name in reader.page.get_by_role("main").inner_text()
    roots = [path.read_bytes()[24 + 8 * 15 :][:32].hex() for path in PROOFS]
    assert said.endswith(f"State root now: {roots[-1]}")
    for path, root, text in zip(PROOFS, roots, reader.articles(), strict=True):
        assert path.name in text and "The proof holds. (" in text and f"{path.stat().st_size} bytes, " in text
        assert root in text
    assert reader.faults == []


def test_dropped_files_and_a_gap(earlier_site: Path, open_page: OpenPage, tmp_path: Path) -> None:
    reader = open_page(earlier_site)
    reader.drop(CONFIG, PROOFS[1])
    gap = "batch: expected 1; received 2 (batches between them are missing)"
    assert reader.wait_for("Failed") == f"Failed: {PROOFS[1].name}: {gap}"
    assert f"The proof holds. Its batch does not come next: {gap}" in reader.articles()[0]
    altered = tmp_path / "altered.proof"
    data = bytearray(PROOFS[0].read_bytes())
    data[len(data) // 2] ^= 1
    altered.write_bytes(data)
    reader.drop(altered, PROOFS[1])
    assert reader.wait_for("altered.proof").startswith("Failed: altered.proof: the proof does not hold: ")
    # What comes after it is still looked at.
    assert "The proof is refused." in reader.articles()[0] and "The proof holds." in reader.articles()[1]
    assert reader.faults == []


def test_what_is_no_configuration_is_said(earlier_site: Path, open_page: OpenPage, tmp_path: Path) -> None:
    reader = open_page(earlier_site)
    wrong = tmp_path / "wrong.config"
    wrong.write_bytes(b"abc")
    reader.choose("Market configuration", wrong)
    assert reader.wait_for("Failed") == "Failed: a market configuration takes 88 bytes; received 3"
    reader.choose("Proof files", PROOFS[0])
    assert "taken on trust" in reader.wait_for("The proof holds")


def test_the_page_asks_for_its_own_parts_and_works_without_a_network(earlier_site: Path, open_page: OpenPage) -> None:
    reader = open_page(earlier_site)
    assert {url.removeprefix(reader.address) for url in reader.asked} == PARTS
    reader.page.context.set_offline(True)
    reader.choose("Proof files", PROOFS[0])
    reader.wait_for("The proof holds")
    assert len(reader.asked) == len(PARTS)
    # Its policy stops what a changed script might try.
    refused = "() => fetch('http://127.0.0.1:9/').then(() => false, () => true)"
    assert reader.page.evaluate(refused) is True
    assert any("Content Security Policy" in text for text in reader.faults)


def test_it_can_be_used_without_a_mouse(earlier_site: Path, open_page: OpenPage) -> None:
    reader = open_page(earlier_site)
    focused = []
    for _ in range(2):
        reader.page.keyboard.press("Tab")
        focused.append(reader.page.evaluate("document.activeElement.labels[0].textContent"))
    assert focused[0] == "Proof files" and focused[1].startswith("Market configuration")


@pytest.mark.skipif(not EXAMPLES, reason="there are no proofs in examples/proof")
def test_the_examples_hold(site: Path, open_page: OpenPage) -> None:
    reader = open_page(site)
    reader.choose("Market configuration", EXAMPLES[0].parent / "market.config")
    reader.choose("Proof files", *EXAMPLES)
    values = proofbook.verify_chain(EXAMPLES, start=None)
    assert reader.wait_for("its whole history").endswith(values[-1].new_root)


@pytest.mark.skipif(not JOINED.exists(), reason="there is no proof of a chain in examples/chain")
class TestChain:
    """The real proof of a chain."""

    def test_it_is_shown_with_its_batches(self, site: Path, open_page: OpenPage) -> None:
        reader = open_page(site)
        reader.drop(EXAMPLES[0].parent / "market.config", BATCHES, JOINED)
        values = proofbook.verify_joined(JOINED)
        said = reader.wait_for("its whole history")
        assert said.startswith("The proof holds (2 batches)") and said.endswith(values.new_root)
        assert len(reader.articles()) == 1
        reader.page.get_by_text("Its batches, from chain.batches").click()
        text = reader.articles()[0]
        for batch in values.open(BATCHES.read_bytes()):
            assert f"Batch {batch.batch}" in text and batch.event_root in text
        assert values.batch_root in text
        assert reader.faults == []

    def test_it_does_not_follow_one_of_its_batches(self, site: Path, open_page: OpenPage) -> None:
        reader = open_page(site)
        reader.choose("Proof files", JOINED, EXAMPLES[1])
        replay = "batch: expected 3; received 2 (a replay or a fork)"
        assert reader.wait_for("Failed") == f"Failed: {EXAMPLES[1].name}: {replay}"
        assert "The proof holds. (" in reader.articles()[0]
        reader.choose("Proof files", EXAMPLES[0], JOINED)
        assert reader.wait_for("chain.proof").startswith("Failed: chain.proof: batch: expected 2; received 1")
        assert "The proof holds. Its batches do not come next: " in reader.articles()[1]
        assert reader.faults == []

    def test_batches_that_are_not_its_own_are_said(self, site: Path, open_page: OpenPage, tmp_path: Path) -> None:
        reader = open_page(site)
        wrong = tmp_path / "chain.batches"
        wrong.write_bytes(BATCHES.read_bytes()[232:])
        reader.choose("Proof files", JOINED, wrong)
        message = "batches of a chain: expected 2 times 232 bytes; received 232 bytes"
        assert reader.wait_for("Failed") == f"Failed: chain.batches: {message}"
        text = reader.articles()[0]
        assert "The proof holds. (" in text and f"chain.batches is refused. {message}" in text
        reader.choose("Proof files", BATCHES)
        alone = "Failed: chain.batches: expected the proof of its chain with it, chain.proof; received none"
        assert reader.wait_for("chain.proof") == alone
        for_batch = tmp_path / f"{EXAMPLES[0].stem}.batches"
        for_batch.write_bytes(BATCHES.read_bytes())
        reader.choose("Proof files", EXAMPLES[0], for_batch)
        other = "expected a proof of a chain with it; received one of a batch"
        assert reader.wait_for("one of a batch") == f"Failed: {for_batch.name}: {other}"
        assert reader.faults == []
