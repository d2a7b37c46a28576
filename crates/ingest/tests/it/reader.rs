//! A small reader of `RowBinary`, written from the format's description and apart from the writer.

use standpipe_ingest::{DataType, Schema};

/// All rows, each value as text. Panics when the bytes end inside a value or anything is left over.
pub(crate) fn read_rows(schema: &Schema, with_defaults: bool, bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = Reader { rest: bytes };
    let mut rows = Vec::new();
    while !reader.rest.is_empty() {
        let row = schema.columns.iter().map(|column| {
            if with_defaults && reader.take(1)[0] == 1 { "DEFAULT".to_owned() } else { reader.value(&column.data_type) }
        });
        rows.push(row.collect());
    }
    rows
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    fn length(&mut self) -> usize {
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let byte = self.take(1)[0];
            length |= usize::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        length
    }

    fn text(&mut self) -> String {
        let length = self.length();
        String::from_utf8(self.take(length).to_vec()).expect("texts are UTF-8")
    }

    fn signed(&mut self, width: usize) -> i128 {
        let bytes = self.take(width);
        let mut wide = if bytes[width - 1] < 0x80 { [0; 32] } else { [0xFF; 32] };
        wide[..width].copy_from_slice(bytes);
        assert!(wide[16..].iter().all(|byte| *byte == wide[31]), "tests stay below 128 bits");
        i128::from_le_bytes(wide[..16].try_into().expect("16 bytes"))
    }

    fn unsigned(&mut self, width: usize) -> u128 {
        let mut wide = [0; 32];
        wide[..width].copy_from_slice(self.take(width));
        assert!(wide[16..].iter().all(|byte| *byte == 0), "tests stay below 128 bits");
        u128::from_le_bytes(wide[..16].try_into().expect("16 bytes"))
    }

    fn list(&mut self, mut each: impl FnMut(&mut Self) -> String) -> String {
        let count = self.length();
        let items: Vec<String> = (0..count).map(|_| each(self)).collect();
        items.join(",")
    }

    fn value(&mut self, data_type: &DataType) -> String {
        match data_type {
            DataType::Int { signed: true, bits } => self.signed(usize::from(bits / 8)).to_string(),
            DataType::Int { signed: false, bits } => self.unsigned(usize::from(bits / 8)).to_string(),
            DataType::Float32 => f32::from_le_bytes(self.take(4).try_into().expect("4 bytes")).to_string(),
            DataType::Float64 => f64::from_le_bytes(self.take(8).try_into().expect("8 bytes")).to_string(),
            DataType::BFloat16 => {
                let half = u32::from(u16::from_le_bytes(self.take(2).try_into().expect("2 bytes")));
                f32::from_bits(half << 16).to_string()
            }
            DataType::Decimal { precision, scale } => {
                let width = [(9, 4), (18, 8), (38, 16), (76, 32)].into_iter().find(|(most, _)| precision <= most);
                let value = self.signed(width.expect("a precision").1);
                format!("{value}e-{scale}")
            }
            DataType::String | DataType::Json(_) => self.text(),
            DataType::FixedString(length) => String::from_utf8_lossy(self.take(*length)).replace('\0', "\\0"),
            DataType::Uuid => {
                let (high, low) = (self.unsigned(8), self.unsigned(8));
                format!("{high:016x}{low:016x}")
            }
            DataType::Date => format!("day {}", self.unsigned(2)),
            DataType::Date32 => format!("day {}", self.signed(4)),
            DataType::DateTime(_) => format!("second {}", self.unsigned(4)),
            DataType::DateTime64 { .. } => format!("tick {}", self.signed(8)),
            DataType::Bool => match self.take(1)[0] {
                0 => "false".to_owned(),
                1 => "true".to_owned(),
                other => panic!("{other} is no boolean"),
            },
            DataType::Enum8(_) => self.signed(1).to_string(),
            DataType::Enum16(_) => self.signed(2).to_string(),
            DataType::IPv4 => std::net::Ipv4Addr::from_bits(self.unsigned(4) as u32).to_string(),
            DataType::IPv6 => {
                let octets: [u8; 16] = self.take(16).try_into().expect("16 bytes");
                std::net::Ipv6Addr::from(octets).to_string()
            }
            DataType::Array(inner) => format!("[{}]", self.list(|reader| reader.value(inner))),
            DataType::Map(key, value) => {
                format!("{{{}}}", self.list(|reader| format!("{}:{}", reader.value(key), reader.value(value))))
            }
            DataType::Tuple(fields) => {
                let values: Vec<String> = fields.iter().map(|field| self.value(&field.data_type)).collect();
                format!("({})", values.join(","))
            }
            DataType::Nullable(inner) => match self.take(1)[0] {
                0 => self.value(inner),
                1 => "NULL".to_owned(),
                other => panic!("{other} is neither NULL nor a value"),
            },
            DataType::LowCardinality(inner) | DataType::SimpleAggregateFunction(_, inner) => self.value(inner),
        }
    }
}
