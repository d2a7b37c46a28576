
{% set max_rows = Int32(limit, 100, description='Number of rows', required=False) %}
WITH
    toStartOfDay({{DateTime(date_from, '2024-01-01 00:00:00', description='Start of the range')}}) AS day_from
SELECT
    toStartOfHour(timestamp) AS hour,
    {{column(group_by, 'pathname')}} AS page,
    uniq(session_id) AS visits,
    count() AS hits,
    countIf(status >= 500) AS errors,
    round(errors / hits, 4) AS error_rate
FROM analytics_hits
WHERE tenant_id = {{String(tenant_id, '', description='Tenant', required=True)}}
    AND timestamp >= {{DateTime(date_from, '2024-01-01 00:00:00')}}
{% if defined(date_to) %}
    AND timestamp <= {{DateTime(date_to)}}
{% else %}
    AND timestamp <= now()
{% end %}
{% if defined(country) and country != 'all' %}
    AND country = {{String(country)}}
{% end %}
{% if defined(device) %}
    AND device IN {{Array(device, 'String', description='Comma separated devices')}}
{% end %}
GROUP BY hour, page
{% if Int32(min_hits, 0) > 0 %}
HAVING hits >= {{Int32(min_hits, 0)}}
{% end %}
ORDER BY {{column(order_by, 'visits')}} DESC
LIMIT {{max_rows}}
