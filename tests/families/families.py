"""The families: the config.json that their repositories carry, with the sizes shrunk so that a test takes a moment.

Fields, their places and their spelling are those of published repositories, most of which transformers 4 wrote. Whatever
changes what the model computes (a window, a rope scaling, a soft cap, an epsilon) is shrunk or raised along with the
sizes, so that an implementation that ignores it is seen to differ at the length of our prompts. The inner dimension of
every matrix is a multiple of 32, the block of Q8_0, and no expert's tensor fits transposed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from vocabulary import SIZE, id_of

BOS, EOS, PAD = id_of("<s>"), id_of("</s>"), id_of("<pad>")
CONTEXT = 2048
WINDOW = 16
EPSILON = 0.01


@dataclass
class Family:
    config: dict
    # (prompt length, tokens to generate)
    runs: list = field(default_factory=lambda: [(24, 32)])
    # [suffix, centre, spread], see golden.py
    values: list = field(default_factory=list)
    # From the tensors that transformers saves to those that published files hold
    published: Callable = list
    # Whether published files hold the experts of a layer as transformers keeps them in memory, in one tensor
    fused: bool = False


# Longer than the window before the first token; growing past it while generating; and far longer.
SLIDING = [(24, 32), (12, 8), (40, 2)]
# Where a seed with which so many steps are decided takes an hour to find.
SLIDING_BRIEFLY = [(24, 12), (12, 8), (40, 2)]

# Where input and output embeddings are one matrix, a model of random weights says the last token again and again. With
# its output turned round it avoids it instead. Gemma's norms add 1 to their weight.
TIED = ["model.norm.weight", -1.0, 0.25]
TIED_GEMMA = ["model.norm.weight", -2.0, 0.25]
GEMMA_NORMS = ["norm.weight", 0.0, 0.25]

# Where they are two, larger input embeddings make what follows depend on the last token more than on the last layer.
UNTIED = ["embed_tokens.weight", 0.0, 1.0]


def sizes(layers=3, head_dim=None, **more):
    head = {} if head_dim is None else {"head_dim": head_dim}
    return {
        "hidden_size": 64,
        "intermediate_size": 128,
        "max_position_embeddings": CONTEXT,
        "num_attention_heads": 4,
        "num_hidden_layers": layers,
        "num_key_value_heads": 2,
        "vocab_size": SIZE,
        **head,
        **more,
    }


def of(kind, model_type, version, **more):
    """What every config.json begins and ends with."""
    return {
        "architectures": [kind],
        "model_type": model_type,
        "torch_dtype": "bfloat16",
        "transformers_version": version,
        **more,
    }


TRAINING = {"attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": True}
ENDS = {"bos_token_id": BOS, "eos_token_id": EOS}

FAMILIES = {}

LLAMA = {
    **of("LlamaForCausalLM", "llama", "4.45.0"),
    **sizes(head_dim=16),
    **TRAINING,
    "attention_bias": False,
    "bos_token_id": BOS,
    "eos_token_id": [EOS, PAD],
    "hidden_act": "silu",
    "mlp_bias": False,
    "pretraining_tp": 1,
    "rms_norm_eps": EPSILON,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
}

FAMILIES["llama"] = Family(
    {
        **LLAMA,
        "rope_scaling": {
            "factor": 8.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 64,
            "rope_type": "llama3",
        },
    },
    values=[UNTIED],
)

FAMILIES["llama_yarn"] = Family(
    {
        **LLAMA,
        "rope_scaling": {"factor": 8.0, "original_max_position_embeddings": 64, "rope_type": "yarn"},
        "rope_theta": 10000.0,
    },
    values=[UNTIED],
)

QWEN3 = {
    **TRAINING,
    **ENDS,
    **sizes(head_dim=32),
    "attention_bias": False,
    "hidden_act": "silu",
    "max_window_layers": 3,
    "rms_norm_eps": EPSILON,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "use_sliding_window": False,
}

FAMILIES["qwen3"] = Family(
    {**of("Qwen3ForCausalLM", "qwen3", "4.51.0"), **QWEN3, "tie_word_embeddings": True},
    values=[TIED],
)

# The window is the context in published files, where it makes no difference that it is off.
FAMILIES["qwen2"] = Family(
    {
        **of("Qwen2ForCausalLM", "qwen2", "4.43.1"),
        **TRAINING,
        **ENDS,
        **sizes(),
        "hidden_act": "silu",
        "max_window_layers": 3,
        "rms_norm_eps": EPSILON,
        "rope_theta": 1000000.0,
        "sliding_window": CONTEXT,
        "tie_word_embeddings": False,
        "use_sliding_window": False,
    },
    values=[UNTIED],
)

MISTRAL = {
    **TRAINING,
    **sizes(head_dim=32),
    "hidden_act": "silu",
    "rms_norm_eps": EPSILON,
}

FAMILIES["mistral"] = Family(
    {
        **of("MistralForCausalLM", "mistral", "4.42.0"),
        **MISTRAL,
        **ENDS,
        "rope_theta": 10000.0,
        "sliding_window": WINDOW,
        "tie_word_embeddings": False,
    },
    SLIDING,
    [UNTIED],
)

FAMILIES["gemma2"] = Family(
    {
        **of("Gemma2ForCausalLM", "gemma2", "4.42.4"),
        **TRAINING,
        **sizes(layers=4, head_dim=32),
        "attention_bias": False,
        "attn_logit_softcapping": 2.0,
        "bos_token_id": BOS,
        "cache_implementation": "hybrid",
        "eos_token_id": [EOS, PAD],
        "final_logit_softcapping": 5.0,
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh",
        "pad_token_id": PAD,
        "query_pre_attn_scalar": 24,
        "rms_norm_eps": EPSILON,
        "rope_theta": 10000.0,
        "sliding_window": WINDOW,
    },
    SLIDING,
    [TIED_GEMMA, GEMMA_NORMS],
)

PHI3 = {
    **TRAINING,
    **ENDS,
    "attention_bias": False,
    "embd_pdrop": 0.0,
    "hidden_act": "silu",
    "pad_token_id": PAD,
    "resid_pdrop": 0.0,
    "rms_norm_eps": EPSILON,
}

FAMILIES["phi3"] = Family(
    {
        **of("Phi3ForCausalLM", "phi3", "4.47.0"),
        **PHI3,
        **sizes(),
        "original_max_position_embeddings": CONTEXT,
        "rope_scaling": None,
        "rope_theta": 250000,
        "sliding_window": None,
        "tie_word_embeddings": False,
    },
    values=[UNTIED],
)

# 24 + 32 tokens are rotated by the short factors, 72 by the long ones.
FAMILIES["phi4_mini"] = Family(
    {
        **of("Phi3ForCausalLM", "phi3", "4.45.0"),
        **PHI3,
        **sizes(hidden_size=128),
        "full_attn_mod": 1,
        "interpolate_factor": 1,
        "lm_head_bias": False,
        "mlp_bias": False,
        "original_max_position_embeddings": 64,
        "partial_rotary_factor": 0.75,
        "rope_scaling": {
            "long_factor": [1.0, 1.1, 1.3, 1.7, 2.5, 4.0, 6.0, 9.0, 13.0, 18.0, 24.0, 31.0],
            "short_factor": [1.0, 1.0, 1.0, 1.1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0],
            "type": "longrope",
        },
        "rope_theta": 10000.0,
        "sliding_window": 262144,
        "tie_word_embeddings": True,
    },
    [(24, 32), (72, 8)],
    [TIED],
)

FAMILIES["mistral3"] = Family(
    {
        **of("Mistral3ForConditionalGeneration", "mistral3", "4.50.0.dev0"),
        "image_token_index": id_of("<image>"),
        "multimodal_projector_bias": False,
        "projector_hidden_act": "gelu",
        "spatial_merge_size": 2,
        "tie_word_embeddings": False,
        "text_config": {
            **MISTRAL,
            "model_type": "mistral",
            "rope_theta": 1000000000.0,
            "sliding_window": None,
        },
        "vision_config": {
            "attention_dropout": 0.0,
            "head_dim": 16,
            "hidden_act": "gelu",
            "hidden_size": 32,
            "image_size": 28,
            "initializer_range": 0.02,
            "intermediate_size": 64,
            "model_type": "pixtral",
            "num_attention_heads": 2,
            "num_channels": 3,
            "num_hidden_layers": 1,
            "patch_size": 14,
            "rope_theta": 10000.0,
        },
        "vision_feature_layer": -1,
    },
    values=[UNTIED],
)

FAMILIES["qwen3_moe"] = Family(
    {
        **of("Qwen3MoeForCausalLM", "qwen3_moe", "4.51.0"),
        **QWEN3,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "moe_intermediate_size": 96,
        "norm_topk_prob": True,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "output_router_logits": False,
        "router_aux_loss_coef": 0.001,
        "tie_word_embeddings": False,
    },
    values=[UNTIED],
)

QWEN3_5_TEXT = {
    **TRAINING,
    **sizes(layers=4, head_dim=32),
    "attention_bias": False,
    "attn_output_gate": True,
    "dtype": "bfloat16",
    "eos_token_id": EOS,
    "full_attention_interval": 4,
    "hidden_act": "silu",
    "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
    "linear_conv_kernel_dim": 4,
    "linear_key_head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_value_head_dim": 16,
    "mamba_ssm_dtype": "float32",
    "mlp_only_layers": [],
    "mtp_num_hidden_layers": 1,
    "mtp_use_dedicated_embeddings": False,
    "rms_norm_eps": EPSILON,
    "rope_parameters": {
        "mrope_interleaved": True,
        "mrope_section": [2, 1, 1],
        "partial_rotary_factor": 0.25,
        "rope_theta": 10000000,
        "rope_type": "default",
    },
}

QWEN3_5 = {
    "image_token_id": id_of("<image>"),
    "transformers_version": "4.57.0.dev0",
    "video_token_id": id_of("<video>"),
    "vision_end_token_id": id_of("<image_end>"),
    "vision_start_token_id": id_of("<image_start>"),
}

QWEN3_5_VISION = {
    "deepstack_visual_indexes": [],
    "depth": 1,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_size": 32,
    "in_channels": 3,
    "initializer_range": 0.02,
    "intermediate_size": 64,
    "num_heads": 2,
    "num_position_embeddings": 16,
    "out_hidden_size": 64,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}

# States that forget within a few tokens, so that both what is kept and what is lost shows.
DELTA_NET = [["A_log", -1.5, 1.0], ["linear_attn.norm.weight", 1.0, 0.25]]

FAMILIES["qwen3_5"] = Family(
    {
        **QWEN3_5,
        "architectures": ["Qwen3_5ForConditionalGeneration"],
        "model_type": "qwen3_5",
        "text_config": {**QWEN3_5_TEXT, "model_type": "qwen3_5_text", "tie_word_embeddings": True},
        "tie_word_embeddings": True,
        "vision_config": {**QWEN3_5_VISION, "model_type": "qwen3_5"},
    },
    values=[["language_model.norm.weight", -2.0, 0.25], *DELTA_NET, GEMMA_NORMS],
)

FAMILIES["qwen3_5_moe"] = Family(
    {
        **QWEN3_5,
        "architectures": ["Qwen3_5MoeForConditionalGeneration"],
        "model_type": "qwen3_5_moe",
        "text_config": {
            **QWEN3_5_TEXT,
            "model_type": "qwen3_5_moe_text",
            "moe_intermediate_size": 96,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "router_aux_loss_coef": 0.001,
            "shared_expert_intermediate_size": 96,
        },
        "tie_word_embeddings": False,
        "vision_config": {**QWEN3_5_VISION, "model_type": "qwen3_5_moe"},
    },
    values=[UNTIED, *DELTA_NET, GEMMA_NORMS],
    fused=True,
)


def with_vision_model(tensors):
    """Transformers 5 dropped a level that the published files have."""
    return [[name.replace("vision_tower.", "vision_tower.vision_model."), shape] for name, shape in tensors]


GEMMA3 = {
    **sizes(layers=6, head_dim=32),
    "query_pre_attn_scalar": 24,
    "rms_norm_eps": EPSILON,
    "sliding_window": WINDOW,
}

FAMILIES["gemma3"] = Family(
    {
        **of("Gemma3ForConditionalGeneration", "gemma3", "4.50.0.dev0"),
        "boi_token_index": id_of("<image_start>"),
        "eoi_token_index": id_of("<image_end>"),
        "eos_token_id": [EOS, PAD],
        "image_token_index": id_of("<image>"),
        "initializer_range": 0.02,
        "mm_tokens_per_image": 4,
        "text_config": {
            **GEMMA3,
            "model_type": "gemma3_text",
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        },
        "vision_config": {
            "hidden_size": 32,
            "image_size": 56,
            "intermediate_size": 64,
            "model_type": "siglip_vision_model",
            "num_attention_heads": 2,
            "num_hidden_layers": 1,
            "patch_size": 14,
            "vision_use_head": False,
        },
    },
    SLIDING,
    [TIED_GEMMA, GEMMA_NORMS],
    with_vision_model,
)

FAMILIES["gemma3_text"] = Family(
    {
        **of("Gemma3ForCausalLM", "gemma3_text", "4.50.0.dev0"),
        **TRAINING,
        **GEMMA3,
        "attention_bias": False,
        "attn_logit_softcapping": None,
        "bos_token_id": BOS,
        "cache_implementation": "hybrid",
        "eos_token_id": [EOS, PAD],
        "final_logit_softcapping": None,
        "hidden_activation": "gelu_pytorch_tanh",
        "pad_token_id": PAD,
        "rope_local_base_freq": 10000,
        "rope_scaling": None,
        "rope_theta": 1000000,
        "sliding_window_pattern": 6,
    },
    SLIDING,
    [TIED_GEMMA, GEMMA_NORMS],
)

GEMMA4 = {
    "boa_token_id": id_of("<audio_start>"),
    "boi_token_id": id_of("<image_start>"),
    "dtype": "bfloat16",
    "audio_config": None,
    "audio_token_id": id_of("<audio>"),
    "architectures": ["Gemma4ForConditionalGeneration"],
    "eoa_token_id": id_of("<audio_end>"),
    "eoa_token_index": id_of("<audio_end>"),
    "eoi_token_id": id_of("<image_end>"),
    "eos_token_id": [EOS, PAD],
    "image_token_id": id_of("<image>"),
    "initializer_range": 0.02,
    "model_type": "gemma4",
    "tie_word_embeddings": True,
    "transformers_version": "5.5.0.dev0",
    "video_token_id": id_of("<video>"),
    "vision_config": {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "default_output_length": 280,
        "head_dim": 16,
        "hidden_activation": "gelu_pytorch_tanh",
        "hidden_size": 32,
        "intermediate_size": 64,
        "max_position_embeddings": CONTEXT,
        "model_type": "gemma4_vision",
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "num_key_value_heads": 2,
        "patch_size": 16,
        "pooling_kernel_size": 3,
        "position_embedding_size": 16,
        "rms_norm_eps": EPSILON,
        "rope_parameters": {"rope_theta": 100.0, "rope_type": "default"},
        "standardize": False,
        "use_clipped_linears": False,
    },
}

GEMMA4_TEXT = {
    **TRAINING,
    **ENDS,
    **sizes(layers=6, head_dim=32),
    "attention_bias": False,
    "dtype": "bfloat16",
    "final_logit_softcapping": 5.0,
    "global_head_dim": 64,
    "hidden_activation": "gelu_pytorch_tanh",
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"] * 2,
    "model_type": "gemma4_text",
    "pad_token_id": PAD,
    "rms_norm_eps": EPSILON,
    "rope_parameters": {
        "full_attention": {"partial_rotary_factor": 0.25, "rope_theta": 1000000.0, "rope_type": "proportional"},
        "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"},
    },
    "sliding_window": WINDOW,
    "tie_word_embeddings": True,
    "vocab_size_per_layer_input": SIZE,
}

# Scores are not divided by the root of the head's size here: trained norms see to that.
GEMMA4_VALUES = [
    ["language_model.norm.weight", -1.0, 0.25],
    ["q_norm.weight", 0.4, 0.1],
    ["k_norm.weight", 0.4, 0.1],
    ["layer_scalar", 1.0, 0.25],
    ["router.scale", 8.0, 2.0],
    ["per_expert_scale", 1.0, 0.25],
]


def with_unused_keys(tensors):
    """Google's own files have keys and values for the layers that share those of others, where nobody reads them."""
    own = {name for name, _ in tensors}
    like = {"sliding_attention": 0, "full_attention": 2}
    unused = [
        [name.replace(f"layers.{like[kind]}.", f"layers.{layer}."), shape]
        for layer, kind in enumerate(GEMMA4_TEXT["layer_types"])
        for name, shape in tensors
        if f"language_model.layers.{like[kind]}.self_attn." in name
    ]
    return tensors + [tensor for tensor in unused if tensor[0] not in own]


