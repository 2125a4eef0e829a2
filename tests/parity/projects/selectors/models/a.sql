{{ config(tags=['a', 'nightly'], meta={'owner': 'x'}) }} select 1 as n
