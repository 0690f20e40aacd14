//! The lines of a campaign as a Parquet file: a column for what each run has, and all else as JSON in the last.

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::{Map, Value};
use std::io::Write;
use std::sync::Arc;

/// How many rows are in memory at a time.
const ROWS: usize = 8_192;
/// The columns that are as they stand in a line: the name, and the way to the value.
const COLUMNS: [(&str, &str, Cells); 10] = [
    ("seed", "seed", Cells::Numbers),
    ("verdict", "verdict", Cells::Texts),
    ("property", "property", Cells::Texts),
    ("ended", "ended", Cells::Texts),
    ("due", "due", Cells::Flags),
    ("delivered", "delivered", Cells::Numbers),
    ("steps", "steps", Cells::Numbers),
    ("time_ns", "time", Cells::Numbers),
    ("coverage_features", "coverage.features", Cells::Numbers),
    ("coverage_digest", "coverage.digest", Cells::Texts),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cells {
    Numbers,
    Texts,
    Flags,
}

struct Column {
    name: String,
    path: String,
    kind: Cells,
    /// By row: whether there is a value.
    there: Vec<i16>,
    numbers: Vec<i64>,
    texts: Vec<ByteArray>,
    flags: Vec<bool>,
}

impl Column {
    fn new(name: &str, path: &str, kind: Cells) -> Self {
        let (there, numbers, texts, flags) = Default::default();
        Self { name: name.to_owned(), path: path.to_owned(), kind, there, numbers, texts, flags }
    }

    /// Its line in the schema.
    fn line(&self) -> String {
        let name = &self.name;
        match self.kind {
            Cells::Numbers => format!("optional int64 {name} (integer(64,false));"),
            Cells::Texts => format!("optional binary {name} (string);"),
            Cells::Flags => format!("optional boolean {name};"),
        }
    }

    fn push(&mut self, value: Option<Value>) {
        let before = self.numbers.len() + self.texts.len() + self.flags.len();
        match (self.kind, value) {
            (Cells::Numbers, Some(value)) => self.numbers.extend(number(&value)),
            (Cells::Texts, Some(Value::String(text))) => self.texts.push(text.into_bytes().into()),
            (Cells::Flags, Some(Value::Bool(flag))) => self.flags.push(flag),
            _ => {}
        }
        let after = self.numbers.len() + self.texts.len() + self.flags.len();
        self.there.push(i16::from(after > before));
    }

    fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let mut writer = group.next_column()?.expect("as many columns as in the schema");
        let there = Some(&self.there[..]);
        match self.kind {
            Cells::Numbers => writer.typed::<Int64Type>().write_batch(&self.numbers, there, None)?,
            Cells::Texts => writer.typed::<ByteArrayType>().write_batch(&self.texts, there, None)?,
            Cells::Flags => writer.typed::<BoolType>().write_batch(&self.flags, there, None)?,
        };
        writer.close()?;
        *self = Self::new(&self.name, &self.path, self.kind);
        Ok(())
    }
}

/// A number, or a duration in nanoseconds. Parquet keeps unsigned numbers as the signed ones of the same bits.
fn number(value: &Value) -> Option<i64> {
    let duration = || {
        let (secs, nanos) = (value.get("secs")?.as_u64()?, value.get("nanos")?.as_u64()?);
        Some(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
    };
    value.as_u64().or_else(duration).map(u64::cast_signed)
}

/// Takes out what is at the end of this way.
fn take(row: &mut Map<String, Value>, path: &str) -> Option<Value> {
    match path.split_once('.') {
        None => row.remove(path),
        Some((first, rest)) => take(row.get_mut(first)?.as_object_mut()?, rest),
    }
}

fn columns(faults: &[String]) -> Vec<Column> {
    let mut columns: Vec<_> =
        COLUMNS.iter().map(|(name, path, kind)| Column::new(name, path, *kind)).collect();
    columns.extend(faults.iter().map(|fault| {
        let name = format!("fault_{}", fault.replace('-', "_"));
        Column::new(&name, &format!("faults.{fault}"), Cells::Numbers)
    }));
    columns.push(Column::new("more", "", Cells::Texts));
    columns
}

/// Writes the lines of a campaign, one of its JSON objects a run, as a table. For each of these faults it has a column of how often
/// there was one.
///
/// # Errors
/// If the table cannot be written, or a line is no JSON object.
pub fn write(
    out: &mut (dyn Write + Send),
    faults: &[String],
    lines: &mut dyn Iterator<Item = String>,
) -> Result<(), ParquetError> {
    let mut columns = columns(faults);
    let schema: String = columns.iter().map(Column::line).collect();
    let schema = Arc::new(parse_message_type(&format!("message run {{ {schema} }}"))?);
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(WriterProperties::builder().build()))?;
    loop {
        let mut rows = 0;
        for line in (&mut *lines).take(ROWS) {
            let mut row =
                serde_json::from_str::<Map<_, _>>(&line).map_err(|e| ParquetError::External(Box::new(e)))?;
            let (more, known) = columns.split_last_mut().expect("there are columns");
            for column in known {
                let value = take(&mut row, &column.path);
                column.push(value);
            }
            row.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
            more.push(Some(Value::String(Value::Object(row).to_string())));
            rows += 1;
        }
        if rows == 0 {
            writer.close()?;
            return Ok(());
        }
        let mut group = writer.next_row_group()?;
        for column in &mut columns {
            column.write(&mut group)?;
        }
        group.close()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    #[test]
    fn what_is_written_is_read_by_the_columns_names() {
        let line = |seed: u64| {
            let property = if seed == 3 { "\"C4\"" } else { "null" };
            format!(
                r#"{{"seed":{seed},"verdict":"holds","property":{property},"due":true,"steps":{},"time":{{"secs":1,"nanos":2}},"faults":{{"crash":2,"torn-write":1}},"owed":[],"new":{{"p99":7}}}}"#,
                seed * 2
            )
        };
        let rows = ROWS as u64 + 5;
        let mut file = tempfile::tempfile().expect("a file");
        write(&mut file, &["crash".to_owned(), "torn-write".to_owned()], &mut (0..rows).map(line))
            .expect("it is written");
        let reader = SerializedFileReader::new(file).expect("it is Parquet");
        let names: Vec<_> = reader
            .metadata()
            .file_metadata()
            .schema_descr()
            .columns()
            .iter()
            .map(|c| c.name().to_owned())
            .collect();
        let page = include_str!("../../../docs/sim/campaign.md");
        for name in names.iter().filter(|name| !name.starts_with("fault_")) {
            assert!(page.contains(&format!("`{name}`")), "{name} is not documented");
        }
        let at = |name: &str| {
            names.iter().position(|n| n == name).unwrap_or_else(|| panic!("{name} in {names:?}"))
        };
        let mut seen = 0;
        for row in reader.get_row_iter(None).expect("rows") {
            let row = row.expect("a row");
            assert_eq!(row.get_ulong(at("seed")).expect("a seed"), seen);
            assert_eq!(row.get_ulong(at("steps")).expect("steps"), seen * 2);
            assert_eq!(row.get_ulong(at("time_ns")).expect("a time"), 1_000_000_002);
            assert_eq!(row.get_ulong(at("fault_torn_write")).expect("a count"), 1);
            assert_eq!(row.get_string(at("property")).is_ok(), seen == 3);
            assert_eq!(row.get_string(at("more")).expect("the rest"), r#"{"new":{"p99":7},"owed":[]}"#);
            seen += 1;
        }
        assert_eq!(seen, rows);
    }
}
