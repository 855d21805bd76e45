"""What is believed and what is refused: pure decisions, no clock, no network."""
