"""Looking through archived telemetry of one tenant: by SQL, by a rule, by a list of indicators."""