# As the small ones: embeddings for each layer, and the later layers without keys and values of their own.
FAMILIES["gemma4"] = Family(
    {
        **GEMMA4,
        "text_config": {
            **GEMMA4_TEXT,
            "attention_k_eq_v": False,
            "enable_moe_block": False,
            "hidden_size_per_layer_input": 32,
            "num_experts": None,
            "num_global_key_value_heads": None,
            "num_kv_shared_layers": 3,
            "top_k_experts": None,
            "use_bidirectional_attention": None,
            "use_double_wide_mlp": True,
        },
    },
    SLIDING_BRIEFLY,
    GEMMA4_VALUES,
    with_unused_keys,
)

# As the large ones: experts beside the MLP, and keys that serve as values in the full layers.
FAMILIES["gemma4_moe"] = Family(
    {
        **GEMMA4,
        "text_config": {
            **GEMMA4_TEXT,
            "attention_k_eq_v": True,
            "enable_moe_block": True,
            "hidden_size_per_layer_input": 0,
            "moe_intermediate_size": 96,
            "num_experts": 4,
            "num_global_key_value_heads": 1,
            "num_kv_shared_layers": 0,
            "top_k_experts": 2,
            "use_bidirectional_attention": "vision",
            "use_double_wide_mlp": False,
        },
    },
    SLIDING_BRIEFLY,
    GEMMA4_VALUES,
)

