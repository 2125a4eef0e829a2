{{ config(persist_docs={'relation': false, 'columns': false}) }}
select 1 as id
