"""The settings of the appliance, one TOML file."""
