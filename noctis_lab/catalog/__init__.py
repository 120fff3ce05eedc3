"""The catalogue: SQLite commits, Parquet holds, DuckDB answers. The only home of the databases."""
