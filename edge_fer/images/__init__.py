"""Image files: which names are pictures, what their headers say, and their content as pixels."""

from edge_fer.images.decoding import Picture, decode_frame, decode_image
from edge_fer.images.gif import is_animation
from edge_fer.images.header import Header, read_header
from edge_fer.images.names import IMAGE_SUFFIXES, UNREADABLE_SUFFIXES, PassedOver, is_image, walk
from edge_fer.images.reading import MAX_FILE_BYTES, read_file

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_FILE_BYTES",
    "UNREADABLE_SUFFIXES",
    "Header",
    "PassedOver",
    "Picture",
    "decode_frame",
    "decode_image",
    "is_animation",
    "is_image",
    "read_file",
    "read_header",
    "walk",
]
