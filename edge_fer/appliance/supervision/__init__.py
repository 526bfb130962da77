"""Keeps parts working: each has a deadline; what blocks is abandoned and started again, counted and told.

`watching` keeps the watcher's process, `couriers` the outlets, `keeping` the store of events. `restarts` says how soon
and how often, `reporter` tells what happened. `bundles` holds the bundles that were accepted, `models` says which is
used. `jumps` watches the wall clock, `reboots` how often a camera that hangs in the kernel may restart the board.
"""
