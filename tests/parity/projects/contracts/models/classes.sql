select 'a'::text as word, 'b'::varchar(3) as long_word, 7 as small, 1.5::float8 as single, array['x'] as words, time '10:00' as clock
