"""Segment definitions: read from JSON, checked, and compiled to SQL. Nothing here knows a connection or a clock."""
