"""Who may do what, for whom: tokens, API keys, the directory, the one authorisation table, and the access log."""
