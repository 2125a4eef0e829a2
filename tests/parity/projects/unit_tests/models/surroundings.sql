select '{{ env_var("PARITY_PLACE", "earth") }}' as place, {{ var('listed', []) | length }} as listed, '{{ project_says() }}' as says
