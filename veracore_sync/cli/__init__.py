"""One small file a command: parse, wire the parts, call a job, render, exit code."""
