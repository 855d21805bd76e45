"""Where the outbox touches the world: SQL and Klaviyo."""
