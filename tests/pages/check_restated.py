"""Hold tests/pages/restated.py against the libraries that it restates (a maintainer's step).

    pip install --target DIR huggingface_hub; pip install --target DIR --no-deps \
        d2l==1.0.3 transformers==5.24.0 tokenizers safetensors regex pyyaml
    PYTHONPATH=DIR:. python tests/pages/check_restated.py

The page of names (names.md of each edition) says with which versions this was done last, and when.
"""

import re
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from tests.pages import restated

close = torch.testing.assert_close


def d2l_source() -> dict[str, Any]:
    """Run the classes that are restated out of d2l's file, without importing what it imports."""
    spec = find_spec("d2l")
    assert spec is not None, "d2l is not installed"
    assert spec.submodule_search_locations is not None
    text = Path(spec.submodule_search_locations[0], "torch.py").read_text(encoding="utf-8")
    names = ("def masked_softmax", "class DotProductAttention", "class MultiHeadAttention")
    found = [
        re.search(rf"^{name}\(.*?(?=^class |^def )", text, re.DOTALL | re.MULTILINE)
        for name in (
            *names,
            "class PositionWiseFFN",
            "class AddNorm",
            "class TransformerEncoderBlock",
            "class PositionalEncoding",
        )
    ]
    scope: dict[str, Any] = {}
    exec("import math\nimport torch\nfrom torch import nn\nimport types\n", scope)
    exec(
        "d2l = types.SimpleNamespace(Module=nn.Module, zeros=torch.zeros, arange=torch.arange)",
        scope,
    )
    for match in found:
        assert match is not None
        exec(match[0], scope)
        for name in ("DotProductAttention", "MultiHeadAttention"):
            exec(f"d2l.{name} = globals().get({name!r})", scope)
    return scope


def check_d2l() -> None:
    """Attention with padding, and positions."""
    d2l = d2l_source()
    x, lens = torch.randn(2, 7, 15), torch.tensor([3, 0])
    theirs, ours = d2l["MultiHeadAttention"](15, 5, 0.0), restated.D2lMultiHeadAttention(15, 5, 0.0)
    theirs(x, x, x, None)  # makes its lazy layers
    ours.load_state_dict(theirs.state_dict())
    for valid_lens in (None, lens, torch.arange(1, 8).expand(2, 7)):
        close(ours(x, x, x, valid_lens), theirs(x, x, x, valid_lens))
        close(ours.attention.attention_weights, theirs.attention.attention_weights)
    block = d2l["TransformerEncoderBlock"](15, 13, 5, 0.0).eval()
    expected = block(x, lens)
    mine = restated.d2l_transformer_encoder_block(
        x,
        lambda x: block.attention(x, x, x, lens),
        block.ffn,
        block.addnorm1.ln,
        block.addnorm2.ln,
    )
    close(mine, expected)
    close(restated.d2l_positional_encoding(16), d2l["PositionalEncoding"](16, 0.0).P)


def check_hugging_face() -> None:
    """Llama's attention, mask and rotation; the positions of BLOOM and Marian; GPT-2's layer."""
    from transformers import LlamaConfig, LlamaModel
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor
    from transformers.models.llama import modeling_llama as llama
    from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding
    from transformers.pytorch_utils import Conv1D

    from attnlib import alibi_slopes

    config = LlamaConfig(
        vocab_size=11, hidden_size=24, num_attention_heads=3, num_key_value_heads=3,
        num_hidden_layers=1, intermediate_size=8, attn_implementation="eager",
    )  # fmt: skip
    model = LlamaModel(config).eval()
    layer = model.layers[0].self_attn
    seen: dict[str, Any] = {}
    original = llama.eager_attention_forward

    def watched(
        module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **rest: Any
    ) -> Any:
        result = original(module, query, key, value, attention_mask, **rest)
        seen.update(query=query, key=key, value=value, mask=attention_mask, result=result, **rest)
        return result

    llama.eager_attention_forward = watched
    tokens, real = torch.randint(11, (2, 7)), torch.ones(2, 7, dtype=torch.long)
    real[1, :2] = 0  # filler in front, so that the first rows of phrase 1 are empty
    with torch.no_grad():
        whole = model(tokens, attention_mask=real, use_cache=False)[0]
        close(seen["mask"], restated.hf_prepare_mask(real, 7))
        ours = restated.hf_attention(
            seen["query"], seen["key"], seen["value"], seen["mask"], seen["scaling"]
        )
        close(ours, seen["result"])
        first = model(tokens[:, :4], attention_mask=real[:, :4], use_cache=True)
        last = model(tokens[:, 4:], attention_mask=real, cache=first.cache)[0]
        close(seen["mask"], restated.hf_prepare_mask(real, 3))
        close(last, whole[:, 4:])
        x, places = torch.randn(2, 3, 7, 8), torch.arange(5, 12).expand(2, 7)
        turned, _ = llama.apply_rotary_pos_emb(x, x, *model.rotary_emb(x, places))
        close(restated.hf_rotary(x, places), turned)
        slopes = alibi_slopes(4)
        close(
            restated.hf_alibi(real, slopes).flatten(0, 1),
            build_alibi_tensor(real, 4, torch.float32),
        )
        marian = MarianSinusoidalPositionalEmbedding(9, 16)
        close(restated.hf_marian_positions(9, 16), marian.create_weight())
        theirs, mine = Conv1D(6, 5), restated.HfConv1D(6, 5)
        mine.load_state_dict(theirs.state_dict())
        close(mine(torch.ones(2, 5)), theirs(torch.ones(2, 5)))
    check_blocks()
    check_default_attention(config, tokens, real)
    check_windows()
    check_writing()
    assert {"q_proj", "k_proj", "v_proj", "o_proj"} <= {name for name, _ in layer.named_children()}
    assert layer.q_proj.bias is None


