"""Ways in: read settings, build the house, run it."""
