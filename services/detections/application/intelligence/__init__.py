"""Intelligence from its import to what is matched, and the sightings that customers share."""
