select 'a'::text as word
