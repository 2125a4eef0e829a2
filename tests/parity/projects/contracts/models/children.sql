select 10 as id, 1 as parent_id, 5.555 as amount, 'text' as note
