select 1 as base_id, 1 as other_id, 'x' as "Quoted Name" from {{ ref('base') }}
