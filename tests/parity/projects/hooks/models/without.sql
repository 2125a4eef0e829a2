{{ config(pre_hook=before_begin("insert into parity.heard (what) values ('out of transaction')"), post_hook=[after_commit("insert into parity.heard (what) values ('after commit')"), in_transaction("insert into parity.heard (what) values ('inside')")]) }}
select n from {{ ref('within') }}
