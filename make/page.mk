# The exchange's page: svelte and TypeScript in web/exchange, built into the Python package, which serves it. `docs/PAGE.md` says what it shows.

.PHONY: page test-page

page_folder := python/proofbook/exchange/page
page_sources := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*') tools/make_page.sh tools/make_wasm.sh

page: $(VENV)/.stamp-page ## Build the exchange's page, with the verifier, into the Python package

$(VENV)/.stamp-page: $(page_sources) $(rust_sources) | $(VENV)/.stamp-tools
	@tools/make_page.sh "$(page_folder)"
	@test ! -e "$(page_folder)/index.html" || touch $@

test-page: page ## Check the types of the exchange's page and run its unit tests
	@tools/make_page.sh --test
