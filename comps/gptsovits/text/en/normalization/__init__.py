"""What is written, in words: every pass takes a text and returns one, in linear time.

Patterns are anchored by what stands before them or bounded in length, so that no input makes them quadratic.
"""
