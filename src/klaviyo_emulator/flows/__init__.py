"""Definitions of flows, read without any state: triggers, actions, conditions, and how actions follow each other."""
