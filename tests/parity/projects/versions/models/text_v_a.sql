select 'a' as version
