select n as id, 1 as a, 2 as b, 3 as c, 4 as d, 5 as e, 6 as f, 7 as g, 8 as "H" from generate_series(1, 3) n
