"""The project's own checkers, on planted faults."""
