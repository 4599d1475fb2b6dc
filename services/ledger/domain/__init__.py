"""Decisions about exports. Pure: no clock, no I/O."""
