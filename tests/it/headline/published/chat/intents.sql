select 'intent/' || d.intent_name || '/' || v.figure, v.value
from (
  select intent_name, sum(messages)::bigint as a, sum(intent_confidence_count)::bigint as b,
         sum(low_confidence_messages)::bigint as c
  from analytics.rasa_intent_daily
  group by intent_name
  having sum(messages) > 0
) d
cross join lateral (values ('messages', d.a), ('with_confidence', d.b), ('low', d.c)) as v(figure, value)
union all
select 'confusion/' || intent_name || '/' || second_intent_name, sum(messages)::bigint
from analytics.rasa_intent_confusion
group by intent_name, second_intent_name
having sum(messages) > 0
union all
select 'transition/' || intent_name || '/' || next_intent_name, transitions from analytics.rasa_intent_transitions
