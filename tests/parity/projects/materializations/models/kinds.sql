{{ config(materialized='table', sql_header="set local timezone to 'Asia/Tokyo';") }}
select current_setting('timezone') as zone
