select 1 as id, 'a'::text as name
