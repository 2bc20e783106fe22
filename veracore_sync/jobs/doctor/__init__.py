"""``doctor``: what is wrong, or might soon be, one line each with what to do."""
