"""``serve-admin``: the brief's Admin API, and a page that people look at."""
