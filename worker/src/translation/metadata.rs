//! The keys of a GGUF file, read one by one.

use std::collections::HashMap;

use anyhow::{Context, Result};
use candle_core::quantized::gguf_file::Value;

/// The metadata of a file of one architecture.
pub struct Metadata<'a> {
    values: &'a HashMap<String, Value>,
    /// GGUF's name of the architecture.
    pub architecture: &'a str,
}

impl<'a> Metadata<'a> {
    /// # Errors
    /// When the file does not say which architecture it is of.
    pub fn new(values: &'a HashMap<String, Value>) -> Result<Self> {
        let architecture = values.get("general.architecture").and_then(text);
        Ok(Self {
            values,
            architecture: architecture.context("it does not say which architecture it is of")?,
        })
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.values.get(&format!("{}.{key}", self.architecture))
    }

    /// A whole number under the architecture's name.
    pub fn number(&self, key: &str) -> Option<usize> {
        self.value(key).and_then(whole)
    }

    /// A whole number that there is no default for.
    ///
    /// # Errors
    /// When it is not there, or 0.
    pub fn needed(&self, key: &str) -> Result<usize> {
        let number = self.number(key).filter(|number| *number > 0);
        number.with_context(|| format!("it has no usable number {}.{key}", self.architecture))
    }

    /// Any number under the architecture's name.
    pub fn float(&self, key: &str) -> Option<f64> {
        match self.value(key)? {
            Value::F32(float) => Some(f64::from(*float)),
            Value::F64(float) => Some(*float),
            value => whole(value).map(|number| number as f64),
        }
    }

    /// Text under the architecture's name.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.value(key).and_then(text)
    }

    /// Yes or no under the architecture's name.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.value(key)?.to_bool().ok()
    }

    /// Whole numbers under the architecture's name.
    pub fn numbers(&self, key: &str) -> Option<Vec<usize>> {
        let Value::Array(numbers) = self.value(key)? else {
            return None;
        };
        numbers.iter().map(whole).collect()
    }

    /// A whole number, or the largest of those that are told of each layer.
    pub fn most(&self, key: &str) -> Option<usize> {
        self.number(key).or_else(|| self.numbers(key)?.into_iter().max())
    }

    /// Text that is not of the architecture.
    pub fn global_text(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).and_then(text)
    }

    /// A whole number that is not of the architecture.
    pub fn global_number(&self, key: &str) -> Option<usize> {
        self.values.get(key).and_then(whole)
    }

    /// The token whose number is under this key.
    pub fn token(&self, key: &str) -> Option<&'a str> {
        let Some(Value::Array(tokens)) = self.values.get("tokenizer.ggml.tokens") else {
            return None;
        };
        tokens.get(self.global_number(key)?).and_then(text)
    }

    /// The number of the token that is this text.
    pub fn number_of_token(&self, wanted: &str) -> Option<usize> {
        let Some(Value::Array(tokens)) = self.values.get("tokenizer.ggml.tokens") else {
            return None;
        };
        tokens.iter().position(|token| text(token) == Some(wanted))
    }
}

fn text(value: &Value) -> Option<&str> {
    value.to_string().ok().map(String::as_str)
}

fn whole(value: &Value) -> Option<usize> {
    let number = match value {
        Value::I8(number) => i64::from(*number),
        Value::I16(number) => i64::from(*number),
        Value::I32(number) => i64::from(*number),
        Value::I64(number) => *number,
        value => return usize::try_from(value.to_u64().ok()?).ok(),
    };
    usize::try_from(number).ok()
}
