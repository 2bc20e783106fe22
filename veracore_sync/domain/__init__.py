"""What the program is about: states, records and kinds. Imports nothing of ours but the base."""
