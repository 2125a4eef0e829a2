select 1 as id, 'first' as label union all select 2, 'second'
