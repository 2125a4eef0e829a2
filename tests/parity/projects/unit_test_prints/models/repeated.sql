select * from (values (1, 'a'), (1, 'a'), (1, 'b'), (2, 'a'), (2, 'a')) as t (id, name)
