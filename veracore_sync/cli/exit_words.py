"""What each exit code means, in the words of help, man pages and docs/exit-codes.md."""

from __future__ import annotations

EXIT_WORDS = {
    0: "done",
    1: "unexpected error: a bug",
    2: "usage error",
    3: "something new needs a person",
    69: "Vendure or VeraCore is unavailable",
    74: "the ledger or its disk failed",
    75: "another run of the same job is active",
    77: "credentials, or a permission they need, were refused",
    78: "configuration error",
    130: "stopped by SIGINT",
    143: "stopped by SIGTERM",
}

OF_EVERY_COMMAND = (1, 2, 74, 78, 130, 143)
"""Codes that any command may end with, besides 0."""
