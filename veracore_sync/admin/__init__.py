"""``serve-admin``: the Admin API and the status page."""
