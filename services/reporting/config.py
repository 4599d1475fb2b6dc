"""Limits of the reporting service that are no matter of a deployment's settings."""

READ_BATCH = 1_000
"""Entries read from the ledger at once while a report is made."""
DRILL_PAGE = 50
MAX_DRILL_PAGE = 500
"""Default and largest number of entries of one page of a drilled figure."""
MAX_PEOPLE_IN_REPORT = 1_000
"""Most people that one rendering names; further ones keep their opaque mark."""
MAX_OPENED_IN_REPORT = 50_000
"""Most sealed fields that one rendering opens; what is beyond is shown as withheld."""
