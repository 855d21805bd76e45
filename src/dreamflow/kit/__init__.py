"""Tools without a domain word: clock, ids, database, errors, logging."""
