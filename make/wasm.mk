# The verifier for web pages: a WebAssembly module, the page and its module. `docs/VERIFYING.md` has a section about them.

.PHONY: wasm test-web

wasm: $(VENV)/.stamp-tools ## Build the verifier for web pages, with its page, into out/verifier
	@tools/make_wasm.sh "$(OUT)/verifier"

test-web: $(VENV)/.stamp-native page ## Test the verifier for web pages and the exchange's page in Node and in a browser
	tools/install_chromium.sh
	$(BIN)/python -m pytest -q tests/web
