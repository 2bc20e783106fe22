"""The webhook listener: a hardened server, signature checks, the inbox and its worker."""
