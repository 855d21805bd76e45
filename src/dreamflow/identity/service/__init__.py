"""The use cases: to recognise a caller, and to vouch for one in the demo."""
