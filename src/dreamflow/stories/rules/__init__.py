"""Pure decisions: what tonight should be like, how it is laid out, how it is told, what is refused."""
