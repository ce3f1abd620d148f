"""Both images, really built and run.

    python -m tests.containers [--extras ja] [--keep] [--work FOLDER]

Uses the Docker engine that is running, or starts one of its own (root, and Debian's `docker.io`, are needed
then). Where no registry can be reached, a stand-in for `python:3.11-slim` is made with `debootstrap`. Only
the checks of files in `test_files.py` are collected by pytest; the rest takes minutes and gigabytes.
"""
