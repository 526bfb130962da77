"""What a card runs on the device when it boots for the first time, or again when it is asked to.

Standard library only, Python 3.11 or later: it runs from the boot partition, before anything is installed.
"""
