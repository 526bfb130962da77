"""Keeps parts working: each has a deadline; what blocks is abandoned and started again."""
