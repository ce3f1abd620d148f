"""How fast a model is on this machine, and by how much faster than a plain loop."""
