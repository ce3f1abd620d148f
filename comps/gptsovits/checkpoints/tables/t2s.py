"""T2S: names as in `ckpt["weight"]`, less `model.`"""

from comps.gptsovits.checkpoints.keys import Table

T2S = Table(
    rules=(
        ("bert_proj.{w}", "bert_in.{w}"),
        ("ar_text_embedding.word_embeddings.weight", "phoneme_embedding.weight"),
        ("ar_text_position.alpha", "phoneme_positions.alpha"),
        ("ar_audio_embedding.word_embeddings.weight", "token_embedding.weight"),
        ("ar_audio_position.alpha", "token_positions.alpha"),
        ("h.layers.{i}.self_attn.in_proj_weight", "blocks.{i}.qkv.weight"),
        ("h.layers.{i}.self_attn.in_proj_bias", "blocks.{i}.qkv.bias"),
        ("h.layers.{i}.self_attn.out_proj.{w}", "blocks.{i}.out.{w}"),
        ("h.layers.{i}.linear1.{w}", "blocks.{i}.expand.{w}"),
        ("h.layers.{i}.linear2.{w}", "blocks.{i}.contract.{w}"),
        ("h.layers.{i}.norm{j}.{w}", "blocks.{i}.norm{j}.{w}"),
        ("ar_predict_layer.weight", "head.weight"),
    ),
)
