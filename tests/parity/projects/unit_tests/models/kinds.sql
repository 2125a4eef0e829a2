select 1 as id, '{"a": [1]}'::jsonb as data, 1.5::numeric as amount, timestamp '2024-01-01' as at, date '2024-01-01' as on_day, true as ok, 'y'::text as "Mixed", 'w'::text as word
