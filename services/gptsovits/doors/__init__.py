"""The doors of other projects on this service, for clients that know them and nothing else."""
