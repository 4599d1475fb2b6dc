"""The use cases of the assets service: what is there, what weakens it, what the world knows of such weaknesses."""
