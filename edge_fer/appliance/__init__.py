"""The appliance: one service that watches a camera for months, shows a page, keeps events, and tells others of them.

Two processes. The *watcher* is a child: it owns the camera, the detector and the classifier, and sends each frame's
record. The *service* starts it, replaces it when it dies or hangs, and owns all that must outlive it: the page, the
events, and the outlets to the world.
"""
