select * from (values
    (1, array[1, 2], '{"a": 1}'::jsonb, array['x', 'y']), (2, array[]::int[], '[]', array[null]), (3, null, null, null)
) as t (id, numbers, body, words)
