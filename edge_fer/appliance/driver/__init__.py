"""The driver monitor in the service: the policy on what the watcher observes, and alerts as events.

Nothing here imports OpenCV, NumPy or a runtime: the watcher looks, the service decides, so that a camera or a model
that hangs is noticed in time.
"""
