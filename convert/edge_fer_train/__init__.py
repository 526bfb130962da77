"""How models are trained: batches, losses, schedules, runs that resume, and what a run leaves to be looked at."""
