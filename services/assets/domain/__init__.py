"""Decisions of the assets service. Pure: time, identifiers and blind indexes come in as arguments."""
