"""Who turns a brief into words."""
