"""What the synthetic camera draws: faces, heads, people, rooms and light, with OpenCV and NumPy alone."""
