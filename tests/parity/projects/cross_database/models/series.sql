select generated_number, {{ dbt.date(2024, 2, 29) }} as day from ({{ dbt.generate_series(5) }}) numbers
