"""``sync-tracking``: shipments become fulfilments with tracking."""
