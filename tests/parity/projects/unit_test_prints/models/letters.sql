select * from (values
    (1, 'a', 'one'), (2, 'b', 'two'), (3, null, 'three'), (4, 'd', null), (5, 'NULL', 'five'), (6, '', 'six'),
    (7, ' padded ', 'a,b'), (8, 'quo"ted', e'two\nlines'), (9, 'ünïcode 日本', 'tab	tab')
) as t (id, letter, word)
