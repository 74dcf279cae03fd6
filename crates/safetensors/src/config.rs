//! What `config.json` says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A model's `config.json`. Models that see hold the numbers of their text half in `text_config`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config(Value);

impl Config {
    /// Around what was read.
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// The class in transformers that the model is of, such as `LlamaForCausalLM`; `None` when it names none or several.
    pub fn architecture(&self) -> Option<&str> {
        match self.0.get("architectures")?.as_array()?.as_slice() {
            [one] => one.as_str(),
            _ => None,
        }
    }

    /// A value of the text half.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let text = self.0.get("text_config").and_then(|text| text.get(key));
        let not_null = |value: &&Value| !value.is_null();
        text.filter(not_null).or_else(|| self.0.get(key).filter(not_null))
    }

    /// A number of the text half that counts something.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    /// As transformers wrote it before its version 5, with the base of the positions and how they are stretched in values of
    /// their own (`rope_theta`, `rope_scaling`) and not in `rope_parameters`. `None` where it is so, or where the layers
    /// differ in them, for which there was no common form.
    pub fn with_rope_apart(&self) -> Option<Self> {
        let mut whole = self.0.clone();
        let holds = |value: &Value| value.get("rope_parameters").is_some();
        let half = match whole.get("text_config").is_some_and(holds) {
            true => whole.get_mut("text_config")?,
            false => &mut whole,
        };
        let half = half.as_object_mut()?;
        if half.get("rope_theta").is_some_and(Value::is_number) {
            return None;
        }
        let mut parameters = half.get("rope_parameters")?.as_object()?.clone();
        let base = parameters.remove("rope_theta").filter(Value::is_number)?;
        let plain = parameters
            .get("rope_type")
            .is_none_or(|kind| kind.as_str() == Some("default"));
        half.insert("rope_theta".to_owned(), base);
        half.insert(
            "rope_scaling".to_owned(),
            if plain {
                Value::Null
            } else {
                Value::Object(parameters)
            },
        );
        half.remove("rope_parameters");
        Some(Self(whole))
    }

    /// The text that it is read from.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }

    /// How the weights were quantised before they were published, such as `gptq`.
    pub fn quantisation(&self) -> Option<&str> {
        self.get("quantization_config")?.get("quant_method")?.as_str()
    }

    /// Whether the model asks for code that came with it to be run.
    pub fn has_code(&self) -> bool {
        self.0.get("auto_map").is_some_and(Value::is_object)
    }
}
