"""The recipe of the bundled model: one command a stage, `python -m comps.gptsovits.training.<stage>`.

| stage      | makes                                                          | from                   |
|------------|----------------------------------------------------------------|------------------------|
| `corpus`   | speech with text and phonemes                                  | Kokoro, WordNet        |
| `features` | the content encoder, and where each phoneme lies               | the corpus             |
| `codebook` | the quantizer, and the tokens of every utterance               | content encoder        |
| `t2s`      | the transformer from phonemes to tokens                        | tokens, phonemes       |
| `prefer`   | the same, taught by how its own attempts sound to the ear      | `t2s`, WordNet         |
| `decoder`  | the vocoder, the prior from tokens, then both together         | speech, tokens         |
| `export`   | one safetensors file                                           | all of the above       |
| `evaluate` | figures on voices and sentences that training never heard      | the file, the corpus   |

`python -m comps.gptsovits.training all` runs them in this order. Each has a progress bar, fixed seeds
and a plot of its losses in `<work>/logs`; stopped (`--minutes` does it), it goes on from its last checkpoint.
`reading` measures T2S without a decoder; `outside` makes clips of strangers for `evaluate --voices`. When a
corpus gains speech later (`corpus --add`), `grow` takes it into what the stages have made, and `t2s` and
`joint` go on over all of it; `prefer` then begins anew.
"""
