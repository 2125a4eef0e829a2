select 'ab'::varchar as word