FAMILIES["smollm3"] = Family(
    {
        **of("SmolLM3ForCausalLM", "smollm3", "4.54.0.dev0"),
        **TRAINING,
        **ENDS,
        **sizes(layers=4),
        "attention_bias": False,
        "hidden_act": "silu",
        "layer_types": ["full_attention"] * 4,
        "max_window_layers": 28,
        "mlp_bias": False,
        "no_rope_layer_interval": 4,
        "no_rope_layers": [1, 1, 1, 0],
        "pad_token_id": PAD,
        "pretraining_tp": 2,
        "rms_norm_eps": EPSILON,
        "rope_scaling": None,
        "rope_theta": 5000000.0,
        "sliding_window": None,
        "use_cache": False,
        "use_sliding_window": False,
    },
    values=[TIED],
)

GRANITE = {
    **TRAINING,
    **ENDS,
    "attention_bias": False,
    "attention_multiplier": 0.2,
    "embedding_multiplier": 3.0,
    "hidden_act": "silu",
    "logits_scaling": 2.0,
    "pad_token_id": PAD,
    "residual_multiplier": 0.5,
    "rms_norm_eps": EPSILON,
    "rope_scaling": None,
    "tie_word_embeddings": True,
}

GRANITE_EMBEDDINGS = ["embed_tokens.weight", 0.0, 0.4]

