# An exchange to look at and to trade with. `docs/GUIDE.md` begins with it.

.PHONY: exchange

PORT ?=

exchange: $(VENV)/.stamp-native page ## Run an exchange with traders and order flow, page and all, until Ctrl+C: [DATA=path PORT=8000]
	@$(BIN)/proofbook demo $(if $(DATA),"$(DATA)") $(if $(PORT),--port $(PORT)) --folder "$(OUT)/exchange"
