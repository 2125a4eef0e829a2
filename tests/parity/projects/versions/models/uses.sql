select (select count(*) from {{ ref('people') }}) as latest,
       (select max(gone) from {{ ref('people', v=1) }}) as first,
       (select bool_or(extra) from {{ ref('people', version=3) }}) as third,
       '{{ ref('people', version='2').identifier }}' as second,
       (select max(version) from {{ ref('text') }}) as text
