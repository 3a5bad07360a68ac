"""A browser; the verifier for web pages: what is shipped, and one of an earlier program, whose proofs are at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300
"""For whatever is waited for: a browser may stand still on a machine that does much else."""
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
EARLIER = ROOT / "crates/verifier/src/tests/earlier"

PLANTED_AT = "pub(crate) fn verify(file: &[u8]) -> Answer {\n"
PLANTED = '    assert!(file != b"stop", "planted");\n'
"""In the build of the earlier program, a file of these four bytes stops the verifier. No file is known that does."""


def build(root: Path, folder: Path) -> Path:
    """What a checkout's script makes, or a skip with the script's reason."""
    script = [root / "tools/make_wasm.sh", folder]
    environment = {"CARGO_TARGET_DIR": str(Path.home() / ".cache/proofbook/target")} | os.environ
    done = subprocess.run(script, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    if not (folder / "verifier.wasm").exists():
        pytest.skip(done.stderr.strip())
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, or a skip with the reason why there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="there is no playwright to drive a browser with")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"there is no browser: {', '.join(BROWSERS)} (Debian: apt-get install chromium-headless-shell)")
    with playwright.sync_playwright() as driver:
        # As root, which continuous integration may be, there is no sandbox.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"], timeout=PATIENCE_S * 1000)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is shipped."""
    return build(ROOT, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def earlier_site(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As what is shipped, of a copy of the project with the earlier program's key."""
    assert site.exists()
    copy = tmp_path_factory.mktemp("earlier")
    for name in ("Cargo.toml", "Cargo.lock"):
        shutil.copy(ROOT / name, copy)
    left_out = shutil.ignore_patterns("target", "__pycache__", "node_modules")
    for name in (".cargo", "crates", "tools", "web"):
        shutil.copytree(ROOT / name, copy / name, ignore=left_out)
    (copy / "guest").mkdir()
    shutil.copy(EARLIER / "program.key", copy / "guest")
    shutil.copy(ROOT / "guest/chain.key", copy / "guest")
    calls = copy / "crates/verifier-wasm/src/calls.rs"
    text = calls.read_text()
    assert text.count(PLANTED_AT) == 1
    calls.write_text(text.replace(PLANTED_AT, PLANTED_AT + PLANTED))
    folder = build(copy, tmp_path_factory.mktemp("earlier-site"))
    shutil.rmtree(copy)
    return folder
