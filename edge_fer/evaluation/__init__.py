"""What classifiers are worth on labelled faces, side by side: figures, what light and size do to them, pages."""
