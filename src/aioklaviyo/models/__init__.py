"""What is read from Klaviyo (frozen, tolerant) and what is written to it (strict, absent told from null)."""
