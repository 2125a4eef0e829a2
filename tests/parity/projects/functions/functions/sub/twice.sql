{{ config(volatility='deterministic', tags=['quick']) }}
select {{ function('add_tax') }}(x, 1.0)
