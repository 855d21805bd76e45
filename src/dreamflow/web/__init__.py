"""The web door: parse, call, render; no decision is taken here."""
