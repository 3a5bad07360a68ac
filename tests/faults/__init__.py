"""A running exchange under load, and what is done to it: it is killed, flooded, starved of disk and read slowly."""
