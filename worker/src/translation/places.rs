//! Where the tensors of a transformers' class lie in a GGUF file, and what llama.cpp's converter did to each
//! (`conversion/*.py`, names: `gguf-py/gguf/tensor_mapping.py`).

use anyhow::{Result, bail};

use super::metadata::Metadata;

/// Names of a class's tensors in a layer, and in the file's.
type Names = &'static [(&'static str, &'static str)];

const COMMON: Names = &[
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
    ("mlp.gate", "ffn_gate_inp"),
    ("mlp.experts.gate_proj", "ffn_gate_exps"),
    ("mlp.experts.up_proj", "ffn_up_exps"),
    ("mlp.experts.down_proj", "ffn_down_exps"),
    ("input_layernorm", "attn_norm"),
];

const LLAMA: Names = &[("post_attention_layernorm", "ffn_norm")];

const GRANITE: Names = &[
    (JOINED, "ffn_gate"),
    ("shared_mlp.output_linear", "ffn_down"),
    ("post_attention_layernorm", "ffn_norm"),
];

/// Granite with states: whose feed-forward part is one expert of many, the one that all share.
const GRANITE_HYBRID: Names = &[
    (JOINED, "ffn_gate_shexp"),
    ("shared_mlp.output_linear", "ffn_down_shexp"),
    ("block_sparse_moe.router.layer", "ffn_gate_inp"),
    ("block_sparse_moe.gate_proj", "ffn_gate_exps"),
    ("block_sparse_moe.up_proj", "ffn_up_exps"),
    ("block_sparse_moe.down_proj", "ffn_down_exps"),
    ("post_attention_layernorm", "ffn_norm"),
];

const MAMBA: Names = &[
    ("mamba.in_proj", "ssm_in"),
    ("mamba.out_proj", "ssm_out"),
    ("mamba.conv1d", "ssm_conv1d"),
    ("mamba.norm", "ssm_norm"),
    ("mamba.dt_bias", "ssm_dt.bias"),
    ("mamba.A_log", "ssm_a"),
    ("mamba.D", "ssm_d"),
];

/// Rows of which the second half lies in a tensor of its own.
const JOINED: &str = "shared_mlp.input_linear";

const GPT_OSS: Names = &[
    (GATED, "ffn_gate_exps"),
    ("mlp.router", "ffn_gate_inp"),
    ("self_attn.sinks", "attn_sinks.weight"),
    ("post_attention_layernorm", "post_attention_norm"),
];

/// Experts of which every other row lies in a tensor of its own.
const GATED: &str = "mlp.experts.gate_up_proj";

const GEMMA: Names = &[
    ("post_attention_layernorm", "post_attention_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
];

const GEMMA_4: Names = &[
    ("embed_tokens_per_layer", "per_layer_token_embd"),
    ("per_layer_model_projection", "per_layer_model_proj"),
    ("per_layer_projection_norm", "per_layer_proj_norm"),
    ("per_layer_input_gate", "inp_gate"),
    ("per_layer_projection", "proj"),
    ("post_per_layer_input_norm", "post_norm"),
    ("layer_scalar", "layer_output_scale.weight"),
    ("router.proj", "ffn_gate_inp"),
    ("router.scale", "ffn_gate_inp.scale"),
    ("router.per_expert_scale", "ffn_down_exps.scale"),
    ("experts.gate_proj", "ffn_gate_exps"),
    ("experts.up_proj", "ffn_up_exps"),
    ("experts.down_proj", "ffn_down_exps"),
    ("post_attention_layernorm", "post_attention_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("pre_feedforward_layernorm_2", "pre_ffw_norm_2"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
    ("post_feedforward_layernorm_1", "post_ffw_norm_1"),
    ("post_feedforward_layernorm_2", "post_ffw_norm_2"),
];

const GLM: Names = &[
    ("mlp.gate_up_proj", "ffn_up"),
    ("post_attention_layernorm", "ffn_norm"),
    ("post_self_attn_layernorm", "post_attention_norm"),
    ("post_mlp_layernorm", "post_ffw_norm"),
];

const PHI: Names = &[
    ("self_attn.qkv_proj", "attn_qkv"),
    ("mlp.gate_up_proj", "ffn_up"),
    ("post_attention_layernorm", "ffn_norm"),
];

const DEEPSEEK: Names = &[
    ("self_attn.q_a_proj", "attn_q_a"),
    ("self_attn.q_a_layernorm", "attn_q_a_norm"),
    ("self_attn.q_b_proj", "attn_q_b"),
    ("self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"),
    ("self_attn.kv_a_layernorm", "attn_kv_a_norm"),
    ("self_attn.kv_b_proj", "attn_kv_b"),
    ("mlp.shared_experts.gate_proj", "ffn_gate_shexp"),
    ("mlp.shared_experts.up_proj", "ffn_up_shexp"),
    ("mlp.shared_experts.down_proj", "ffn_down_shexp"),
    ("post_attention_layernorm", "ffn_norm"),
];

const QWEN: Names = &[
    ("linear_attn.in_proj_qkv", "attn_qkv"),
    ("linear_attn.in_proj_z", "attn_gate"),
    ("linear_attn.in_proj_a", "ssm_alpha"),
    ("linear_attn.in_proj_b", "ssm_beta"),
    ("linear_attn.conv1d", "ssm_conv1d"),
    ("linear_attn.norm", "ssm_norm"),
    ("linear_attn.out_proj", "ssm_out"),
    ("linear_attn.dt_bias", "ssm_dt.bias"),
    ("linear_attn.A_log", "ssm_a"),
    ("mlp.shared_expert.gate_proj", "ffn_gate_shexp"),
    ("mlp.shared_expert.up_proj", "ffn_up_shexp"),
    ("mlp.shared_expert.down_proj", "ffn_down_shexp"),
    ("mlp.shared_expert_gate", "ffn_gate_inp_shexp"),
    ("post_attention_layernorm", "post_attention_norm"),
];

const STARCODER: Names = &[
    ("mlp.c_fc", "ffn_up"),
    ("mlp.c_proj", "ffn_down"),
    ("post_attention_layernorm", "ffn_norm"),
];

/// What the converter did to numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It added 1, as the class will.
    PlusOne,
    /// It took minus the exponential, as the class will.
    NegatedExponential,
}

/// Rows or columns that lie in another order: from `start` on, `repeats` times `outer × inner` groups of `width` with the two
/// sides of the grid exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// What lies before keeps its place.
    pub start: usize,
    /// Grids, one after the other.
    pub repeats: usize,
    /// Groups of groups, as the class has them.
    pub outer: usize,
    /// Groups in each.
    pub inner: usize,
    /// Rows of a group.
    pub width: usize,
}

