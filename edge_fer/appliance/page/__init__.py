"""The page: what the camera sees and how the appliance is, over HTTP."""