FAMILIES["granite"] = Family(
    {
        **of("GraniteForCausalLM", "granite", "4.49.0"),
        **GRANITE,
        **sizes(),
        "mlp_bias": False,
        "rope_theta": 10000000.0,
    },
    values=[TIED, GRANITE_EMBEDDINGS],
)

GRANITE4 = {
    **of("GraniteMoeHybridForCausalLM", "granitemoehybrid", "4.56.0"),
    **GRANITE,
    "init_method": "mup",
    "mamba_chunk_size": 256,
    "mamba_conv_bias": True,
    "mamba_d_conv": 4,
    "mamba_d_head": 32,
    "mamba_d_state": 16,
    "mamba_expand": 2,
    "mamba_n_groups": 1,
    "mamba_n_heads": 4,
    "mamba_proj_bias": False,
    "normalization_function": "rmsnorm",
    "output_router_logits": False,
    "rope_theta": 10000,
    "router_aux_loss_coef": 0.01,
    "shared_intermediate_size": 128,
}

FAMILIES["granitemoehybrid"] = Family(
    {
        **GRANITE4,
        **sizes(layers=4, intermediate_size=96),
        "layer_types": ["mamba", "mamba", "attention", "mamba"],
        "num_experts_per_tok": 2,
        "num_local_experts": 4,
        "position_embedding_type": "nope",
    },
    values=[
        TIED,
        GRANITE_EMBEDDINGS,
        ["A_log", -1.5, 1.0],
        ["mamba.D", 1.0, 0.25],
        # Whom a token is given to is decided, so that rounding changes nothing of it.
        ["router.layer.weight", 0.0, 1.5],
    ],
)

