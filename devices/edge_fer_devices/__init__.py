"""What edge-fer knows of boards: profiles, checks and images."""
