//! Models split over several files, by the conventions of llama.cpp's `gguf-split`: each file is a GGUF of its own
//! with some of the tensors; the first has all the metadata and may have no tensor.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use crate::limits::quoted;
use crate::{GgufError, Header};

/// A file's name within a split model, such as `model-00002-of-00003.gguf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardName<'a> {
    /// What stands before the numbers, the folder included.
    pub stem: &'a str,
    /// Which file this is, from 1.
    pub number: u32,
    /// How many files there are.
    pub count: u32,
}

impl<'a> ShardName<'a> {
    /// Takes a file's name or path apart; `None` when it is no shard's.
    pub fn parse(name: &'a str) -> Option<Self> {
        let (rest, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let five_digits = |text: &str| match text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit())
        {
            true => text.parse::<u32>().ok(),
            false => None,
        };
        let (number, count) = (five_digits(number)?, five_digits(count)?);
        (1..=count)
            .contains(&number)
            .then_some(Self { stem, number, count })
    }
}

impl fmt::Display for ShardName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:05}-of-{:05}.gguf", self.stem, self.number, self.count)
    }
}

/// The name of the file at `index`, from 0, of `count`, where `first` is the name or path of the first (or any
/// other) file; `None` when `first` is not the name of one of so many, or `index` is beyond the last.
pub fn shard_name(first: &str, index: u32, count: u32) -> Option<String> {
    let name = ShardName::parse(first)?;
    (name.count == count && index < count).then(|| {
        ShardName {
            number: index + 1,
            ..name
        }
        .to_string()
    })
}

/// What a model's file is named, without what every such name has: the extension, and a shard's number.
pub fn plain_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match ShardName::parse(&name) {
        Some(shard) => shard.stem.to_owned(),
        None => path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    }
}

impl Header {
    /// `split.no`: which part of a split model this is, from 0.
    pub fn split_no(&self) -> Option<u64> {
        self.unsigned("split.no")
    }

    /// `split.count`: how many files the model is split over; 0 and 1 mean that it is whole.
    pub fn split_count(&self) -> Option<u64> {
        self.unsigned("split.count")
    }

    /// `split.tensors.count`: how many tensors all files have together.
    pub fn split_tensors_count(&self) -> Option<u64> {
        self.unsigned("split.tensors.count")
    }

    /// One header of a whole model: the metadata, vocabulary and data start of its first part, the tensors of all, in
    /// order, each with its offset within its own file. The parts may come in any order; a whole model's header comes
    /// back as it is.
    ///
    /// # Errors
    /// [`GgufError::Parts`] when one is missing, is there twice, or belongs to another model.
    pub fn join(mut parts: Vec<Self>) -> Result<Self, GgufError> {
        let wrong = |what: String| Err(GgufError::Parts(what));
        parts.sort_by_key(Self::split_no);
        let found = parts.len() as u64;
        for (number, part) in (1..).zip(&parts) {
            let count = part.split_count().unwrap_or(1).max(1);
            if count != found {
                return wrong(format!(
                    "one of them is of a model in {count} files, and {found} are here"
                ));
            }
            if found > 1 && part.split_no() != Some(number - 1) {
                return wrong(format!("number {number} of {found} is missing"));
            }
            if part.split_tensors_count() != parts[0].split_tensors_count() {
                return wrong("they are parts of different models".to_owned());
            }
        }
        let mut parts = parts.into_iter();
        let Some(mut whole) = parts.next() else {
            return wrong("there are none".to_owned());
        };
        whole.tensors.extend(parts.flat_map(|part| part.tensors));
        if found == 1 {
            return Ok(whole);
        }
        let have = whole.tensors.len() as u64;
        if let Some(expected) = whole.split_tensors_count().filter(|expected| *expected != have) {
            return wrong(format!("they hold {have} tensors in place of {expected}"));
        }
        let mut names = HashSet::with_capacity(whole.tensors.len());
        if let Some(twice) = whole.tensors.iter().find(|tensor| !names.insert(&tensor.name)) {
            return wrong(format!("the tensor {} is there twice", quoted(&twice.name)));
        }
        Ok(whole)
    }
}
