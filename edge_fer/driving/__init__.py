"""The driver monitor: what is seen of one driver, and when he is to be alerted.

`observation` is what one frame tells, without a picture. `policy` turns a sequence of observations into alerts; it
knows no camera and no clock, so that a recorded drive gives the same alerts again. The other rooms make observations of
frames.
"""
