select v.figure, v.value
from (
  select avg(first3_asr_confidence) as a, avg(first3_intent_confidence) as b, avg(first3_error_share) as c, count(*) as d
  from analytics.voice_logit_features
) f
cross join lateral (
  values ('early/asr_confidence', f.a::text), ('early/intent_confidence', f.b::text), ('early/error_share', f.c::text),
         ('early/sessions', f.d::text)
) as v(figure, value)
