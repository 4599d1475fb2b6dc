"""Sigma rules, parsed by pySigma and run on the native fields of their log sources."""
