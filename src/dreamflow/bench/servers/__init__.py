"""Servers of one's own, for benches and tests: processes on loopback that end with whoever started them."""
