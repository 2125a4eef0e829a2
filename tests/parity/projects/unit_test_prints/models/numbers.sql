select * from (values
    (1, 1.50::numeric(10, 2), 0.1::float8),
    (2, 2.25, 2),
    (3, 1000000, 1e16),
    (10, 0.001, 123456.789),
    (20, null, 'nan'),
    (100, 5, 'infinity')
) as t (id, exact, loose)