impl Exchanged {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        let grids = self.repeats.saturating_mul(self.outer).saturating_mul(self.inner);
        grids.saturating_mul(self.width).saturating_add(self.start)
    }

    /// Where in the file the class's rows lie, one after the other.
    pub fn order(&self) -> Vec<u32> {
        let grid = self.outer * self.inner;
        let mut order: Vec<u32> = (0..self.start as u32).collect();
        for repeat in 0..self.repeats {
            for place in 0..grid {
                let (outer, inner) = (place / self.inner, place % self.inner);
                let group = repeat * grid + inner * self.outer + outer;
                let first = (self.start + group * self.width) as u32;
                order.extend(first..first + self.width as u32);
            }
        }
        order
    }
}

/// A tensor's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name in the file, without `.weight` or `.bias` where the class's is without.
    pub name: String,
    /// What was done to its numbers.
    pub change: Change,
    /// What was done to its rows.
    pub rows: Option<Exchanged>,
    /// What was done to its columns.
    pub columns: Option<Exchanged>,
    /// The tensor that holds the other half of its rows: the second, or every other one of experts.
    pub second: Option<String>,
}

/// The places of one model's tensors.
pub struct Places {
    /// What the names of the text's tensors begin with.
    prefix: &'static str,
    names: Names,
    /// 1 was added to norms.
    shifted: bool,
    /// Heads of queries and of keys, whose halves lie interleaved.
    interleaved: Option<[(&'static str, usize); 2]>,
    /// Heads of keys, those of values for each, and the lengths of both, where linear attention's heads of values are tiled.
    tiled: Option<Tiled>,
}

#[derive(Clone, Copy)]
struct Tiled {
    keys: usize,
    values_each: usize,
    key_length: usize,
    value_length: usize,
}

impl Tiled {
    fn of(metadata: &Metadata) -> Result<Option<Self>> {
        let keys = metadata.needed("ssm.group_count")?;
        let values = metadata.needed("ssm.time_step_rank")?;
        let tiled = Self {
            keys,
            values_each: values / keys,
            key_length: metadata.needed("ssm.state_size")?,
            value_length: metadata.needed("ssm.inner_size")? / values,
        };
        Ok(Some(tiled).filter(|tiled| tiled.values_each > 1))
    }

    /// What was done to rows, or columns, of which each head of values has so many.
    fn exchanged(&self, start: usize, width: usize) -> Option<Exchanged> {
        Some(Exchanged {
            start,
            repeats: 1,
            outer: self.keys,
            inner: self.values_each,
            width,
        })
    }

    fn rows(&self, name: &str) -> Option<Exchanged> {
        let after_keys = self.keys.saturating_mul(self.key_length).saturating_mul(2);
        match name.strip_prefix("linear_attn.")? {
            "in_proj_qkv" | "conv1d" => self.exchanged(after_keys, self.value_length),
            "in_proj_z" => self.exchanged(0, self.value_length),
            "in_proj_a" | "in_proj_b" | "dt_bias" | "A_log" => self.exchanged(0, 1),
            _ => None,
        }
    }

    fn columns(&self, name: &str) -> Option<Exchanged> {
        match name {
            "linear_attn.out_proj" => self.exchanged(0, self.value_length),
            _ => None,
        }
    }
}

impl Places {
    /// # Errors
    /// When the architecture is none of those that run as classes, or a number that places depend on is missing.
    pub fn of(metadata: &Metadata) -> Result<Self> {
        let plain = |names| Self {
            prefix: "model.",
            names,
            shifted: false,
            interleaved: None,
            tiled: None,
        };
        Ok(match metadata.architecture {
            "gemma2" | "gemma3" => Self {
                shifted: true,
                ..plain(GEMMA)
            },
            "gemma4" => Self {
                prefix: "model.language_model.",
                ..plain(GEMMA_4)
            },
            "smollm3" | "granite" | "granitehybrid" => {
                let heads = metadata.needed("attention.head_count")?;
                let kv_heads = metadata.most("attention.head_count_kv").unwrap_or(heads);
                let has_experts = metadata.number("expert_count").is_some_and(|count| count > 0);
                Self {
                    interleaved: Some([("self_attn.q_proj", heads), ("self_attn.k_proj", kv_heads)]),
                    ..plain(match metadata.architecture {
                        "smollm3" => LLAMA,
                        _ if has_experts => GRANITE_HYBRID,
                        _ => GRANITE,
                    })
                }
            }
            "glm4" => plain(GLM),
            "phi3" => plain(PHI),
            "deepseek2" => plain(DEEPSEEK),
            "starcoder2" => plain(STARCODER),
            "gpt-oss" => plain(GPT_OSS),
            "qwen35" | "qwen35moe" => Self {
                prefix: "model.language_model.",
                shifted: true,
                tiled: Tiled::of(metadata)?,
                ..plain(QWEN)
            },
            other => bail!("its architecture, “{other}”, is not known to the engine"),
        })
    }

    /// Where a tensor of the class lies, its name without `.weight` or `.bias`; none for what no file holds. `rows` are those
    /// of a matrix whose heads may be interleaved.
    pub fn find(&self, name: &str, rows: usize) -> Option<Place> {
        let same = |name: &str| Place {
            name: name.to_owned(),
            change: Change::None,
            rows: None,
            columns: None,
            second: None,
        };
        if name == "lm_head" {
            return Some(same("output"));
        }
        let rest = name.strip_prefix(self.prefix)?;
        match rest {
            "lm_head" => return Some(same("output")),
            "embed_tokens" => return Some(same("token_embd")),
            "norm" => {
                return Some(Place {
                    change: self.norm(),
                    ..same("output_norm")
                });
            }
            _ => {}
        }
        let named = |role: &str| {
            let mut names = self.names.iter().chain(MAMBA).chain(COMMON);
            names.find(|(ours, _)| *ours == role).map(|(_, theirs)| *theirs)
        };
        let Some(in_layer) = rest.strip_prefix("layers.") else {
            return named(rest).map(same);
        };
        let (layer, role) = in_layer.split_once('.')?;
        let theirs = named(role)?;
        let change = match role {
            "linear_attn.A_log" | "mamba.A_log" => Change::NegatedExponential,
            "linear_attn.norm" => Change::None,
            _ if role.ends_with("norm") => self.norm(),
            _ => Change::None,
        };
        Some(Place {
            name: format!("blk.{layer}.{theirs}"),
            change,
            rows: self.interleaved(role, rows).or_else(|| self.tiled?.rows(role)),
            columns: self.tiled.and_then(|tiled| tiled.columns(role)),
            second: matches!(role, JOINED | GATED)
                .then(|| format!("blk.{layer}.{}", theirs.replace("gate", "up"))),
        })
    }

    fn norm(&self) -> Change {
        if self.shifted {
            Change::PlusOne
        } else {
            Change::None
        }
    }

    fn interleaved(&self, role: &str, rows: usize) -> Option<Exchanged> {
        let (_, heads) = self.interleaved?.into_iter().find(|(name, _)| *name == role)?;
        Some(Exchanged {
            start: 0,
            repeats: heads,
            outer: 2,
            inner: rows / heads / 2,
            width: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two heads of two pairs each: a file has the pairs' first and second numbers side by side.
    #[test]
    fn halves_are_put_together_again() {
        let heads = Exchanged {
            start: 1,
            repeats: 2,
            outer: 2,
            inner: 2,
            width: 1,
        };
        assert_eq!(heads.order(), [0, 1, 3, 2, 4, 5, 7, 6, 8]);
        assert_eq!(heads.rows(), 9);
    }

    /// Two heads of keys with three of values each, of two rows.
    #[test]
    fn tiles_are_taken_apart() {
        let values = Exchanged {
            start: 0,
            repeats: 1,
            outer: 2,
            inner: 3,
            width: 2,
        };
        assert_eq!(values.order(), [0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11]);
    }
}
