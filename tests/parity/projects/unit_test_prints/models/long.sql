select n as id, 'row ' || n as name, n % 3 as rest from generate_series(1, 60) n
