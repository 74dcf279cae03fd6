//! What templates take for granted from Python and from Jinja, where minijinja's ways are others.

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Teaches it.
pub fn teach(environment: &mut Environment<'_>) {
    environment.set_unknown_method_callback(method);
    environment.set_formatter(write);
    environment.add_filter("tojson", to_json);
    // Texts can be gone through, and nothing cannot.
    environment.add_test("iterable", |value: &Value| match value.kind() {
        ValueKind::String | ValueKind::Undefined => true,
        ValueKind::None => false,
        _ => value.try_iter().is_ok(),
    });
    environment.add_test("sequence", |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined
        )
    });
}

fn write(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    let word = match value.kind() {
        ValueKind::None => "None",
        ValueKind::Bool if value.is_true() => "True",
        ValueKind::Bool => "False",
        _ => return minijinja::escape_formatter(out, state, value),
    };
    out.write_str(word).map_err(Error::from)
}

/// Methods of texts.
fn method(state: &State<'_, '_>, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        return unknown_method_callback(state, value, name, arguments);
    };
    let one = || from_args::<(&str,)>(arguments).map(|(other,)| other);
    let three = |parts: [&str; 3]| parts.into_iter().map(Value::from).collect();
    Ok(match name {
        "removeprefix" => text.strip_prefix(one()?).unwrap_or(text).into(),
        "removesuffix" => text.strip_suffix(one()?).unwrap_or(text).into(),
        "partition" => {
            let by = one()?;
            match text.split_once(by) {
                Some((before, after)) => three([before, by, after]),
                None => three([text, "", ""]),
            }
        }
        "rpartition" => {
            let by = one()?;
            match text.rsplit_once(by) {
                Some((before, after)) => three([before, by, after]),
                None => three(["", "", text]),
            }
        }
        "rsplit" if arguments.len() == 2 => {
            let (by, most): (&str, usize) = from_args(arguments)?;
            let mut parts: Vec<_> = text
                .rsplitn(most.saturating_add(1), by)
                .map(Value::from)
                .collect();
            parts.reverse();
            parts.into()
        }
        "rsplit" => return unknown_method_callback(state, value, "split", arguments),
        _ => return unknown_method_callback(state, value, name, arguments),
    })
}

/// As Python's `json.dumps` writes: nothing is escaped for a page, and commas and colons have a space behind them.
fn to_json(value: &Value, indent: Option<usize>, options: Kwargs) -> Result<String, Error> {
    let indent = indent.or(options.get::<Option<usize>>("indent")?);
    let mut text = Vec::new();
    let written = match indent {
        Some(width) => {
            let spaces = b" ".repeat(width.min(16));
            let formatter = PrettyFormatter::with_indent(&spaces);
            value.serialize(&mut Serializer::with_formatter(&mut text, formatter))
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut text, Spaced)),
    };
    let bad = |source| Error::new(ErrorKind::BadSerialization, "no JSON can say this").with_source(source);
    written.map_err(bad)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}
