select count(*) as n, '{{ this.schema }}' as here, '{{ ref("parents").schema }}' as there from {{ ref('parents') }} where label <> ''
