"""Reports as pure functions of a ledger up to a position: chronicle (what is known), metrics (figures), model (the
whole).
"""
