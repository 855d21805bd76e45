"""The inspector: pages at `/` that show people what is in the account and what was asked of it."""
