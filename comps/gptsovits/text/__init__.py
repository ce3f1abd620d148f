"""Text → phonemes, offline and without torch.

`pipeline.phonemize` is the door; `cutting.split_text` cuts a long text into sentences first.
One package per language (`en zh yue ja ko`) meets the protocol `language.FrontEnd`; `registry` imports
each on first use.
"""
