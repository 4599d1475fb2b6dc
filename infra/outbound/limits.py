"""The limits of what goes out to servers of others, whatever it is for."""

FETCH_SECONDS = 120
"""What one look at a source may take in all."""
MAX_FETCH_REPLY_SECONDS = 20
"""How long a source's server may say nothing."""
MAX_FETCH_ADDRESSES = 4
"""Addresses of one host that are tried, one after the other."""
