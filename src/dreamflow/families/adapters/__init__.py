"""Families in SQL."""
