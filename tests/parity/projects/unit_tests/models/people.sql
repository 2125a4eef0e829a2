select 1 as id, 'Ada' as first, 'Byron' as last, date '1815-12-10' as born, null::numeric as height
