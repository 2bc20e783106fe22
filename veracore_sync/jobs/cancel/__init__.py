"""Cancelling orders that VeraCore accepted: ``cancel``, and ``orders.cancel``."""
