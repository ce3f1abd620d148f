"""The reference implementation's reading of text, oddities and all, for comparison only.

What users hear is made by `pipeline`; it differs where the reference drops, doubles or garbles something
that was written. This package answers what the reference itself would say, so that the rest can be compared
phone by phone: `gptsovits phonemize --jsonl` uses it for rows that name a `level` of the reference, and
nothing else does.
"""