FAMILIES["granitemoehybrid_dense"] = Family(
    {
        **GRANITE4,
        **sizes(),
        "layer_types": ["attention"] * 3,
        "num_experts_per_tok": 0,
        "num_local_experts": 0,
        "position_embedding_type": "rope",
    },
    values=[TIED, GRANITE_EMBEDDINGS],
)

FAMILIES["glm4"] = Family(
    {
        **of("Glm4ForCausalLM", "glm4", "4.52.0.dev0"),
        **TRAINING,
        **sizes(head_dim=32),
        "attention_bias": False,
        "eos_token_id": [EOS, PAD],
        "hidden_act": "silu",
        "pad_token_id": PAD,
        "partial_rotary_factor": 0.5,
        "rms_norm_eps": EPSILON,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
    },
    values=[UNTIED],
)

FAMILIES["deepseek2"] = Family(
    {
        **of("DeepseekV2ForCausalLM", "deepseek_v2", "4.33.1"),
        **TRAINING,
        **ENDS,
        **sizes(num_key_value_heads=4),
        "attention_bias": False,
        "aux_loss_alpha": 0.001,
        "first_k_dense_replace": 1,
        "hidden_act": "silu",
        "kv_lora_rank": 32,
        "moe_intermediate_size": 96,
        "moe_layer_freq": 1,
        "n_group": 1,
        "n_routed_experts": 4,
        "n_shared_experts": 2,
        "norm_topk_prob": False,
        "num_experts_per_tok": 2,
        "pretraining_tp": 1,
        "q_lora_rank": None,
        "qk_nope_head_dim": 32,
        "qk_rope_head_dim": 16,
        # One of its norms has this one whatever is written here
        "rms_norm_eps": 1e-06,
        "rope_scaling": {
            "beta_fast": 32,
            "beta_slow": 1,
            "factor": 40,
            "mscale": 0.707,
            "mscale_all_dim": 0.707,
            "original_max_position_embeddings": 64,
            "type": "yarn",
        },
        "rope_theta": 10000,
        "routed_scaling_factor": 1.0,
        "scoring_func": "softmax",
        "seq_aux": True,
        "tie_word_embeddings": False,
        "topk_group": 1,
        "topk_method": "greedy",
        "v_head_dim": 32,
    },
    values=[UNTIED],
)

