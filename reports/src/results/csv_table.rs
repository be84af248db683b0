//! CSV files: cells with their place, so that a damaged one can be named.

use super::ReadError;

/// A CSV file held as text, with the header apart.
#[derive(Debug)]
pub(crate) struct CsvTable {
    file: String,
    header: Vec<String>,
    rows: Vec<(u64, csv::StringRecord)>,
}

/// One row of a [`CsvTable`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct CsvRow<'a> {
    table: &'a CsvTable,
    line: u64,
    cells: &'a csv::StringRecord,
}

impl CsvTable {
    /// Splits `bytes` into cells; all rows have as many as the header.
    pub(crate) fn parse(file: &str, bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
        let header =
            reader.headers().map_err(|error| damaged_csv(file, &error))?.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.into_records() {
            let record = record.map_err(|error| damaged_csv(file, &error))?;
            let line = record.position().map_or(0, csv::Position::line);
            rows.push((line, record));
        }
        Ok(Self { file: file.to_owned(), header, rows })
    }

    /// The column names.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The index of the column called `name`.
    pub(crate) fn column(&self, name: &str) -> Result<usize, ReadError> {
        self.header.iter().position(|column| column == name).ok_or_else(|| ReadError::Damaged {
            file: self.file.clone(),
            line: 1,
            column: self.header.len() as u64,
            reason: format!("there is no column \"{name}\""),
        })
    }

    /// The rows after the header.
    pub(crate) fn rows(&self) -> impl Iterator<Item = CsvRow<'_>> {
        self.rows.iter().map(|(line, cells)| CsvRow { table: self, line: *line, cells })
    }
}

impl<'a> CsvRow<'a> {
    /// The text of a cell.
    pub(crate) fn text(self, column: usize) -> &'a str {
        self.cells.get(column).unwrap_or("")
    }

    /// An unsigned whole number.
    pub(crate) fn whole(self, column: usize) -> Result<u64, ReadError> {
        let text = self.text(column);
        text.parse().map_err(|_| self.damaged(column, "a whole number"))
    }

    /// A finite number, or nothing where the cell is empty.
    pub(crate) fn number(self, column: usize) -> Result<Option<f64>, ReadError> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            Ok(_) | Err(_) => Err(self.damaged(column, "a number or nothing")),
        }
    }

    /// The error that says what `column` should have held.
    pub(crate) fn damaged(self, column: usize, expected: &str) -> ReadError {
        let name = self.table.header.get(column).map_or("?", String::as_str);
        ReadError::Damaged {
            file: self.table.file.clone(),
            line: self.line,
            column: column as u64 + 1,
            reason: format!("column \"{name}\": expected {expected}, got \"{}\"", self.text(column)),
        }
    }
}

fn damaged_csv(file: &str, error: &csv::Error) -> ReadError {
    let line = error.position().map_or(1, csv::Position::line);
    let (column, reason) = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            (*len, format!("the row has {len} cells, the header {expected_len}"))
        }
        csv::ErrorKind::Utf8 { err, .. } => (err.field() as u64 + 1, "not UTF-8 text".to_owned()),
        _ => (1, error.to_string()),
    };
    ReadError::Damaged { file: file.to_owned(), line, column, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_no_number_is_named() {
        let table = CsvTable::parse("runs.csv", b"run,latency_ns\nr0,12\nr1,fast\n").unwrap();
        let rows: Vec<CsvRow<'_>> = table.rows().collect();
        assert_eq!(rows[0].number(1), Ok(Some(12.0)));
        assert_eq!(
            rows[1].number(1).unwrap_err().to_string(),
            "runs.csv:3:2: column \"latency_ns\": expected a number or nothing, got \"fast\""
        );
    }

    #[test]
    fn infinities_are_no_numbers() {
        let table = CsvTable::parse("f.csv", b"x\nNaN\ninf\n").unwrap();
        for row in table.rows() {
            assert!(row.number(0).is_err());
        }
    }

    #[test]
    fn a_short_row_is_named() {
        let error = CsvTable::parse("f.csv", b"a,b\n1,2\n3\n").unwrap_err();
        assert_eq!(error.to_string(), "f.csv:3:1: the row has 1 cells, the header 2");
    }

    #[test]
    fn bytes_that_are_no_text_are_named() {
        let error = CsvTable::parse("f.csv", b"a,b\n1,\xff\n").unwrap_err();
        assert_eq!(error.to_string(), "f.csv:2:2: not UTF-8 text");
    }
}
