"""The child process that owns the camera, the detector and the classifier, and its end in the service.

``python -m edge_fer.appliance.watcher`` is the child. It reads its job and then orders, lines of JSON, from stdin, and
writes messages to stdout. The service holds a handle on it. Only the child imports OpenCV, NumPy or a runtime.
"""
