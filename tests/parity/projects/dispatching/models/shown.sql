select {{ shapes.circle() }} as circle, {{ shapes.square() }} as square, {{ shapes.line() }} as line, {{ local() }} as local,
       {{ in_both() }} as mine, {{ shapes.in_both() }} as theirs, {{ dbt.type_string() }} '{{ var("shade") }}' as shade,
       '{{ var("size", 1) }}' as size, {{ shapes.asks_both() }} as asked
