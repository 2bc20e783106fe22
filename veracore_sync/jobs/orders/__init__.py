"""Orders: which, what is sent, and how one outcome becomes one transition."""
