"""Subscriptions in SQL."""
