"""The child process that owns the camera and the classifier, and its end in the service."""
