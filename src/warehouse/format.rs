//! Rows as bytes of a file.

use std::sync::Arc;

use chrono::SecondsFormat;
use clap::ValueEnum;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::row::{COLUMNS, Cell, Holds, Row};

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A JSON object on each line.
    Jsonl,
    /// Comma-separated, with a line of names; what is missing is empty.
    Csv,
    /// Apache Parquet, compressed.
    Parquet,
}

impl Format {
    /// What names of files end in.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// A file with these rows.
    pub(super) fn write(self, rows: &[Row]) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Jsonl => jsonl(rows),
            Self::Csv => csv(rows),
            Self::Parquet => parquet(rows),
        }
    }
}

fn jsonl(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    for Row(cells) in rows {
        let fields = COLUMNS.iter().zip(cells);
        let fields = fields.map(|((name, _), cell)| ((*name).to_owned(), json!(cell)));
        serde_json::to_writer(&mut file, &fields.collect::<Map<_, _>>())?;
        file.push(b'\n');
    }
    Ok(file)
}

fn csv(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(COLUMNS.map(|(name, _)| name))?;
    for Row(cells) in rows {
        file.write_record(cells.each_ref().map(as_text))?;
    }
    Ok(file.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

fn as_text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone().unwrap_or_default(),
        Cell::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        Cell::Fraction(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        Cell::Time(at) => at.to_rfc3339_opts(SecondsFormat::Millis, true),
    }
}

fn parquet(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let columns = COLUMNS.map(|(name, holds)| match holds {
        Holds::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
        Holds::Number => format!("OPTIONAL INT64 {name};"),
        Holds::Fraction => format!("OPTIONAL DOUBLE {name};"),
        Holds::Time => format!("OPTIONAL INT64 {name} (TIMESTAMP(MILLIS,true));"),
    });
    let schema = parse_message_type(&format!("message event {{ {} }}", columns.concat()))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let properties = Arc::new(properties.build());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, Arc::new(schema), properties)?;
    let mut group = writer.next_row_group()?;
    for (number, (_, holds)) in COLUMNS.iter().enumerate() {
        let Some(mut column) = group.next_column()? else {
            break;
        };
        let cells = rows.iter().map(|Row(cells)| &cells[number]);
        match holds {
            Holds::Text => fill::<ByteArrayType>(&mut column, cells, Cell::bytes),
            Holds::Number | Holds::Time => fill::<Int64Type>(&mut column, cells, Cell::whole),
            Holds::Fraction => fill::<DoubleType>(&mut column, cells, Cell::fraction),
        }?;
        column.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(file)
}

/// Writes the values that are there, with a level for each row that says whether there is one.
fn fill<'a, T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    cells: impl Iterator<Item = &'a Cell>,
    value: impl Fn(&Cell) -> Option<T::T>,
) -> parquet::errors::Result<()> {
    let cells: Vec<Option<T::T>> = cells.map(value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| cell.is_some().into()).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    let column = column.typed::<T>();
    column.write_batch(&values, Some(&levels), None)?;
    Ok(())
}

impl Cell {
    fn bytes(&self) -> Option<ByteArray> {
        match self {
            Self::Text(text) => text.as_deref().map(ByteArray::from),
            _ => None,
        }
    }

    fn whole(&self) -> Option<i64> {
        match self {
            Self::Number(number) => *number,
            Self::Time(at) => Some(at.timestamp_millis()),
            _ => None,
        }
    }

    fn fraction(&self) -> Option<f64> {
        match self {
            Self::Fraction(number) => *number,
            _ => None,
        }
    }
}
