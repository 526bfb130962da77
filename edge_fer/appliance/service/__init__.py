"""Joins the rooms: starts the watcher, the page, the store and the outlets, and keeps them working.

``python -m edge_fer.appliance.service CONFIG.toml``; systemd starts it, starts it again, and watches it.
"""
