//! Python in templates. Every expected text was computed with Jinja2 3.1.6 on Python 3, its `do` and loop
//! control extensions, and the parts of dbt's context that the snippets name.

use super::Project;

const CASES: &[(&str, &str)] = &[
    (
        r"{% set l = [1] %}{% set m = l %}{% do m.append(2) %}{{ l }}",
        r"[1, 2]",
    ),
    (
        r"{% set l = [] %}{% for i in range(3) %}{% do l.append(i * 2) %}{% endfor %}{{ l }}{{ l | length }}",
        r"[0, 2, 4]3",
    ),
    (
        r"{% set d = {} %}{% do d.update({'a': 1}) %}{% do d.update(b=2) %}{{ d }}",
        r"{'a': 1, 'b': 2}",
    ),
    (
        r"{% set d = {'a': [1]} %}{% do d['a'].append(2) %}{{ d.a }}{{ d['a'][1] }}",
        r"[1, 2]2",
    ),
    (
        r"{% set d = {'a': 1} %}{{ d.get('a') }}{{ d.get('b') }}{{ d.get('b', 5) }}",
        r"1None5",
    ),
    (
        r"{% set d = {'x': 1, 'y': 2} %}{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
        r"x=1;y=2;",
    ),
    (
        r"{% set d = {'x': 1, 'y': 2} %}{{ d.keys() | list }}{{ d.values() | list }}",
        r"['x', 'y'][1, 2]",
    ),
    (
        r"{% set l = [3, 1, 2] %}{% do l.sort() %}{{ l }}{% do l.reverse() %}{{ l }}{{ l.pop() }}{{ l.pop(0) }}{{ l }}",
        r"[1, 2, 3][3, 2, 1]13[2]",
    ),
    (
        r"{% set l = [1, 2] + [3] %}{% do l.append(4) %}{{ l }}",
        r"[1, 2, 3, 4]",
    ),
    (
        r"{% set l = 'a,b,c'.split(',') %}{% do l.append('d') %}{{ l | join('-') }}",
        r"a-b-c-d",
    ),
    (
        r"{% set l = [1, 2, 3] | map('string') | list %}{% do l.append('x') %}{{ l }}",
        r"['1', '2', '3', 'x']",
    ),
    (
        r"{{ 'a' + 'b' }}{{ 1 + 2 }}{{ 1.5 + 1 }}{{ [1] + [2] }}{{ (1,) + (2,) }}",
        r"ab32.5[1, 2](1, 2)",
    ),
    (
        r"{{ 1 + 2 - 3 + 4 }} {{ 2 * 3 + 4 }} {{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }} {{ -1 + 2 }} {{ 10 - 2 - 3 }}",
        r"4 10 14 20 1 5",
    ),
    (
        r"{{ 7 % 3 }} {{ -7 % 3 }} {{ 7 // 2 }} {{ 7 / 2 }} {{ 2 ** 3 }} {{ 7.5 % 2 }} {{ 2 * 7 % 3 }}",
        r"1 2 3 3.5 8 1.5 2",
    ),
    (
        r"{{ '%s is %d' % ('x', 3) }} {{ '%s' % 'one' }} {{ '%05.2f' % 3.14159 }}",
        r"x is 3 one 03.14",
    ),
    (r"{{ 1 ~ 2 ~ 'x' ~ none ~ true }}", r"12xNoneTrue"),
    (
        r"{{ true + 1 }} {{ not true }} {{ true and none }} {{ none or 'x' }}",
        r"2 False None x",
    ),
    (
        r"{{ [1, 'a', none, true, 1.0, [2], {'k': 'v'}, (1, 2), (3,)] }}",
        r"[1, 'a', None, True, 1.0, [2], {'k': 'v'}, (1, 2), (3,)]",
    ),
    (
        r#"{{ 'it''s' }} {{ "q\"q" }} {{ ["it's", 'a"b'] }}"#,
        r#"its q"q ["it's", 'a"b']"#,
    ),
    (
        r"{{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e20 }} {{ 10 ** 3 }} {{ 1/3 }} {{ 100.0 }} {{ 1e-7 }}",
        r"1.0 0.30000000000000004 1e+20 1000 0.3333333333333333 100.0 1e-07",
    ),
    (
        r"{{ 'Hello World'.upper() }}{{ 'x'.lower() }}{{ ' a '.strip() }}{{ 'xxaxx'.strip('x') }}{{ 'a-b'.replace('-', '_') }}",
        r"HELLO WORLDxaaa_b",
    ),
    (
        r"{{ 'hello world'.title() }} {{ 'hello'.capitalize() }} {{ 'a b  c'.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }}",
        r"Hello World Hello ['a', 'b', 'c'] ['a', 'b,c'] ['a,b', 'c']",
    ),
    (
        r"{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('b', 'c')) }} {{ 'abc'.find('c') }} {{ 'abc'.find('z') }} {{ 'banana'.count('a') }}",
        r"True True 2 -1 3",
    ),
    (
        r"{{ '7'.zfill(3) }} {{ '-7'.zfill(4) }} {{ 'a'.ljust(3) }}| {{ 'a'.rjust(3) }} {{ 'ab'.center(5) }}|",
        r"007 -007 a  |   a   ab |",
    ),
    (
        r"{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'aBc'.swapcase() }} {{ 'prefix_x'.removeprefix('prefix_') }}",
        r"('a', '=', 'b=c') ('a=b', '=', 'c') AbC x",
    ),
    (
        r"{{ '{} and {}'.format(1, 'x') }} {{ '{a}-{b}'.format(a=1, b=2) }} {{ '{:>5}|{:.2f}'.format('x', 3.14159) }}",
        r"1 and x 1-2     x|3.14",
    ),
    (
        r"{{ ', '.join(['a', 'b']) }} {{ '1'.isdigit() }} {{ 'abc'.isalpha() }} {{ 'abc1'.isalnum() }} {{ 'A'.isupper() }}",
        r"a, b True True True True",
    ),
    (
        r"{{ 'abcdef'[1:3] }} {{ 'abcdef'[-2:] }} {{ 'abcdef'[::-1] }} {{ [1, 2, 3, 4][1:] }} {{ [1, 2, 3][-1] }} {{ 'abc'[0] }}",
        r"bc ef fedcba [2, 3, 4] 3 a",
    ),
    (
        r"{% for c in 'abc' %}{{ c }}{{ ',' if not loop.last }}{% endfor %}",
        r"a,b,c",
    ),
    (
        r"{% for x in [1, 2, 3] if x != 2 %}{{ loop.index }}:{{ x }} {% else %}none{% endfor %}",
        r"1:1 2:3 ",
    ),
    (r"{% for x in [] %}x{% else %}empty{% endfor %}", r"empty"),
    (
        r"{% for a, b in [(1, 2), (3, 4)] %}{{ a }}-{{ b }} {% endfor %}",
        r"1-2 3-4 ",
    ),
    (r"{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}", r"ab"),
    (
        r"{% for x in range(5) %}{% if x == 3 %}{% break %}{% endif %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
        r"02",
    ),
    (
        r"{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{{ loop.cycle('a', 'b') }}{{ loop.first }}{{ loop.revindex }}{{ loop.previtem }} {% endfor %}",
        r"TrueaTrue3 FalsebFalse21 TrueaFalse11 ",
    ),
    (
        r"{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
        r"6",
    ),
    (
        r"{% set x %}block {{ 1 + 1 }}{% endset %}{{ x }}{{ x | length }}",
        r"block 27",
    ),
    (r"{% set x | upper %}block{% endset %}{{ x }}", r"BLOCK"),
    (
        r"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, 2 %}{{ t }}",
        r"12(1, 2)",
    ),
    (r"{%- set q -%}  trimmed  {%- endset -%}[{{ q }}]", r"[trimmed]"),
    (
        r"{{ 'yes' if 1 in [1, 2] else 'no' }} {{ 'a' in 'abc' }} {{ 'k' in {'k': 1} }} {{ 3 not in [1] }}",
        r"yes True True True",
    ),
    (
        r#"{{ 1 < 2 < 3 }} {{ 1 == 1.0 }} {{ 'a' == "a" }} {{ [1, 2] == [1, 2] }} {{ (1, 2) == [1, 2] }} {{ none == none }}"#,
        r"True True True True False True",
    ),
    (
        r"{{ x is defined }} {{ x is undefined }} {{ none is none }} {{ 1 is number }} {{ 'a' is string }} {{ [1] is iterable }} {{ {} is mapping }} {{ [] is sequence }} {{ 4 is even }} {{ 4 is divisibleby 2 }} {{ 1 is in [1] }} {{ 1 is not none }}",
        r"False True True True True True True True True True True True",
    ),
    (
        r"{{ x | default('d') }} {{ none | default('d') }} {{ none | default('d', true) }} {{ '' | default('e', true) }}",
        r"d None d e",
    ),
    (
        r"{{ [3, 1, 2] | sort }} {{ ['b', 'A', 'c'] | sort }} {{ [1, 2, 3] | sum }} {{ [1, 5, 2] | max }} {{ [4, 2] | min }} {{ [1, 2] | first }} {{ [1, 2] | last }}",
        r"[1, 2, 3] ['A', 'b', 'c'] 6 5 2 1 2",
    ),
    (
        r"{{ [1, 2, 2, 3] | unique | list }} {{ [1, 2, 3] | reject('equalto', 2) | list }} {{ [1, 2, 3, 4] | select('even') | list }}",
        r"[1, 2, 3] [1, 3] [2, 4]",
    ),
    (
        r"{{ [{'n': 'a', 'v': 1}, {'n': 'b', 'v': 2}] | map(attribute='n') | join(',') }} {{ [{'n': 'a', 'v': 1}, {'n': 'b', 'v': 2}] | selectattr('v', 'gt', 1) | map(attribute='n') | list }}",
        r"a,b ['b']",
    ),
    (
        r"{{ [1, 2, 3, 4, 5] | batch(2) | list }} {{ {'b': 1, 'a': 2} | dictsort }} {{ {'a': 1} | items | list }}",
        r"[[1, 2], [3, 4], [5]] [('a', 2), ('b', 1)] [('a', 1)]",
    ),
    (
        r"{{ 'abc' | upper }} {{ '  x ' | trim }} {{ 'a b' | replace(' ', '_') }} {{ 'abc' | length }} {{ 'abc' | reverse }} {{ [1, 2] | reverse | list }} {{ 'a b c' | wordcount }}",
        r"ABC x a_b 3 cba [2, 1] 3",
    ),
    (
        r"{{ 3.7 | int }} {{ '12' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ '1.5' | float }} {{ 3.14159 | round(2) }} {{ 2.5 | round }} {{ 3 | string ~ 'x' }} {{ -3 | abs }}",
        r"3 12 0 7 1.5 3.14 2.0 3x 3",
    ),
    (
        r"{{ 'line1\nline2' | indent(4) }}",
        r"line1
    line2",
    ),
    (
        r#"{{ [1, [2, 3]] | tojson }} {{ {'b': 1, 'a': "x'<"} | tojson }} {{ tojson({'b': 1, 'a': [1.5, none, true]}) }} {{ tojson({'b': 1, 'a': 2}, sort_keys=true) }}"#,
        r#"[1, [2, 3]] {"a": "x\u0027\u003c", "b": 1} {"b": 1, "a": [1.5, null, true]} {"a": 2, "b": 1}"#,
    ),
    (r#"{{ fromjson('{"a": [1, 2]}').a[1] }}"#, r"2"),
    (
        r"{{ '%s-%s' | format('a', 'b') }} {{ 'a' ~ ('b' | upper) }} {{ ('a' ~ 'b') | upper }}",
        r"a-b aB AB",
    ),
    (
        r"{{ [1, 2, 3] | join(', ') }} {{ ['a', 'b'] | join }} {{ 'abc' | list }} {{ (1, 2) | list }}",
        r"1, 2, 3 ab ['a', 'b', 'c'] [1, 2]",
    ),
    (
        r"{{ [['a', 1], ['b', 2]] | map('first') | list }} {{ ['a', 'b'] | map('upper') | join }} {{ ['x1', 'y'] | map('replace', 'x', 'z') | list }}",
        r"['a', 'b'] AB ['z1', 'y']",
    ),
    (
        r"{% set s = set([1, 2, 2]) %}{{ s | length }} {{ 1 in s }} {{ set([1, 2]).union(set([3])) | list | sort }} {{ set([1, 2]).intersection([2, 9]) | list }} {{ (set([1, 2]) - set([1])) | list }}",
        r"2 True [1, 2, 3] [2] [2]",
    ),
    (
        r"{{ zip([1, 2], ['a', 'b']) }} {{ zip([1, 2], [3]) | list }}",
        r"[(1, 'a'), (2, 'b')] [(1, 3)]",
    ),
    (
        r"{{ dict(a=1, b='x') }} {{ dict([('k', 'v')]) }} {{ dict({'a': 1}, c=2).items() | list }}",
        r"{'a': 1, 'b': 'x'} {'k': 'v'} [('a', 1), ('c', 2)]",
    ),
    (
        r"{% set d = {'a': 1, 'b': 2} %}{{ d.pop('a') }}{{ d }}{{ d.setdefault('c', []) }}{{ d.copy() }}{% do d.clear() %}{{ d }}",
        r"1{'b': 2}[]{'b': 2, 'c': []}{}",
    ),
    (
        r"{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c='y') }} {{ m(a=5, b=6) }}",
        r"12x 12y 56x",
    ),
    (
        r"{% macro m(a) %}[{{ a }}{{ caller() if caller }}]{% endmacro %}{{ m(1) }}{% call m(2) %}body{% endcall %}",
        r"[1][2body]",
    ),
    (
        r"{{ '3' | int + 1 }} {{ 'a' | float }} {{ '2.9' | int }} {{ none | int }}",
        r"4 0.0 2 0",
    ),
    (
        r"{% raw %}{{ not rendered }}{% endraw %} {# comment #}x{{- ' y ' -}} z",
        r"{{ not rendered }} x y z",
    ),
    (
        r"{% if false %}a{% elif 1 %}b{% else %}c{% endif %}{% if none %}x{% endif %}{% if [] %}y{% endif %}{% if [0] %}z{% endif %}",
        r"bz",
    ),
    (
        r"{% filter upper %}shout {{ 'x' }}{% endfilter %} {% with a = 1, b = 2 %}{{ a + b }}{% endwith %}",
        r"SHOUT X 3",
    ),
    (
        r#"{{ 'a' 'b' }} {{ 1_000 }} {{ 0x10 }} {{ "tab\there" }} {{ 'uni\u00e9' }}"#,
        r"ab 1000 16 tab	here unié",
    ),
    (
        r"{% for row in [1, 2, 3, 4] | batch(2) %}{% for x in row %}{{ x }}{% endfor %};{% endfor %}",
        r"12;34;",
    ),
    (
        r"{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
        r"1(2(3))",
    ),
    (
        r"{% for g in [{'k': 1, 'v': 'a'}, {'k': 2, 'v': 'b'}, {'k': 1, 'v': 'c'}] | groupby('k') %}{{ g.grouper }}:{{ g.list | map(attribute='v') | join }} {% endfor %}",
        r"1:ac 2:b ",
    ),
    (
        r"{{ modules.datetime.datetime(2024, 2, 29, 13, 5, 6) }} {{ modules.datetime.date(2024, 1, 31) + modules.datetime.timedelta(days=1) }}",
        r"2024-02-29 13:05:06 2024-02-01",
    ),
    (
        r"{{ modules.datetime.datetime(2024, 2, 29, 13, 5).strftime('%Y-%m-%d %H:%M:%S %j %a %b %y %-d') }} {{ modules.datetime.date(2024, 1, 1).isoformat() }} {{ modules.datetime.datetime(2024, 1, 1).isoformat() }}",
        r"2024-02-29 13:05:00 060 Thu Feb 24 29 2024-01-01 2024-01-01T00:00:00",
    ),
    (
        r"{{ modules.datetime.datetime.strptime('2024-03-01 10:20', '%Y-%m-%d %H:%M') }} {{ (modules.datetime.date(2024, 3, 1) - modules.datetime.date(2024, 2, 1)).days }} {{ modules.datetime.timedelta(hours=36) }} {{ modules.datetime.timedelta(minutes=90).total_seconds() }}",
        r"2024-03-01 10:20:00 29 1 day, 12:00:00 5400.0",
    ),
    (
        r"{{ modules.datetime.date(2024, 3, 1) > modules.datetime.date(2024, 2, 1) }} {{ modules.datetime.date(2024, 3, 1).weekday() }} {{ modules.datetime.datetime(2024, 3, 1).replace(day=5).date() }} {{ modules.datetime.datetime(2024, 3, 1, 4).hour }}",
        r"True 4 2024-03-05 4",
    ),
    (
        r"{{ set([1, 2]) == set([2, 1]) }} {{ set([1, 2]) != set([2, 1]) }} {{ set([1, 2]) == set([1, 3]) }} {{ set([1]) == set([1, 2]) }}",
        r"True False False False",
    ),
    (
        r"{{ modules.datetime.datetime(2024, 3, 1, 1, 2, 3, 456).strftime('%f') }} {{ modules.datetime.datetime(2024, 3, 1, 1, 2, 3, 456) }} {{ modules.datetime.datetime(2024, 3, 1) - modules.datetime.timedelta(seconds=1) }}",
        r"000456 2024-03-01 01:02:03.000456 2024-02-29 23:59:59",
    ),
    (
        r"{{ modules.pytz.utc.localize(modules.datetime.datetime(9999, 12, 31)).timestamp() }} {{ modules.datetime.datetime(9999, 12, 31, 23).strftime('%Y-%m-%d %H') }} {{ modules.datetime.datetime(2024, 7, 1) < modules.datetime.datetime(9999, 12, 31) }} {{ (modules.datetime.datetime(9999, 12, 31) - modules.datetime.datetime(9999, 12, 1)).days }} {{ modules.pytz.utc.localize(modules.datetime.datetime(9999, 12, 31)).strftime('%Y%z') }}",
        r"253402214400.0 9999-12-31 23 True 30 9999+0000",
    ),
    (
        r"{{ modules.pytz.utc.localize(modules.datetime.datetime(2024, 7, 1, 12)).astimezone(modules.pytz.timezone('Europe/Amsterdam')) }} {{ modules.pytz.utc.localize(modules.datetime.datetime(2024, 7, 1)).isoformat() }}",
        r"2024-07-01 14:00:00+02:00 2024-07-01T00:00:00+00:00",
    ),
    (
        r"{{ modules.re.match('(\w+)-(\d+)', 'abc-12').group(2) }} {{ modules.re.sub('[aeiou]', '_', 'education') }} {{ modules.re.findall('\d+', 'a1b22') }} {{ modules.re.split(',\s*', 'a, b,c') }}",
        r"12 _d_c_t__n ['1', '22'] ['a', 'b', 'c']",
    ),
    (
        r"{{ modules.re.search('(?<=a)b', 'ab').start() }} {{ modules.re.match('x', 'abc') is none }} {{ modules.re.sub('(\w)(\d)', '\\2\\1', 'a1b2') }} {{ modules.re.search('(?P<y>\d{4})', 'in 2024').group('y') }} {{ modules.re.compile('B', modules.re.IGNORECASE).findall('abB') }}",
        r"1 True 1a2b 2024 ['b', 'B']",
    ),
    (
        r"{{ modules.re.fullmatch('a|ab', 'ab') is none }} {{ modules.re.fullmatch('a+', 'aab') is none }} {{ modules.re.findall('(a)(b)?', 'aab') }} {{ modules.re.escape('a.b*c') }} {{ modules.re.sub('a', 'b', 'aaa', 2) }}",
        r"False True [('a', ''), ('a', 'b')] a\.b\*c bba",
    ),
    (
        r"{{ modules.itertools.product([1, 2], 'ab') | list }} {{ modules.itertools.chain([1], [2, 3]) | list }} {{ modules.itertools.combinations([1, 2, 3], 2) | list }} {{ modules.itertools.permutations([1, 2]) | list }} {{ modules.itertools.zip_longest([1, 2], [3], fillvalue=0) | list }}",
        r"[(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')] [1, 2, 3] [(1, 2), (1, 3), (2, 3)] [(1, 2), (2, 1)] [(1, 3), (2, 0)]",
    ),
    (
        r"{{ modules.itertools.chain.from_iterable([[1], [2]]) | list }} {{ modules.itertools.islice([1, 2, 3, 4], 1, 3) | list }} {{ modules.itertools.accumulate([1, 2, 3]) | list }}",
        r"[1, 2] [2, 3] [1, 3, 6]",
    ),
    (
        r"{{ [1,2,3].index(2) }} {{ [1, 2, 2].count(2) }} {{ (1, 2).index(2) }} {% set l = [1, 2] %}{% do l.extend([3]) %}{% do l.insert(0, 0) %}{% do l.remove(2) %}{{ l }}",
        r"1 2 1 [0, 1, 3]",
    ),
    (
        r"{{ ('a' if true) ~ ('b' if false) }} {{ (none if true) }} {{ [] or 'x' }} {{ '' or none }} {{ 0 or 5 }}",
        r"a None x None 5",
    ),
    (
        r"{% set ns = namespace(items=[]) %}{% for i in [1, 2] %}{% do ns.items.append(i) %}{% endfor %}{{ ns.items }}",
        r"[1, 2]",
    ),
    (
        r"{{ {'a': {'b': [10, 20]}}['a']['b'][1] }} {{ {'a': {'b': 1}}.a.b }} {{ {1: 'x'}[1] }} {{ {(1, 2): 'y'}[1, 2] }}",
        r"20 1 x y",
    ),
    (
        r"{{ 1 if 2 > 1 and not (3 < 2) or false }} {{ not 1 in [2] }} {{ +5 }} {{ - 5 | abs }}",
        r"1 True 5 5",
    ),
    (
        r"{{ 'ab' * 3 }} {{ [0] * 3 }} {{ 3 * 'x' }} {{ 5 // -2 }} {{ -5 % 3 }} {{ 1.0 * 3 }} {{ 6 / 3 }}",
        r"ababab [0, 0, 0] xxx -3 1 3.0 2.0",
    ),
    (
        r"{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(5, 0, -2) | list }} {{ range(3) | length }}",
        r"[0, 1, 2] [1, 2, 3] [5, 3, 1] 3",
    ),
    (
        r"{{ ['a', 'b'] | string }} {{ none | string }} {{ 5 | string | length }} {{ true | string }} {{ true | int }}",
        r"['a', 'b'] None 1 True 1",
    ),
    (
        r"{{ 'héllo' | upper }} {{ 'ß' | length }} {{ 'a\\b' }} {{ 'tab	x' }}",
        r"HÉLLO 1 a\b tab	x",
    ),
    (
        r"{{ '2024-01-01'.split('-') | map('int') | list }} {{ '1,2'.split(',') | map('trim') | join('|') }} {{ ['b', 'a'] | sort(reverse=true) }} {{ [{'a': 2}, {'a': 1}] | sort(attribute='a') }}",
        r"[2024, 1, 1] 1|2 ['b', 'a'] [{'a': 1}, {'a': 2}]",
    ),
    (
        r"{{ 'x' | center(5) }}| {{ 'long text here' | truncate(8) }} {{ 'abc' | first }} {{ 'a-b_c'.replace('-', '').replace('_', '') }}",
        r"  x  | long... a abc",
    ),
    (r"{% do [1].append(2) %}{% do 5 if true else 6 %}{% do none %}ok", r"ok"),
    (
        r"{% if 1: %}colon{% endif %}{% for x in [1]: %}{{ x }}{% endfor %}",
        r"colon1",
    ),
    (
        r"{{ 'a'
   ~ 'b' }}",
        r"ab",
    ),
];

#[test]
fn snippets_render_as_in_jinja2() {
    let engine = Project::new().engine().unwrap();
    let mut wrong = Vec::new();
    for (template, expected) in CASES {
        match Project::new().rendered_by(&engine, template) {
            Ok(text) if text == *expected => {}
            Ok(text) => wrong.push(format!("{template}\n  expected {expected:?}\n  rendered {text:?}")),
            Err(error) => wrong.push(format!("{template}\n  expected {expected:?}\n  {error}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        CASES.len(),
        wrong.join("\n")
    );
}
