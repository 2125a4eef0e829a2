select o.id as odd, t.id as plain, y.id as by_year, '{{ source("plain", "things") }}' as named, '{{ source("odd", "thing").identifier }}' as identifier
from {{ source('odd', 'thing') }} o, {{ source('plain', 'things') }} t, {{ source('plain', 'by_year') }} y
