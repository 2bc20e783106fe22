"""What the jobs ask of the world around them, as protocols; each has one contract suite."""
