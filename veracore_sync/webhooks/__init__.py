"""The webhook listener: a hardened server, signatures, the inbox, and the worker behind it."""
