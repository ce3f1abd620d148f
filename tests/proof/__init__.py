"""Proof under fire: scripts that print figures and exit non-zero when something is lost.

    python -m tests.proof.audio        mutated clips: typed errors only, memory flat
    python -m tests.proof.contract     schemathesis over both OpenAPI documents
    python -m tests.proof.slow_reader  one who reads slowly does not hold the engine
    python -m tests.proof.load         many clients, half of them hanging up midway
    python -m tests.proof.faults       killed and frozen services, full disks, damaged files, odd clocks

The tests beside them are their short forms. Everything runs on loopback and ends by itself.
"""
