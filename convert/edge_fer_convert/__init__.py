"""The workstation side of edge-fer: model zoo, training, conversion. Never needed on the device."""
