"""Where profile views come from."""
