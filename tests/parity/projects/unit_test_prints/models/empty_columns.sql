select n as id, null::text as nothing, null::numeric as none, null::bool as never from generate_series(1, 2) n
