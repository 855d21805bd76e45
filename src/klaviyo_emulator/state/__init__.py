"""What the emulated account holds, in SQLite. Nothing here knows HTTP."""
