//! Statistics, tables, plots, sequence diagrams and the report page.
