//! What is refused, and in which words.

use crate::published::{IQ4_XS, Published, Q6_K, gemma_4_e4b, model};
use hearth_fit::{Reason, Shape};
use hearth_gguf::{Header, Value};

#[test]
fn what_the_engine_cannot_run_is_refused_in_a_sentence() {
    let refused = |header| Shape::of(&header).unwrap_err();
    let qwen = model("Qwen3 4B");
    assert!(matches!(
        refused(
            Published {
                architecture: "cohere2",
                ..qwen
            }
            .q4_k_m()
        ),
        Reason::Architecture { .. }
    ));
    assert_eq!(
        refused(qwen.header(IQ4_XS, Q6_K)),
        Reason::TensorType {
            tensor_type: "IQ4_XS".to_owned()
        }
    );
    let said_of_gemma = |key: &str, value: Value| {
        let mut header = model("Gemma 3 4B").q4_k_m();
        header.metadata.insert(format!("gemma3.{key}"), value);
        header
            .metadata
            .insert("gemma3.rope.scaling.factor".to_owned(), Value::Float(4.0));
        refused(header)
    };
    let yarn = said_of_gemma("rope.scaling.type", Value::Text("yarn".to_owned()));
    assert!(matches!(yarn, Reason::Misfit { .. }));
    let layers = said_of_gemma("block_count", Value::Unsigned(u64::from(u32::MAX)));
    assert!(matches!(layers, Reason::Misfit { .. }));
    for key in ["attention.key_length", "rope.dimension_count"] {
        let long = said_of_gemma(key, Value::Unsigned(1 << 40));
        assert!(matches!(long, Reason::Misfit { .. }), "{key}");
    }
    let mut narrow = model("Gemma 3 4B").q4_k_m();
    for tensor in narrow
        .tensors
        .iter_mut()
        .filter(|tensor| tensor.name == "blk.7.attn_q.weight")
    {
        tensor.shape[0] -= 1;
    }
    assert!(matches!(refused(narrow), Reason::Misfit { .. }));
    let without = |key: &str| {
        let mut header = qwen.q4_k_m();
        header.metadata.remove(key);
        refused(header)
    };
    assert_eq!(without("tokenizer.chat_template"), Reason::NoChatTemplate);
    assert!(matches!(without("qwen3.block_count"), Reason::Missing { .. }));
    for (model, way) in [("gpt2", "newest"), ("bert", "")] {
        let mut header = qwen.q4_k_m();
        for (key, value) in [("model", model), ("pre", way)] {
            let value = Value::Text(value.to_owned());
            header.metadata.insert(format!("tokenizer.ggml.{key}"), value);
        }
        assert!(matches!(refused(header), Reason::Misfit { .. }));
    }
    for reason in [yarn, layers, without("qwen3.block_count")] {
        let sentence = reason.to_string();
        assert!(sentence.ends_with('.') && !sentence.contains(".."), "{sentence}");
    }
}

/// What Gemma 4's class asks for besides its layers.
#[test]
fn a_gemma_4_without_one_of_its_parts_is_refused() {
    let refused = |change: &dyn Fn(&mut Header)| {
        let mut header = gemma_4_e4b();
        change(&mut header);
        Shape::of(&header).unwrap_err()
    };
    for lost in ["rope_freqs.weight", "per_layer_token_embd.weight"] {
        let reason = refused(&|header| header.tensors.retain(|tensor| tensor.name != lost));
        assert!(matches!(reason, Reason::Missing { .. }), "{lost}: {reason}");
    }
    for lost in [
        "attention.sliding_window_pattern",
        "attention.key_length_swa",
        "attention.sliding_window",
    ] {
        let reason = refused(&|header| {
            header.metadata.remove(&format!("gemma4.{lost}"));
        });
        assert!(matches!(reason, Reason::Missing { .. }), "{lost}: {reason}");
    }
    // Values of one of the layers that see all alone, and positions that are no divided ones.
    for lost in ["blk.11.attn_v.weight", "blk.5.attn_v.weight"] {
        let reason = refused(&|header| header.tensors.retain(|tensor| tensor.name != lost));
        assert!(matches!(reason, Reason::Misfit { .. }), "{lost}: {reason}");
    }
    let turned = ("gemma4.rope.dimension_count".to_owned(), Value::Unsigned(128));
    let reason = refused(&|header| {
        header.metadata.insert(turned.0.clone(), turned.1.clone());
    });
    assert!(matches!(reason, Reason::Misfit { .. }), "{reason}");
}
