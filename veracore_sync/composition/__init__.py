"""The composition root: what a process is made of, built in one place.

Commands, the worker of hints and the admin get their ledger, both sides and the runs of jobs here.
"""
