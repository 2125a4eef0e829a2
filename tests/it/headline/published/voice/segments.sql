select to_char(s.session_month, 'YYYY-MM') || '/' || s.dimension || '/' || s.value || '/' || v.figure, v.value
from analytics.voice_segment_kpis s
cross join lateral (
  values ('withheld', s.is_suppressed::int::text), ('users', s.users::text), ('sessions', s.sessions::text),
         ('completion_rate', s.completion_rate::text), ('abandonment_rate', s.abandonment_rate::text),
         ('turn_error_rate', s.turn_error_rate::text)
) as v(figure, value)
-- What is withheld must be withheld altogether: then nothing but the verdict is a figure.
where v.figure = 'withheld' or not s.is_suppressed or v.value is not null
