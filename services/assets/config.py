"""Limits and rhythms of the assets service that are no matter of a deployment's settings."""

SWEEP_SECONDS = 1.0
"""How often the sensors are looked over for silence that began or ended."""
MAX_SILENCES_IN_SWEEP = 200
"""Most silences that one sweep starts or ends; the next one goes on with the rest."""
MAX_LOOKUP_RESULTS = 100
"""Most assets that one look-up answers; so many things under one name or address are a mistake in the inventory."""
MAX_FEED_BYTES = 128 * 1024 * 1024
"""Largest vulnerability feed, unpacked. All of EPSS has about 12 MiB."""
MAX_FEED_ENTRIES = 1_000_000
LIKELIHOOD_STEP_MILLIONTHS = 1_000
"""A likelihood that moved by less is left as it was: EPSS moves nearly every score a little every day."""
REASSESS_AGAIN_SECONDS = (5.0, 60.0)
"""After an import findings are looked over at once, and after these pauses for those that the view did not show yet."""
FEED_NEWS_SECONDS = 5.0
FEED_RETRY_SECONDS = 2.0
