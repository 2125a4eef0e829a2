select 1 as id, '{"a": 1}'::json as doc, 1.50::numeric(6, 2) as length, timestamptz '2024-01-01 00:00:00+00' as at
