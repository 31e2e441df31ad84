SIGNATURES = """
FeedForward(embed_dim, dim_feedforward, *, activation='gelu', dropout=0.0)
FeedForward.forward(self, x)
BlockWeights(self_attention, cross_attention)
TransformerBlock(embed_dim, num_heads, dim_feedforward, *, num_kv_heads=None, norm_first=True, \
cross_attention=False, dropout=0.0, rotary=None)
TransformerBlock.forward(self, x, memory=None, mask=None, memory_mask=None, *, \
is_causal=False, need_weights=False)
"""
