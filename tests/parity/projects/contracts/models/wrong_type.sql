select 'not a number' as id
