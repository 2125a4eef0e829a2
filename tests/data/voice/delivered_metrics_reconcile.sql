-- The averages and rates that the voice service delivers are those of its turns, within 1e-6; a number on one side only is no match.
{{ config(severity='warn', audit_scope='rows') }}
select session_id
from {{ ref('voice_metric_reconciliation') }}
where not is_reconciled
