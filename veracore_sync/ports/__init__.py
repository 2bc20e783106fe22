"""Protocols of everything that the jobs use; each has one contract suite."""
