select 'abc'::varchar as word
