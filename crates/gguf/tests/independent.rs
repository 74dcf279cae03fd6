//! The same files, read by another parser and written by another writer: gguf-rs-lib knows nothing of this one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;

use gguf_rs_lib::builder::gguf_builder::GGUFBuilder;
use gguf_rs_lib::format::metadata::{Metadata, MetadataArray, MetadataValue};
use gguf_rs_lib::format::types::GGUFValueType;
use gguf_rs_lib::reader::file_reader::open_gguf_file;
use gguf_rs_lib::tensor::info::TensorInfo;
use gguf_rs_lib::tensor::tensor_type::TensorTypeUtils;
use hearth_fixtures::{Architecture, ModelFile, Quantisation, Script, Shape};
use hearth_gguf::{Header, Tensor, TensorType, Value};

/// Another parser's value in this one's terms.
fn ours(value: &MetadataValue) -> Value {
    let signed = |number: i64| u64::try_from(number).map_or(Value::Signed(number), Value::Unsigned);
    match value {
        MetadataValue::U8(n) => Value::Unsigned((*n).into()),
        MetadataValue::U16(n) => Value::Unsigned((*n).into()),
        MetadataValue::U32(n) => Value::Unsigned((*n).into()),
        MetadataValue::U64(n) => Value::Unsigned(*n),
        MetadataValue::Bool(truth) => Value::Unsigned((*truth).into()),
        MetadataValue::I8(n) => signed((*n).into()),
        MetadataValue::I16(n) => signed((*n).into()),
        MetadataValue::I32(n) => signed((*n).into()),
        MetadataValue::I64(n) => signed(*n),
        MetadataValue::F32(n) => Value::Float((*n).into()),
        MetadataValue::F64(n) => Value::Float(*n),
        MetadataValue::String(text) => Value::Text(text.clone()),
        MetadataValue::Array(array) => list(array).unwrap_or(Value::Array(array.length)),
    }
}

/// The integers of a short array without negative ones.
fn list(array: &MetadataArray) -> Option<Value> {
    let is_list = !matches!(
        array.element_type,
        GGUFValueType::F32 | GGUFValueType::F64 | GGUFValueType::String
    );
    if !is_list || array.length > 1024 {
        return None;
    }
    let number = |value| match ours(value) {
        Value::Unsigned(number) => Some(number),
        _ => None,
    };
    let numbers: Option<Vec<u64>> = array.values.iter().map(number).collect();
    numbers.map(Value::List)
}

fn metadata_of(metadata: &Metadata) -> BTreeMap<String, Value> {
    let pairs = metadata.iter().map(|(key, value)| (key.clone(), ours(value)));
    pairs.collect()
}

fn tensor_of(info: &TensorInfo) -> Tensor {
    Tensor {
        name: info.name().to_owned(),
        shape: info.shape().dims().to_vec(),
        tensor_type: TensorType::from_id(info.tensor_type() as u32),
        offset: info.data_offset(),
    }
}

/// Reads the file with both and compares all that either knows.
fn agree(path: &Path) -> Header {
    let header = Header::open(path).unwrap();
    let other = open_gguf_file(path).unwrap();
    assert_eq!(header.metadata, metadata_of(other.metadata()));
    let tensors: Vec<_> = other.tensor_infos().iter().map(tensor_of).collect();
    assert_eq!(header.tensors, tensors);
    assert_eq!(header.data_start, other.tensor_data_offset());
    let mut whole = 0;
    for (tensor, info) in header.tensors.iter().zip(other.tensor_infos()) {
        let bytes = info.checked_expected_data_size().unwrap();
        assert_eq!(tensor.bytes(), Some(bytes), "{}", tensor.name);
        assert_eq!(tensor.weights(), Some(info.element_count()));
        whole += bytes;
    }
    assert_eq!(header.weight_bytes(), Some(whole));
    header
}

