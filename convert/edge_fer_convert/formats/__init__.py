"""Float models as bytes: one module for each file format, with the same functions in each."""
