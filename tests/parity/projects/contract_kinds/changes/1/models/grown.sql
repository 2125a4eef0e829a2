select 2 as id, 'new'::text as word
