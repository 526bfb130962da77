"""Joins the rooms: starts the watcher, the page, the store and the outlets, and keeps them working."""
