"""The composition root: the only place that puts adapters and jobs together.

Commands, the hint worker and the admin get their ledger, shop, warehouse and job runs from here.
"""
