"""Measurements. Nothing here is collected as a test; run it by hand."""
