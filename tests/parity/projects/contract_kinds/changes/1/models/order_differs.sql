select 'y'::text as b, 1 as id union all select 'z', 2
