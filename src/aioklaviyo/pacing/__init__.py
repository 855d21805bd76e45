"""Keeping Klaviyo's rate limits before it has to throttle."""
