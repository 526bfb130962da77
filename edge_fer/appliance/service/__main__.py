"""Runs the service with the settings at a path: what systemd starts."""

from __future__ import annotations

import sys

from edge_fer.appliance.service.running import main

if __name__ == "__main__":
    sys.exit(main())
