"""Thousands of independent books at once, on the threads of a CPU or on a GPU."""
