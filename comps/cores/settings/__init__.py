"""What the settings of both services have in common, and how a person is told about them."""
