{# Statistics as SQL expressions, since PostgreSQL 15 has no distribution functions. All are good to 1e-10. #}

{# From a count, a sum and a sum of squares; null below two values, never below zero. #}
{% macro sample_variance(n, total, squares) -%}
case when {{ n }} >= 2 then greatest(({{ squares }} - {{ total }} * {{ total }} / {{ n }}) / ({{ n }} - 1), 0) end
{%- endmacro %}

{% macro sample_stddev(n, total, squares) -%}
sqrt({{ sample_variance(n, total, squares) }})
{%- endmacro %}

{# P(Z > z) of a standard normal: a power series in the middle, a continued fraction in the tails. #}
{% macro normal_upper_tail(z) -%}
{%- set density = "(exp(-least(z.v * z.v, 1369) / 2) / sqrt(2 * pi()))" -%}
(
  select case
    when z.v is null then null
    when z.v >= 37 then 0
    when z.v <= -37 then 1
    when abs(z.v) < 3 then
      0.5 - {{ density }} * z.v * ({% for k in range(40) %}1 + z.v * z.v / {{ 2 * k + 3 }} * ({% endfor %}1{{ ')' * 40 }})
    else
      case when z.v < 0 then 1 else 0 end
      + sign(z.v) * {{ density }} / ({% for k in range(40) %}abs(z.v) + {{ k + 1 }} / ({% endfor %}abs(z.v){{ ')' * 40 }})
  end
  from (select ({{ z }})::double precision as v) z
)
{%- endmacro %}

{% macro normal_cdf(z) -%}
{{ normal_upper_tail('-(' ~ z ~ ')') }}
{%- endmacro %}

{% macro normal_two_sided(z) -%}
2 * {{ normal_upper_tail('abs(' ~ z ~ ')') }}
{%- endmacro %}

{# P(X > x) of a chi-square with a whole number of degrees of freedom: a finite sum, and for odd ones a normal tail. #}
{% macro chi_square_upper_tail(x, df) -%}
(
  select case
    when c.x is null or c.df is null or c.df < 1 then null
    when c.x <= 0 then 1
    when c.x >= 1369 then 0
    else
      case when c.df % 2 = 1 then 2 * {{ normal_upper_tail('sqrt(c.x)') }} else 0 end
      + coalesce((
        select sum(exp(greatest(s.power, -700)))
        from (
          select
            (i + c.df % 2 / 2.0::double precision) * ln(c.x / 2) - c.x / 2
            - case when c.df % 2 = 1 then ln(sqrt(pi()) / 2) else 0 end
            - sum(case when i = 0 then 0 else ln(greatest(i, 1) + c.df % 2 / 2.0::double precision) end) over (order by i) as power
          from generate_series(0, c.df / 2 - 1) as i
        ) s
      ), 0)
  end
  from (select ({{ x }})::double precision as x, ({{ df }})::integer as df) c
)
{%- endmacro %}

{# ln of the gamma function for z > 0: Stirling's series from z + 8 on, and back. #}
{% macro log_gamma(z) -%}
(
  select (g.w - 0.5) * ln(g.w) - g.w + ln(2 * pi()) / 2
         + (1 / 12.0 - (1 / 360.0 - (1 / 1260.0 - (1 / 1680.0 - 1 / 1188.0 / g.w2) / g.w2) / g.w2) / g.w2) / g.w
         - ln({% for k in range(1, 9) %}(g.w - {{ k }}){{ ' * ' if not loop.last }}{% endfor %})
  from (select w.w, w.w * w.w as w2 from (select ({{ z }})::double precision + 8 as w) w) g
)
{%- endmacro %}

{#
  P(|T| > |t|) of Student's t with any positive degrees of freedom: the incomplete beta function
  I(df / (df + t^2); df / 2, 1 / 2) by its continued fraction, on the side where that converges.
#}
{% macro student_two_sided(t, df) -%}
(
  with recursive student as (
    select
      s.t,
      s.df,
      case when s.t * s.t > s.df / 2 + 1 or s.df / (s.df + s.t * s.t) < (s.df / 2 + 1) / (s.df / 2 + 2.5) then 1 else 0 end as direct
    from (select ({{ t }})::double precision as t, ({{ df }})::double precision as df) s
  ),
  arguments as (
    select
      s.t,
      s.df,
      s.direct,
      case when s.direct = 1 then s.df / 2 else 0.5 end as a,
      case when s.direct = 1 then 0.5 else s.df / 2 end as b,
      case when s.direct = 1 then s.df else s.t * s.t end / nullif(s.df + s.t * s.t, 0) as x
    from student s
  ),
  fraction as (
    select
      0 as m,
      a.a,
      a.b,
      a.x,
      1::double precision as c,
      1 / (1 - (a.a + a.b) * a.x / (a.a + 1)) as d,
      1 / (1 - (a.a + a.b) * a.x / (a.a + 1)) as h,
      0::double precision as factor
    from arguments a
    where a.t <> 0 and a.df > 0
    union all
    select f.m + 1, f.a, f.b, f.x, odd.c, odd.d, f.h * even.d * even.c * odd.d * odd.c, odd.d * odd.c
    from fraction f
    cross join lateral (
      select (f.m + 1) * (f.b - f.m - 1) * f.x / ((f.a + 2 * f.m + 1) * (f.a + 2 * f.m + 2)) as k
    ) one
    cross join lateral (select 1 / (1 + one.k * f.d) as d, 1 + one.k / f.c as c) even
    cross join lateral (
      select -(f.a + f.m + 1) * (f.a + f.b + f.m + 1) * f.x / ((f.a + 2 * f.m + 2) * (f.a + 2 * f.m + 3)) as k
    ) two
    cross join lateral (select 1 / (1 + two.k * even.d) as d, 1 + two.k / even.c as c) odd
    where f.m < 5000 and abs(f.factor - 1) > 1e-15
  )
  select case
    when a.t is null or a.df is null or a.df <= 0 then null
    when a.t = 0 then 1
    else (
      select case a.direct when 1 then i.part else 1 - i.part end
      from (
        select
          exp(greatest(
            a.a * ln(a.x) + a.b * ln(1 - a.x)
            + {{ log_gamma('a.a + a.b') }} - {{ log_gamma('a.a') }} - {{ log_gamma('a.b') }}, -690
          )) * f.h / a.a as part
        from fraction f
        order by f.m desc
        limit 1
      ) i
    )
  end
  from arguments a
)
{%- endmacro %}

{# 97.5% quantile of the standard normal. #}
{% macro z_95() -%}
1.959963984540054
{%- endmacro %}

{# Bounds of the 95% interval of a single proportion. `side` is low or high. #}
{% macro wilson_bound(successes, n, side) -%}
(
  select case when w.n > 0 then
    {{ 'greatest' if side == 'low' else 'least' }}((
      w.k / w.n + {{ z_95() }} * {{ z_95() }} / (2 * w.n) {{ '-' if side == 'low' else '+' }} {{ z_95() }}
      * sqrt(greatest(w.k / w.n * (1 - w.k / w.n) / w.n + {{ z_95() }} * {{ z_95() }} / (4 * w.n * w.n), 0))
    ) / (1 + {{ z_95() }} * {{ z_95() }} / w.n), {{ '0' if side == 'low' else '1' }})
  end
  from (select ({{ successes }})::double precision as k, ({{ n }})::double precision as n) w
)
{%- endmacro %}

{#
  A p-value that holds whenever one looks: the mixture sequential test of a normal difference, whose variance is known,
  against a normal prior with standard deviation tau.
#}
{% macro always_valid_p(difference, variance, tau) -%}
(
  select case when a.v > 0 then
    least(1, sqrt((a.v + a.t2) / a.v) * exp(greatest(-a.t2 * a.d * a.d / (2 * a.v * (a.v + a.t2)), -690)))
  end
  from (
    select ({{ difference }})::double precision as d, ({{ variance }})::double precision as v, ({{ tau }})::double precision ^ 2 as t2
  ) a
)
{%- endmacro %}

{#
  Variance of the ratio sum(n) / sum(d) over units, by the delta method, from sums over the units: `n` units, the sums of
  numerators and denominators, of their squares and of their products. The sum of (n * den - d * num)^2 is exact, so where all
  units did alike the variance is 0 and not what rounding leaves of it.
#}
{% macro ratio_variance(n, num, den, num_sq, den_sq, product) -%}
(
  select case when r.n >= 2 and r.den > 0 then
    (r.num_sq * r.den * r.den - 2 * r.num * r.den * r.product + r.num * r.num * r.den_sq)::double precision
      * r.n / ((r.n - 1) * r.den::double precision ^ 4)
  end
  from (
    select ({{ n }})::double precision as n, ({{ num }})::numeric as num, ({{ den }})::numeric as den,
           ({{ num_sq }})::numeric as num_sq, ({{ den_sq }})::numeric as den_sq, ({{ product }})::numeric as product
  ) r
)
{%- endmacro %}

{#
  Of an arm, what its units did before the experiment and what that tells of a ratio since (CUPED): the mean of the deviations
  from `ratio_before`, which is that of both arms together, its variance, and its covariance with the ratio by the delta
  method. A lateral query; `arm` has n, the sums num, den, num_before and den_before, and those of their products. Exact but
  for the digits of the ratios, so where all did alike the variance is 0 to many digits.
#}
{% macro before_the_assignment(arm, ratio_before) -%}
(
  select
    (s.total / s.n)::double precision as mean,
    ((s.n * s.squares - s.total * s.total) / nullif(s.n * s.n * (s.n - 1), 0))::double precision as variance,
    (s.products / nullif((s.n - 1) * s.den, 0))::double precision as covariance
  from (
    select
      a.n::numeric as n,
      a.den,
      a.num_before - r.ratio * a.den_before as total,
      a.num_before_sq - 2 * r.ratio * a.product_before + r.ratio * r.ratio * a.den_before_sq as squares,
      a.num_num_before - r.ratio * a.num_den_before
        - a.num / a.den * (a.den_num_before - r.ratio * a.den_den_before) as products
    from (select {{ arm }}.*) a
    cross join (select {{ ratio_before }} as ratio) r
  ) s
)
{%- endmacro %}

{# 97.5% quantile of Student's t, from the normal one by five terms of its expansion: to 3e-4 from 5 degrees of freedom on. #}
{% macro student_quantile_95(df) -%}
(
  select case when q.df >= 5 then
    q.z + (q.z ^ 3 + q.z) / (4 * q.df) + (5 * q.z ^ 5 + 16 * q.z ^ 3 + 3 * q.z) / (96 * q.df ^ 2)
    + (3 * q.z ^ 7 + 19 * q.z ^ 5 + 17 * q.z ^ 3 - 15 * q.z) / (384 * q.df ^ 3)
    + (79 * q.z ^ 9 + 776 * q.z ^ 7 + 1482 * q.z ^ 5 - 1920 * q.z ^ 3 - 945 * q.z) / (92160 * q.df ^ 4)
  end
  from (select {{ z_95() }}::double precision as z, ({{ df }})::double precision as df) q
)
{%- endmacro %}
