select 1 as id, 'a' as word, true as flag, timestamptz '2024-01-01 00:00+00' as at, array[1] as many, '{}'::jsonb as doc
