"""A second market, written from ``docs/RULES.md`` alone, that the tests hold the engine against."""
