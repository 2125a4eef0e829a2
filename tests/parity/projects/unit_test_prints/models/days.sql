select * from (values
    (1, date '2020-01-01', timestamp '2020-01-01 00:00', timestamptz '2020-01-01 00:00:00.5+00'),
    (2, date '0800-12-31', timestamp '2020-01-01 10:00:00.123456', timestamptz '2020-06-01 00:00+00'),
    (3, null, null, null)
) as t (id, day, moment, instant)
