"""What a machine really does with a bundle, in raw values."""