#[test]
fn models_of_every_quantisation_are_read_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let script = Script::saying("Read by two, and the same to both 🦊.").unwrap();
    for (_, quantisation) in Quantisation::NAMED {
        for architecture in [Architecture::Llama, Architecture::Qwen3] {
            let shape = Shape {
                architecture,
                ..Shape::TINY
            };
            for model in [ModelFile::scripted(&script), ModelFile::random(shape)] {
                let model = model.shape(shape).quantisation(quantisation);
                model.write(&path).unwrap();
                let header = agree(&path);
                assert_eq!(header.architecture(), Some(architecture.name()));
                // The other parser knows version 3 only, whose layout is that of version 2.
                let mut file = model.to_gguf();
                file.version = 2;
                file.write(&path).unwrap();
                assert_eq!(Header::open(&path).unwrap(), header);
            }
        }
    }
}

#[test]
fn the_built_in_model_is_read_alike() {
    agree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/bard-Q8_0.gguf"));
}

#[test]
fn every_kind_of_value_and_of_tensor_is_read_as_it_was_written() {
    let array = |kind, values| MetadataValue::Array(Box::new(MetadataArray::new(kind, values).unwrap()));
    let values = [
        MetadataValue::U8(200),
        MetadataValue::I8(-100),
        MetadataValue::U16(60_000),
        MetadataValue::I16(-30_000),
        MetadataValue::U32(4_000_000_000),
        MetadataValue::I32(-2_000_000_000),
        MetadataValue::I32(7),
        MetadataValue::F32(-1.5e-3),
        MetadataValue::Bool(true),
        MetadataValue::String("ünïcödé 🦊".to_owned()),
        MetadataValue::String(String::new()),
        MetadataValue::U64(u64::MAX),
        MetadataValue::I64(i64::MIN),
        MetadataValue::F64(6.022e23),
        array(GGUFValueType::U8, vec![MetadataValue::U8(1); 1000]),
        array(GGUFValueType::U8, vec![MetadataValue::U8(1); 2000]),
        array(GGUFValueType::U32, Vec::new()),
        array(GGUFValueType::I16, vec![MetadataValue::I16(-1); 5]),
        array(GGUFValueType::Bool, vec![MetadataValue::Bool(false); 3]),
        array(GGUFValueType::F64, vec![MetadataValue::F64(0.5); 9]),
        array(
            GGUFValueType::String,
            vec![MetadataValue::String("token".to_owned()); 70],
        ),
        array(GGUFValueType::String, Vec::new()),
    ];
    let mut builder = GGUFBuilder::new().with_tensor_alignment(128);
    for (number, value) in values.iter().enumerate() {
        builder = builder.add_metadata(format!("value.{number}"), value.clone());
    }
    for kind in TensorTypeUtils::all_types() {
        let (block, bytes) = (kind.block_size(), kind.block_size_bytes().unwrap());
        let shape = vec![2 * block as u64, 3];
        builder = builder
            .add_tensor(format!("of.{kind:?}"), shape, kind, vec![0; 6 * bytes])
            .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("everything.gguf");
    builder.build_to_file(&path).unwrap();
    let header = agree(&path);
    for (number, value) in values.iter().enumerate() {
        assert_eq!(header.metadata[&format!("value.{number}")], ours(value));
    }
    for tensor in &header.tensors {
        assert_eq!(tensor.name, format!("of.{}", tensor.tensor_type.name()));
    }
    assert_eq!(header.data_start % 128, 0);
}

#[test]
fn rows_of_every_type_come_in_whole_blocks() {
    for kind in TensorTypeUtils::all_types() {
        let (ours, block) = (TensorType::from_id(kind as u32), kind.block_size() as u64);
        assert_eq!(ours.name(), format!("{kind:?}"));
        assert_eq!(
            ours.bytes(block),
            kind.block_size_bytes().map(|bytes| bytes as u64)
        );
        let row = |columns, rows| Tensor {
            name: String::new(),
            shape: vec![columns, rows],
            tensor_type: ours,
            offset: 0,
        };
        assert_eq!(row(block, 5).bytes(), ours.bytes(5 * block));
        assert_eq!(
            row(block / 2, 2).bytes().is_some(),
            block == 1,
            "half blocks do not make a row"
        );
    }
}