def check_windows() -> None:
    """The windows of Mistral and its like, and of Longformer: which tokens change which."""
    from transformers import LongformerConfig, LongformerModel
    from transformers.masking_utils import sliding_window_overlay

    place = torch.arange(9)
    overlay = sliding_window_overlay(3)(0, 0, place[:, None], place)
    assert torch.equal(overlay, restated.hf_sliding_window(9, 3))
    config = LongformerConfig(
        vocab_size=11, hidden_size=8, num_attention_heads=2, num_hidden_layers=1,
        intermediate_size=8, attention_window=4, max_position_embeddings=64,
    )  # fmt: skip
    model = LongformerModel(config, add_pooling_layer=False).eval()
    x = torch.randn(1, 16, 8, requires_grad=True)
    output = model(inputs_embeds=x)[0][0]
    reached = [torch.autograd.grad(row[0], x, retain_graph=True)[0] for row in output]
    seen = torch.stack([each[0].abs().sum(dim=-1) > 0 for each in reached])
    assert torch.equal(seen, restated.hf_longformer_window(16, 4))


def check_writing() -> None:
    """The cache, and what is left of the scores of the next token."""
    from transformers import DynamicCache
    from transformers.generation import logits_process as theirs

    caches = DynamicCache(), restated.HfDynamicCache()
    for _ in range(3):
        new = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 4, 8)
        close(*(cache.update(*new, layer_idx=0) for cache in caches))
    for cache in caches:
        cache.crop(-2)
        assert cache.get_seq_length() == 10
    scores = torch.randn(2, 50).mul(2).round()  # several are as large as others
    for number in (0.3, 0.7, 0.95):
        close(restated.hf_top_p(scores, number), theirs.TopPLogitsWarper(number)(None, scores))
        warped = theirs.TemperatureLogitsWarper(number)(None, scores)
        close(restated.hf_temperature(scores, number), warped)
    for number in (1, 5, 20):
        close(restated.hf_top_k(scores, number), theirs.TopKLogitsWarper(number)(None, scores))
    for refused in (lambda: theirs.TemperatureLogitsWarper(0.0), lambda: caches[0].crop(2)):
        try:
            refused()
        except ValueError:
            continue
        raise AssertionError("it takes this now")


def check_blocks() -> None:
    """GPT-2's block and that of Marian's encoder."""
    from transformers import GPT2Config, MarianConfig
    from transformers.models.gpt2.modeling_gpt2 import GPT2Block
    from transformers.models.marian.modeling_marian import MarianEncoderLayer

    x = torch.randn(2, 7, 24)
    config = GPT2Config(n_embd=24, n_head=3, n_inner=13, attn_implementation="eager")
    block = GPT2Block(config, layer_idx=0).eval()
    assert block.mlp.c_fc.weight.shape == (24, 13)
    ours = restated.hf_gpt2_block(x, lambda x: block.attn(x)[0], block.mlp, block.ln_1, block.ln_2)
    close(ours, block(x))

    settings = MarianConfig(
        d_model=24, encoder_attention_heads=3, encoder_ffn_dim=13, attn_implementation="eager"
    )
    layer = MarianEncoderLayer(settings).eval()
    ours = restated.hf_marian_encoder_layer(
        x,
        lambda x: layer.self_attn(x)[0],
        lambda x: layer.fc2(layer.activation_fn(layer.fc1(x))),
        layer.self_attn_layer_norm,
        layer.final_layer_norm,
    )
    theirs = layer(x, attention_mask=None)
    close(ours, theirs[0] if isinstance(theirs, tuple) else theirs)


def check_default_attention(config: Any, tokens: Any, real: Any) -> None:
    """What a Llama model hands to its attention where nobody asks for another one."""
    from transformers import LlamaModel
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    plain = config.to_dict()
    plain.pop("_attn_implementation", None)
    model = LlamaModel(type(config)(**plain)).eval()
    assert model.config._attn_implementation == "sdpa"
    original, seen = ALL_ATTENTION_FUNCTIONS["sdpa"], {}

    def watched(module: Any, query: Any, key: Any, value: Any, mask: Any, **rest: Any) -> Any:
        result = original(module, query, key, value, mask, **rest)
        seen.update(inputs=(query, key, value, mask, rest["scaling"]), result=result)
        return result

    ALL_ATTENTION_FUNCTIONS["sdpa"] = watched
    with torch.no_grad():
        model(tokens, attention_mask=real, use_cache=False)
    assert torch.equal(seen["inputs"][3], restated.hf_prepare_sdpa_mask(real, 7))
    output, weights = restated.hf_sdpa_attention(*seen["inputs"])
    close(output, seen["result"][0])
    assert weights is seen["result"][1] is None
    assert (output[1, :2] == 0).all()  # behind filler: nothing to look at


if __name__ == "__main__":
    torch.manual_seed(0)
    check_d2l()
    check_hugging_face()
    sys.stdout.write(
        f"d2l {version('d2l')} and Transformers {version('transformers')}: as restated\n"
    )
