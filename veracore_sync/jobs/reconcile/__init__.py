"""``reconcile``: what ledger, shop and warehouse disagree about, and the repair of each."""
