"""Correlation rules of Sigma: windows in event time over what base rules matched. Pure; ADR 0019 says what it means."""
