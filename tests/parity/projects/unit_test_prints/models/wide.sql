select * from (values
    (1, repeat('abcdefghij', 12), 'short'), (2, repeat('x', 40), repeat('y', 60)), (3, 'z', 'end')
) as t (id, long_text, other_text)
