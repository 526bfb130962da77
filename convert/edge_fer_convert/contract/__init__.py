"""What a model expects of its input and what its outputs mean, and whether labelled faces agree with that."""
