//! Where in a header the parser stands.

/// What the next bytes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// The letters GGUF.
    #[default]
    Magic,
    /// The format's version.
    Version,
    /// How many tensors and how many keys there are.
    Counts,
    /// How long a key is.
    KeyLength,
    /// A key.
    Key { length: u64 },
    /// The type of its value.
    Kind,
    /// A number, of a type and so many bytes.
    Number { kind: u64, width: u64 },
    /// How long a text is.
    TextLength,
    /// A text.
    Text { length: u64 },
    /// The type and the number of an array's entries.
    ArrayHead,
    /// All integers of a short array, of a type and so many bytes together.
    List { kind: u64, width: u64 },
    /// How long an array's next text is; so many are left, this one included.
    EntryLength { left: u64 },
    /// Bytes of an array, to be passed over; so many texts come after them.
    Pass { left: u64, texts: u64 },
    /// How long a tensor's name is.
    NameLength,
    /// A tensor's name.
    Name { length: u64 },
    /// How many dimensions it has.
    Dimensions,
    /// Its dimensions, its type and where it begins.
    Place { dimensions: u64 },
    /// The header is whole.
    Done,
}

impl Step {
    /// The fewest bytes of a key with its value: an empty key and a number of one byte.
    pub const LEAST_OF_KEY: u64 = 8 + 4 + 1;
    /// The fewest bytes of a tensor's entry: no name and no dimension.
    pub const LEAST_OF_TENSOR: u64 = 8 + 4 + Self::PLACE;
    /// A tensor's type and offset.
    const PLACE: u64 = 4 + 8;

    /// Bytes that this step is read from, all at once. [`Step::Pass`] and [`Step::Done`] are not.
    pub fn width(self) -> usize {
        let width = match self {
            Self::Magic | Self::Version | Self::Kind | Self::Dimensions => 4,
            Self::Counts => 16,
            Self::KeyLength | Self::TextLength | Self::EntryLength { .. } | Self::NameLength => 8,
            Self::Key { length } | Self::Text { length } | Self::Name { length } => length,
            Self::Number { width, .. } | Self::List { width, .. } => width,
            Self::ArrayHead => 12,
            Self::Place { dimensions } => dimensions * 8 + Self::PLACE,
            Self::Pass { .. } | Self::Done => 0,
        };
        width as usize
    }

    /// The fewest bytes from here to the end of the key and value, or of the tensor's entry, that this step is part of.
    pub fn least(self) -> u64 {
        match self {
            Self::Magic => 4 + 4 + 16,
            Self::Version => 4 + 16,
            Self::Counts => 16,
            Self::KeyLength => Self::LEAST_OF_KEY,
            Self::Key { length } => length + 4 + 1,
            Self::Kind => 4 + 1,
            Self::Number { width, .. } | Self::List { width, .. } => width,
            Self::TextLength => 8,
            Self::Text { length } => length,
            Self::ArrayHead => 4 + 8,
            Self::EntryLength { left } => 8 * left,
            Self::Pass { left, texts } => left + 8 * texts,
            Self::NameLength => Self::LEAST_OF_TENSOR,
            Self::Name { length } => length + 4 + Self::PLACE,
            Self::Dimensions => 4 + Self::PLACE,
            Self::Place { dimensions } => dimensions * 8 + Self::PLACE,
            Self::Done => 0,
        }
    }
}
