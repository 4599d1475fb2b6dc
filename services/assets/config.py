"""Limits and rhythms of the assets service that are no matter of a deployment's settings."""

SWEEP_SECONDS = 1.0
"""How often the sensors are looked over for silence that began or ended."""
MAX_SILENCES_IN_SWEEP = 200
"""Most silences that one sweep starts or ends; the next one goes on with the rest."""
MAX_LOOKUP_RESULTS = 100
"""Most assets that one look-up answers; so many things under one name or address are a mistake in the inventory."""
NEWCOMER_SEVERITY_ID = 3
"""OCSF medium: nobody answers for the host or says what it is for, and nothing else is known of it yet."""
MAX_HOSTS_OF_INDEX = 200
"""Discovered hosts that one name or address leads to; further ones are not resolved by it."""
MAX_FEED_BYTES = 128 * 1024 * 1024
"""Largest vulnerability feed, unpacked. All of EPSS has about 12 MiB."""
MAX_FEED_ENTRIES = 1_000_000
LIKELIHOOD_STEP_MILLIONTHS = 1_000
"""A likelihood that moved by less is left as it was: EPSS moves nearly every score a little every day."""
REASSESS_AGAIN_SECONDS = (5.0, 60.0)
"""After an import findings are looked over at once, and after these pauses for those that the view did not show yet."""
FEED_NEWS_SECONDS = 5.0
FEED_RETRY_SECONDS = 2.0
FETCH_LOOK_SECONDS = 60.0
"""How often schedules of feeds are looked at."""
MAX_FETCHED_FEED_BYTES = 32 * 1024 * 1024
"""What a feed's server may answer in all, as it comes: EPSS is packed."""
MAX_FETCH_REDIRECTIONS = 3
"""EPSS's newest table is found behind one."""
