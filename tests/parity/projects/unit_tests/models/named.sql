select id, first || ' ' || last as name, born, height, '{{ var("greeting", "none") }}' as greeting, {{ tall() }} as tall
from {{ ref('people') }}
