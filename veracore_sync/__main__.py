"""Console entry point: ``veracore-sync`` and ``python -m veracore_sync``."""

from __future__ import annotations

import sys

from veracore_sync import __version__, streams


def main() -> None:
    """Run the command line and end the process with its exit code."""
    streams.take_over()
    if sys.argv[1:] == ["--version"]:
        # Answered before typer is imported: scripts call it often, and the import takes noticeable
        # time.
        sys.stdout.write(f"veracore-sync {__version__}\n")
        raise SystemExit(streams.exit_code(0))
    from veracore_sync.cli.app import run

    run()


if __name__ == "__main__":
    main()
