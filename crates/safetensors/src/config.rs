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

    /// How the weights were quantised before they were published, such as `gptq`.
    pub fn quantisation(&self) -> Option<&str> {
        self.get("quantization_config")?.get("quant_method")?.as_str()
    }

    /// Whether the model asks for code that came with it to be run.
    pub fn has_code(&self) -> bool {
        self.0.get("auto_map").is_some_and(Value::is_object)
    }
}
