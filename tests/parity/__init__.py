"""Does the product compute what the reference implementation computes?

`bin/parity.sh DIR…` answers for folders of stored inputs and outputs, `test_parity.py` for the small ones in
`data`.
"""