FAMILIES["starcoder2"] = Family(
    {
        **of("Starcoder2ForCausalLM", "starcoder2", "4.37.0.dev0"),
        **TRAINING,
        **ENDS,
        **sizes(),
        "embedding_dropout": 0.0,
        "hidden_act": "gelu_pytorch_tanh",
        "mlp_type": "default",
        "norm_epsilon": EPSILON,
        "norm_type": "layer_norm",
        "residual_dropout": 0.0,
        "rope_theta": 999999.4420358813,
        "sliding_window": WINDOW,
        "use_bias": True,
    },
    SLIDING_BRIEFLY,
    [TIED],
)


def as_mxfp4(tensors):
    """The experts as blocks of 32 numbers of four bits, two to a byte, with an exponent each."""
    packed = []
    for name, shape in tensors:
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            experts, inputs, outputs = shape
            packed.append([f"{name}_blocks", [experts, outputs, inputs // 32, 16], "u8"])
            packed.append([f"{name}_scales", [experts, outputs, inputs // 32], "u8"])
        else:
            packed.append([name, shape])
    return packed


FAMILIES["gpt_oss"] = Family(
    {
        **of("GptOssForCausalLM", "gpt_oss", "4.55.0.dev0"),
        **TRAINING,
        **sizes(layers=4, head_dim=32, intermediate_size=96),
        "attention_bias": True,
        "eos_token_id": EOS,
        "experts_per_token": 2,
        "hidden_act": "silu",
        "initial_context_length": 64,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "num_experts_per_tok": 2,
        "num_local_experts": 4,
        "output_router_logits": False,
        "pad_token_id": PAD,
        "quantization_config": {
            "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"],
            "quant_method": "mxfp4",
        },
        "rms_norm_eps": EPSILON,
        "rope_scaling": {
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "factor": 32.0,
            "original_max_position_embeddings": 64,
            "rope_type": "yarn",
            "truncate": False,
        },
        "rope_theta": 150000,
        "router_aux_loss_coef": 0.9,
        "sliding_window": WINDOW,
        "swiglu_limit": 7.0,
        "tie_word_embeddings": False,
    },
    SLIDING,
    # Any byte for two numbers of the largest size 6, and exponents of 2 that bring them down to where other weights are, but
    # for gates, of which some are to be beyond the limit: it is the published one, because GGUF files do not tell it
    [UNTIED, ["_blocks", 128.0, 128.0], ["gate_up_proj_scales", 125.0, 1.0], ["_scales", 122.0, 1.0], ["sinks", 0.0, 1.0]],
    as_mxfp4,
)
