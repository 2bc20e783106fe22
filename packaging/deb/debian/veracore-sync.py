#!/usr/bin/python3 -I
"""Starts veracore-sync with the packages that it was tested with."""

import sys

sys.path.insert(0, "/usr/lib/veracore-sync")

from veracore_sync.__main__ import main

main()
