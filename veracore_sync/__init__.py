"""Exactly-once orders from Vendure to VeraCore; stock and tracking back."""

__version__ = "0.1.0"
