"""Delivery decisions, pure."""
