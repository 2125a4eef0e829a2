select 1 as id, 'a-b-c' as t, 'x' as u union all select 2, 'it''s|here', '' union all select 3, null, 'y' union all select 4, 'äöü-ß', 'öü'
