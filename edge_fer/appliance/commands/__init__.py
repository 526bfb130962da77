"""The appliance's commands."""
