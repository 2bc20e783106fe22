"""One file per command: parse, build the container, call a job, render, exit."""
