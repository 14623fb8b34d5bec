"""The only place that knows SQL: two doors to PostgreSQL and one store for each subject."""
