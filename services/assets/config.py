"""Limits and rhythms of the assets service that are no matter of a deployment's settings."""

SWEEP_SECONDS = 1.0
"""How often the sensors are looked over for silence that began or ended."""
MAX_SILENCES_IN_SWEEP = 200
"""Most silences that one sweep starts or ends; the next one goes on with the rest."""
MAX_LOOKUP_RESULTS = 100
"""Most assets that one look-up answers; so many things under one name or address are a mistake in the inventory."""
