"""``doctor``: what is wrong, or soon may be, one line each with what to do."""
