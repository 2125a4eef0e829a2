select '{{ var("size") }}' as size, '{{ var("shade", "none") }}' as shade, '{{ project_name }}' as project, '{{ model.package_name }}' as package
