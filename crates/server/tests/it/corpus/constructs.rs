//! What a query can be made of. Each construct with queries that use it, over the data of `world.rs`.

use super::places::Place;

/// A construct and its queries. Rows may come in any order unless the query says so.
pub(super) type Construct = (&'static str, &'static [&'static str]);

pub(super) const CONSTRUCTS: &[Construct] = &[
    (
        "plain",
        &[
            "SELECT id, kind FROM events",
            "SELECT * FROM users",
            "SELECT 1 AS one",
            "FROM users SELECT name",
            "SELECT id FROM events WHERE value > 3 AND NOT kind = 'buy' OR id = 1",
            "SELECT DISTINCT kind FROM events",
            "SELECT id + 1 AS n, value * 2 - 1, -id, id % 3, id DIV 2, kind || '!' FROM events",
            "(SELECT name FROM users)",
        ],
    ),
    (
        "CTE, scalar",
        &[
            "WITH 3 AS least SELECT id FROM events WHERE id > least",
            "WITH (SELECT max(id) FROM events) AS top SELECT id FROM events WHERE id = top",
            "WITH x -> x + 1 AS next SELECT next(id) AS n FROM events",
            "WITH id * 2 AS twice SELECT twice FROM events",
            "WITH (SELECT groupArray(user_id) FROM users) AS ids SELECT id FROM events WHERE has(ids, user_id)",
        ],
    ),
    (
        "CTE, table",
        &[
            "WITH c AS (SELECT id FROM events) SELECT * FROM c",
            "WITH c AS (SELECT 1 AS a), d AS (SELECT a + 1 AS b FROM c) SELECT a, b FROM c, d",
            "WITH c AS (SELECT kind, count() AS n FROM events GROUP BY kind) SELECT x.kind, y.n FROM c AS x JOIN c AS y ON x.kind = y.kind",
            "WITH c (x, y) AS (SELECT 1, 2) SELECT x, y FROM c",
            "WITH c AS MATERIALIZED (SELECT id FROM events) SELECT count() FROM c",
            "WITH d AS (SELECT * FROM c), c AS (SELECT id FROM events) SELECT * FROM d",
        ],
    ),
    (
        "CTE, nested",
        &[
            "WITH a AS (WITH b AS (SELECT id FROM events) SELECT id FROM b WHERE id > 2) SELECT * FROM a",
            "WITH a AS (WITH a AS (SELECT 1 AS n) SELECT n + 1 AS n FROM a) SELECT n FROM a",
            "SELECT * FROM (WITH c AS (SELECT name FROM users) SELECT * FROM c) AS x",
            "WITH c AS (SELECT id FROM events UNION ALL SELECT user_id FROM users) SELECT sum(id) FROM c",
        ],
    ),
    (
        "CTE, recursive",
        &[
            "WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT n FROM c",
            "WITH RECURSIVE c AS (SELECT toUInt64(min(id)) AS n FROM events UNION ALL SELECT n + 1 FROM c WHERE n < (SELECT max(id) FROM events)) SELECT count() FROM c",
        ],
    ),
    (
        "CTE, named like a data source",
        &[
            "WITH events AS (SELECT 7 AS id) SELECT id FROM events",
            "WITH events AS (SELECT * FROM events WHERE id < 5) SELECT id FROM events",
            "WITH users AS (SELECT user_id FROM events) SELECT count() FROM users WHERE user_id IN users",
            "SELECT id FROM (WITH events AS (SELECT 8 AS id) SELECT id FROM events) UNION ALL SELECT id FROM events",
        ],
    ),
    (
        "subquery in FROM",
        &[
            "SELECT n FROM (SELECT count() AS n FROM events) AS x",
            "SELECT * FROM (SELECT * FROM (SELECT id FROM events))",
            "SELECT x.id FROM (SELECT id FROM events) x WHERE x.id > 2",
        ],
    ),
    (
        "subquery in SELECT",
        &[
            "SELECT (SELECT count() FROM users) AS n, id FROM events",
            "SELECT (SELECT min(id), max(id) FROM events) AS both",
            "SELECT name, (SELECT count() FROM events AS e WHERE e.user_id = u.user_id) AS n FROM users AS u",
        ],
    ),
    (
        "subquery in WHERE",
        &[
            "SELECT id FROM events WHERE id > (SELECT avg(id) FROM events)",
            "SELECT name FROM users WHERE EXISTS (SELECT 1 FROM events WHERE kind = 'buy')",
            "SELECT name FROM users AS u WHERE EXISTS (SELECT 1 FROM events AS e WHERE e.user_id = u.user_id)",
            "SELECT id FROM events WHERE user_id = ANY (SELECT user_id FROM users)",
            "SELECT id FROM events HAVING id > (SELECT 3)",
        ],
    ),
    (
        "UNION ALL",
        &[
            "SELECT id FROM events UNION ALL SELECT user_id FROM users",
            "(SELECT 1 AS a) UNION ALL (SELECT 2) UNION ALL SELECT 3",
            "WITH c AS (SELECT 1 AS a) SELECT a FROM c UNION ALL SELECT a + 1 FROM c",
            "SELECT id FROM events LIMIT 0 UNION ALL SELECT 5",
        ],
    ),
    (
        "UNION DISTINCT",
        &["SELECT kind FROM events UNION DISTINCT SELECT kind FROM prices", "SELECT 1 AS a UNION DISTINCT SELECT 1"],
    ),
    (
        "INTERSECT",
        &[
            "SELECT user_id FROM events INTERSECT SELECT user_id FROM users",
            "SELECT kind FROM events INTERSECT DISTINCT SELECT kind FROM prices",
        ],
    ),
    (
        "EXCEPT",
        &[
            "SELECT user_id FROM users EXCEPT SELECT user_id FROM events",
            "SELECT kind FROM events EXCEPT DISTINCT SELECT kind FROM prices",
            "SELECT 1 AS a UNION ALL SELECT 2 EXCEPT SELECT 1",
        ],
    ),
    (
        "INNER JOIN",
        &[
            "SELECT e.id, u.name FROM events AS e INNER JOIN users AS u ON e.user_id = u.user_id",
            "SELECT id, name FROM events JOIN users USING user_id",
            "SELECT events.id, users.name FROM events JOIN users ON events.user_id = users.user_id",
            "SELECT e.id, c.value FROM events AS e JOIN clicks AS c ON e.id = c.id",
            "SELECT count() FROM events AS a JOIN events AS b ON a.id = b.id JOIN users AS c ON b.user_id = c.user_id",
            "SELECT e.id FROM events AS e JOIN users AS u ON e.user_id = u.user_id AND u.country = 'ES' AND e.value > 1",
        ],
    ),
    (
        "LEFT JOIN",
        &[
            "SELECT u.name, e.id FROM users AS u LEFT JOIN events AS e ON u.user_id = e.user_id",
            "SELECT name, total FROM users LEFT OUTER JOIN user_totals USING (user_id)",
        ],
    ),
    ("RIGHT JOIN", &["SELECT u.name, e.id FROM events AS e RIGHT JOIN users AS u ON u.user_id = e.user_id"]),
    (
        "FULL JOIN",
        &[
            "SELECT u.name, e.id FROM events AS e FULL OUTER JOIN users AS u ON u.user_id = e.user_id",
            "SELECT user_id FROM events FULL JOIN users USING (user_id)",
        ],
    ),
    ("CROSS JOIN", &["SELECT a.id, b.name FROM events AS a CROSS JOIN users AS b WHERE a.id < 3"]),
    (
        "comma join",
        &[
            "SELECT a.id, b.name FROM events AS a, users AS b WHERE a.user_id = b.user_id",
            "SELECT count() FROM events, users, numbers(2) AS n",
            "SELECT events.id, users.name FROM events, users WHERE events.user_id = users.user_id",
        ],
    ),
    (
        "ANY JOIN",
        &[
            "SELECT u.user_id, u.name FROM users AS u ANY LEFT JOIN events AS e ON u.user_id = e.user_id",
            "SELECT name FROM users LEFT ANY JOIN prices ON name = kind",
        ],
    ),
    (
        "SEMI JOIN",
        &[
            "SELECT name FROM users SEMI LEFT JOIN events ON users.user_id = events.user_id",
            "SELECT u.name FROM users AS u LEFT SEMI JOIN events AS e USING user_id",
        ],
    ),
    (
        "ANTI JOIN",
        &[
            "SELECT name FROM users ANTI LEFT JOIN events ON users.user_id = events.user_id",
            "SELECT u.name FROM users u LEFT ANTI JOIN events e USING (user_id)",
        ],
    ),
    (
        "ASOF JOIN",
        &[
            "SELECT e.id, p.price FROM events AS e ASOF JOIN prices AS p ON e.kind = p.kind AND e.ts >= p.ts",
            "SELECT id, price FROM events ASOF LEFT JOIN prices USING (kind, ts)",
        ],
    ),
    (
        "GLOBAL JOIN",
        &[
            "SELECT id, name FROM events GLOBAL JOIN users USING user_id",
            "SELECT id, name FROM events GLOBAL ANY LEFT JOIN users USING user_id",
        ],
    ),
    ("join in brackets", &["SELECT count() FROM (events AS a JOIN users AS b ON a.user_id = b.user_id)"]),
    (
        "PASTE JOIN",
        &[
            "SELECT a, b FROM (SELECT number AS a FROM numbers(3)) AS x PASTE JOIN (SELECT number * 2 AS b FROM numbers(3)) AS y",
        ],
    ),
    (
        "IN, data source",
        &[
            "SELECT id IN sampled AS hit FROM sampled",
            "SELECT (id, user_id, value) IN clicks AS hit FROM events",
            "SELECT user_id IN (SELECT user_id FROM users) AS a, (SELECT count() FROM users) AS b FROM events",
            "SELECT EXISTS (SELECT 1 FROM users), in(id, (SELECT id FROM clicks)) AS hit FROM events",
            "SELECT name FROM users WHERE name IN (SELECT name FROM users)",
            "WITH c AS (SELECT user_id FROM users) SELECT id FROM events WHERE user_id IN c",
            "SELECT id FROM sampled WHERE id IN sampled",
            "SELECT id FROM events WHERE (id, user_id, value) IN clicks",
            "SELECT count() FROM users WHERE (user_id, 1.) NOT IN user_totals",
        ],
    ),
    (
        "IN, subquery",
        &[
            "SELECT id FROM events WHERE user_id IN (SELECT user_id FROM users)",
            "SELECT id FROM events WHERE user_id NOT IN (SELECT user_id FROM users WHERE country = 'ES')",
            "SELECT id IN (SELECT user_id FROM users) AS hit FROM events",
        ],
    ),
    (
        "IN, list",
        &[
            "SELECT id FROM events WHERE id IN (1, 2, 3)",
            "SELECT id FROM events WHERE id IN 4",
            "SELECT id FROM events WHERE kind IN ('buy')",
            "SELECT id FROM events WHERE id IN [1, 2]",
            "WITH (1, 2) AS ids SELECT id FROM events WHERE id IN ids",
        ],
    ),
    (
        "IN, tuples",
        &[
            "SELECT id FROM events WHERE (id, kind) IN ((1, 'click'), (2, 'x'))",
            "SELECT id FROM events WHERE (user_id, kind) IN (SELECT user_id, 'click' FROM users)",
        ],
    ),
    (
        "IN, column",
        &[
            "SELECT id FROM events WHERE 'red' IN tags",
            "SELECT id, 'red' IN events.tags AS red FROM events",
            "SELECT arrayFilter(x -> x IN tags, ['red', 'black']) AS f FROM events",
        ],
    ),
    (
        "GLOBAL IN",
        &[
            "SELECT id FROM events WHERE user_id GLOBAL IN (SELECT user_id FROM users)",
            "SELECT count() FROM events WHERE user_id GLOBAL NOT IN (SELECT user_id FROM users)",
        ],
    ),
    (
        "ARRAY JOIN",
        &[
            "SELECT id, tag FROM events ARRAY JOIN tags AS tag",
            "SELECT id, tags FROM events ARRAY JOIN tags",
            "SELECT id, n, x FROM events ARRAY JOIN tags AS n, arrayEnumerate(tags) AS x",
            "SELECT count() FROM events ARRAY JOIN [1, 2, 3] AS n WHERE n > 1",
        ],
    ),
    ("LEFT ARRAY JOIN", &["SELECT id, tag FROM events LEFT ARRAY JOIN tags AS tag"]),
    (
        "aliases",
        &[
            "SELECT id AS a, a + 1 AS b, b * 2 AS c FROM events",
            "SELECT e.id i FROM events e WHERE i > 3",
            "SELECT sum(value) AS value FROM (SELECT value FROM events)",
            "SELECT count() AS events FROM events",
            "SELECT kind AS events FROM events",
            "SELECT kind AS events, events.id FROM events WHERE events.id > 2",
            "SELECT kind AS clicks FROM (SELECT kind FROM events)",
            "SELECT (id AS k) + k AS twice FROM events",
            "SELECT events.id AS x FROM events AS e",
        ],
    ),
    (
        "quoted identifiers",
        &[
            "SELECT `id`, \"kind\" FROM `events`",
            "SELECT `e`.`id` FROM \"events\" AS `e`",
            "SELECT id AS `my id`, kind AS \"the kind\" FROM events",
            "SELECT`id`FROM`events`WHERE`id`>3",
            "SELECT id AS `a``b`, kind AS `a\\`c` FROM events",
        ],
    ),
    (
        "dotted identifiers",
        &[
            "SELECT `a.b` FROM (SELECT id AS `a.b` FROM events)",
            "SELECT x.`a.b` AS y FROM (SELECT id AS `a.b` FROM events) AS x",
        ],
    ),
    (
        "column qualifiers",
        &[
            "SELECT events.id, events.kind FROM events",
            "SELECT events.* FROM events",
            "SELECT e.*, u.name FROM events AS e JOIN users AS u USING user_id",
            "SELECT clicks.id FROM clicks WHERE clicks.value > 1",
            "SELECT events.id, e.kind FROM events AS e",
            "SELECT users.name, (SELECT count() FROM events WHERE events.user_id = users.user_id) AS n FROM users",
            "SELECT events.tags[1] AS first, events.id FROM events ORDER BY events.id",
        ],
    ),
    (
        "comments",
        &[
            "SELECT id -- the id\nFROM events",
            "SELECT /* a /* nested */ one */ id FROM events",
            "SELECT id # more\nFROM events",
            "SELECT id FROM events #! end",
            "SELECT id FROM/**/events/**/WHERE/**/id>2",
            "/* first */ SELECT 1 AS a -- last",
            "SELECT '/* no comment */ -- none' AS t",
        ],
    ),
    (
        "strings",
        &[
            "SELECT 'it''s', 'a\\'b', 'FROM users', '`'",
            "SELECT $$it's$$ AS h, $tag$ -- text $tag$ AS t",
            "SELECT x'4142' AS x, b'01000001' AS b",
            "SELECT '\u{f1}and\u{fa} \u{2019}' AS t",
            "SELECT 'a\\nb' AS n, 'tab\\t' AS t, '' AS e",
        ],
    ),
    (
        "lambdas",
        &[
            "SELECT arrayMap(x -> x || '!', tags) AS t FROM events",
            "SELECT arrayMap((x, i) -> concat(x, toString(i)), tags, arrayEnumerate(tags)) AS t FROM events",
            "SELECT arrayFilter(events -> events != 'red', tags) AS t FROM events",
            "WITH x -> x * 2 AS f SELECT arrayMap(f, [1, 2]) AS a",
        ],
    ),
    (
        "higher-order functions",
        &[
            "SELECT arrayExists(x -> x = 'red', tags) AS r, arrayAll(x -> x != '', tags) AS a, arrayCount(x -> x = 'red', tags) AS c FROM events",
            "SELECT arrayFold((acc, x) -> acc + x, [1, 2, 3], toInt64(0)) AS f",
            "SELECT arraySort(x -> -x, [1, 3, 2]) AS s, arrayReverseSort([1, 2]) AS r, arraySplit(x -> x = 2, [1, 2, 3]) AS p",
            "SELECT mapFilter((k, v) -> v > 1, map('a', 1, 'b', 2)) AS m",
            "SELECT arrayMap(upper, tags) AS u FROM events",
        ],
    ),
    (
        "EXTRACT and its kin",
        &[
            "SELECT EXTRACT(DAY FROM ts) AS d, EXTRACT(YEAR FROM day) AS y FROM events",
            "SELECT SUBSTRING(kind FROM 2 FOR 2) AS s FROM events",
            "SELECT SUBSTRING(kind FROM 2) AS s FROM events",
            "SELECT TRIM(BOTH 'xy' FROM 'xyabyx') AS t, TRIM(LEADING 'x' FROM 'xa') AS l",
            "SELECT POSITION('i' IN kind) AS p FROM events",
            "SELECT DATE_ADD(DAY, 1, day) AS d, DATE_DIFF('day', day, toDate('2026-02-01')) AS n FROM events",
            "SELECT CAST(id AS String) AS c, CAST(value, 'Int32') AS v FROM events",
        ],
    ),
    (
        "window functions",
        &[
            "SELECT id, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM events",
            "SELECT id, sum(value) OVER () AS s FROM events",
            "SELECT id, rank() OVER (ORDER BY user_id, id) AS r FROM events",
            "SELECT id, lagInFrame(id) OVER (ORDER BY id) AS before, leadInFrame(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS after FROM events",
            "SELECT kind, sum(sum(value)) OVER (ORDER BY kind) AS s FROM events GROUP BY kind",
        ],
    ),
    (
        "named windows",
        &[
            "SELECT id, sum(value) OVER w AS s, count() OVER w AS c FROM events WINDOW w AS (PARTITION BY kind ORDER BY id)",
            "SELECT id, sum(id) OVER a AS s, max(id) OVER b AS m FROM events WINDOW a AS (ORDER BY id), b AS (PARTITION BY user_id)",
        ],
    ),
    (
        "window frames",
        &[
            "SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM events",
            "SELECT id, sum(id) OVER (ORDER BY id RANGE BETWEEN 2 PRECEDING AND 2 FOLLOWING) AS s FROM events",
            "SELECT id, first_value(id) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS f FROM events",
        ],
    ),
    (
        "SAMPLE",
        &[
            "SELECT id FROM sampled SAMPLE 1/2",
            "SELECT count() FROM sampled SAMPLE 0.3",
            "SELECT id FROM sampled AS s SAMPLE 1/2 OFFSET 1/4 WHERE s.id > 3",
        ],
    ),
    (
        "FINAL",
        &[
            "SELECT id, state FROM versions FINAL",
            "SELECT v.id, v.state FROM versions AS v FINAL WHERE v.id > 0",
            "SELECT count() FROM versions FINAL PREWHERE id = 1",
        ],
    ),
    (
        "PREWHERE",
        &[
            "SELECT id FROM events PREWHERE kind = 'click' WHERE value > 2",
            "SELECT id FROM events AS e PREWHERE e.id > 3",
        ],
    ),
    (
        "LIMIT",
        &[
            "SELECT id FROM events ORDER BY id LIMIT 3",
            "SELECT id FROM events ORDER BY id LIMIT 2, 3",
            "SELECT id FROM events ORDER BY id LIMIT 3 OFFSET 2",
            "SELECT id FROM events ORDER BY id LIMIT (SELECT 2)",
            "SELECT TOP 2 id FROM events ORDER BY id",
        ],
    ),
    (
        "LIMIT BY",
        &[
            "SELECT kind, id FROM events ORDER BY kind, id LIMIT 2 BY kind",
            "SELECT kind, id FROM events ORDER BY kind, id LIMIT 1 OFFSET 1 BY kind",
            "SELECT kind, id FROM events ORDER BY kind, id LIMIT 1 BY kind LIMIT 2",
        ],
    ),
    ("LIMIT WITH TIES", &["SELECT user_id FROM events ORDER BY user_id LIMIT 2 WITH TIES"]),
    (
        "OFFSET FETCH",
        &[
            "SELECT id FROM events ORDER BY id OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY",
            "SELECT user_id FROM events ORDER BY user_id OFFSET 1 ROW FETCH NEXT 1 ROWS WITH TIES",
        ],
    ),
    ("QUALIFY", &["SELECT id, kind FROM events QUALIFY row_number() OVER (PARTITION BY kind ORDER BY id) = 1"]),
    (
        "GROUP BY",
        &[
            "SELECT kind, count() FROM events GROUP BY kind",
            "SELECT kind, user_id, sum(value) FROM events GROUP BY kind, user_id",
            "SELECT toDate(ts) AS d, uniq(user_id) FROM events GROUP BY d",
            "SELECT kind, count() FROM events GROUP BY 1",
        ],
    ),
    (
        "GROUP BY ROLLUP",
        &[
            "SELECT kind, user_id, count() FROM events GROUP BY ROLLUP(kind, user_id)",
            "SELECT kind, count() FROM events GROUP BY kind WITH ROLLUP",
        ],
    ),
    (
        "GROUP BY CUBE",
        &[
            "SELECT kind, user_id, count() FROM events GROUP BY CUBE(kind, user_id)",
            "SELECT kind, count() FROM events GROUP BY kind WITH CUBE",
        ],
    ),
    (
        "GROUPING SETS",
        &[
            "SELECT kind, user_id, count(), grouping(kind) FROM events GROUP BY GROUPING SETS ((kind), (kind, user_id))",
            "SELECT count() AS n FROM events GROUP BY GROUPING SETS ((kind), ())",
        ],
    ),
    (
        "WITH TOTALS",
        &[
            "SELECT kind, count() AS n FROM events GROUP BY kind WITH TOTALS",
            "SELECT kind, count() AS n FROM events GROUP BY kind WITH TOTALS HAVING n > 1 ORDER BY kind",
        ],
    ),
    ("GROUP BY ALL", &["SELECT kind, user_id, count() FROM events GROUP BY ALL"]),
    ("HAVING", &["SELECT user_id, count() AS n FROM events GROUP BY user_id HAVING n > 4"]),
    (
        "ORDER BY",
        &[
            "SELECT id FROM events ORDER BY value DESC, id",
            "SELECT score FROM users ORDER BY score NULLS FIRST",
            "SELECT id FROM events ORDER BY -id",
            "SELECT id FROM events ORDER BY id ASC LIMIT 5",
        ],
    ),
    ("ORDER BY ALL", &["SELECT kind, id FROM events ORDER BY ALL"]),
    (
        "ORDER BY WITH FILL",
        &[
            "SELECT id FROM events WHERE id IN (1, 4) ORDER BY id WITH FILL FROM 0 TO 6 STEP 1",
            "SELECT id, 1 AS one FROM events WHERE id IN (1, 4) ORDER BY id WITH FILL INTERPOLATE (one AS one + 1)",
            "SELECT day, count() AS n FROM events WHERE id < 12 GROUP BY day ORDER BY day WITH FILL TO toDate('2026-01-06') STEP INTERVAL 1 DAY",
        ],
    ),
    ("ORDER BY COLLATE", &["SELECT name FROM users ORDER BY name COLLATE 'en'"]),
    ("DISTINCT ON", &["SELECT DISTINCT ON (kind) kind, id FROM events ORDER BY kind, id"]),
    (
        "COLUMNS",
        &[
            "SELECT COLUMNS('^k') FROM events",
            "SELECT COLUMNS('id$') APPLY(toString) FROM events",
            "SELECT events.COLUMNS('^k') FROM events",
            "SELECT COLUMNS(id, kind) FROM events",
        ],
    ),
    ("EXCEPT columns", &["SELECT * EXCEPT (tags, payload) FROM events", "SELECT * EXCEPT user_id FROM users"]),
    (
        "REPLACE",
        &[
            "SELECT * REPLACE (upper(name) AS name) FROM users",
            "SELECT * REPLACE (user_id + 1 AS user_id) EXCEPT (score) FROM users",
        ],
    ),
    (
        "APPLY",
        &[
            "SELECT * APPLY (max) FROM users",
            "SELECT * APPLY (x -> toString(x)) FROM users",
            "SELECT id, value FROM (SELECT id, value FROM events) ORDER BY id",
        ],
    ),
    (
        "table functions",
        &[
            "SELECT number FROM numbers(5)",
            "SELECT number FROM numbers(2, 3) AS n",
            "SELECT count() FROM zeros(4)",
            "SELECT z.zero, n.number FROM zeros(2) AS z, numbers(2) AS n",
            "SELECT zero FROM zeros(1) AS z JOIN numbers(1) AS n ON zero = number",
            "SELECT * FROM values('a Int8, b String', (1, 'x'), (2, 'y'))",
            "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (n, s)",
            "SELECT * FROM generateRandom('a Int8, b String', 1, 3) LIMIT 2",
            "SELECT * FROM null('a Int8')",
            "SELECT generate_series FROM generate_series(1, 5)",
            "SELECT prime FROM primes(3)",
        ],
    ),
    ("ternary", &["SELECT id > 3 ? 'big' : 'small' AS size FROM events"]),
    (
        "CASE",
        &[
            "SELECT CASE WHEN id > 3 THEN 'big' ELSE 'small' END AS size FROM events",
            "SELECT CASE kind WHEN 'buy' THEN 1 WHEN 'click' THEN 2 END AS n FROM events",
        ],
    ),
    (
        "casts",
        &[
            "SELECT id::String AS s, value::Decimal(10, 2) AS d, '2026-01-01'::Date AS t FROM events",
            "SELECT CAST('[1,2]', 'Array(Int8)') AS a, (1, 'x')::Tuple(n Int8, s String) AS t",
            "SELECT toString(id)::UInt8 AS x FROM events WHERE id < 9",
        ],
    ),
    (
        "intervals",
        &[
            "SELECT ts + INTERVAL 1 DAY AS a, ts - INTERVAL '2' HOUR AS b FROM events",
            "SELECT day + INTERVAL 1 MONTH - INTERVAL 2 WEEK AS d FROM events",
            "SELECT toDateTime('2026-01-01 00:00:00', 'UTC') + INTERVAL id MINUTE AS m FROM events",
        ],
    ),
    (
        "dates",
        &[
            "SELECT DATE '2026-01-01' AS d, TIMESTAMP '2026-01-01 00:00:00' AS t",
            "SELECT id FROM events WHERE ts BETWEEN '2026-01-01 00:00:00' AND '2026-01-03 00:00:00'",
            "SELECT id FROM events WHERE day >= toDate('2026-01-03')",
        ],
    ),
    (
        "maps, tuples, arrays",
        &[
            "SELECT map('a', 1, 'b', 2)['b'] AS m, (1, 'x').2 AS t, [1, 2, 3][2] AS a",
            "SELECT tags[1] AS first, length(tags) AS n FROM events",
            "SELECT t.a, t.b FROM (SELECT tuple(1, 2)::Tuple(a Int8, b Int8) AS t)",
            "SELECT untuple((id, kind)) FROM events",
        ],
    ),
    (
        "JSON",
        &[
            "SELECT JSONExtractInt(payload, 'n') AS n FROM events",
            "SELECT payload::JSON AS j, j.n AS n FROM events",
            "SELECT (payload::JSON).name::String AS n FROM events",
            "SELECT j.n.:Int64 AS n, j.^list AS l FROM (SELECT payload::JSON AS j FROM events)",
        ],
    ),
    (
        "parametric aggregates",
        &[
            "SELECT quantile(0.5)(value), quantilesExact(0.1, 0.9)(value) FROM events",
            "SELECT length(groupArray(3)(id)) FROM events",
            "SELECT windowFunnel(86400)(ts, kind = 'view', kind = 'click') FROM events",
            "SELECT histogram(2)(id) FROM events",
        ],
    ),
    (
        "aggregate combinators",
        &[
            "SELECT sumIf(value, id > 3), countDistinct(kind), uniqArray(tags), sumOrNull(value), avgOrDefault(value) FROM events",
            "SELECT uniqMerge(s) FROM (SELECT uniqState(user_id) AS s FROM events GROUP BY kind)",
            "SELECT finalizeAggregation(sumState(value)) FROM events",
            "SELECT sumForEach([id, user_id]) FROM events",
            "SELECT kind, countMerge(c) FROM (SELECT kind, countState() AS c FROM events GROUP BY kind, day) GROUP BY kind",
            "SELECT sumMapMerge(m) FROM (SELECT sumMapState([kind], [1]) AS m FROM events)",
            "SELECT count(DISTINCT kind), sum(DISTINCT user_id) FROM events",
        ],
    ),
    (
        "FILTER and NULLS",
        &[
            "SELECT count() FILTER (WHERE id > 3) AS n FROM events",
            "SELECT any(note) RESPECT NULLS IS NULL AS n FROM (SELECT note FROM events ORDER BY id)",
        ],
    ),
    (
        "NULL",
        &[
            "SELECT note IS NULL AS n, note IS NOT NULL AS m FROM events",
            "SELECT id FROM events WHERE note IS DISTINCT FROM 'n1'",
            "SELECT coalesce(note, 'x') AS n FROM events",
            "SELECT note <=> NULL AS e FROM events",
        ],
    ),
    (
        "operators",
        &[
            "SELECT id BETWEEN 2 AND 4 AS b, kind LIKE 'c%' AS l, kind NOT ILIKE 'C%' AS i, kind REGEXP '^v' AS r, id = 1 AS e, id == 1 AS ee, id != 1 AS n, id <> 1 AS nn FROM events",
            "SELECT NOT id > 3 AS n, -(-id) AS m, id > 1 AND id < 5 OR id = 9 AS o FROM events",
        ],
    ),
    (
        "numbers",
        &[
            "SELECT 1.5e3 AS e, 0x1F AS h, 0b11 AS b, 1_000 AS u, .5 AS p, 1. AS d, 18446744073709551615 AS m, -1 AS n",
            "SELECT inf AS i, nan AS n, -inf AS m",
        ],
    ),
    (
        "words as names",
        &[
            "SELECT id AS from, kind AS format FROM events",
            "SELECT x.final AS f FROM (SELECT id AS final FROM events) AS x",
            "SELECT id AS settings FROM events",
            "SELECT format FROM (SELECT kind AS format FROM events) AS format",
            "SELECT id AS window, kind AS offset FROM events",
        ],
    ),
    ("trailing comma", &["SELECT id, kind, FROM events"]),
    (
        "pipes",
        &[
            "SELECT * FROM clicks",
            "SELECT user_id, total FROM user_totals WHERE total > 1",
            "SELECT c.id, t.total FROM clicks AS c JOIN user_totals AS t USING user_id",
            "WITH clicks AS (SELECT id FROM clicks WHERE id > 3) SELECT * FROM clicks",
        ],
    ),
    ("arrayJoin", &["SELECT id, arrayJoin(tags) AS tag FROM events", "SELECT unnest([1, 2]) AS n"]),
    // With what they are without parameters.
    (
        "templates",
        &[
            "%\nSELECT id FROM events WHERE id > {{Int32(least, 3)}}\n=> SELECT id FROM events WHERE id > 3",
            "%\nSELECT {{columns(cols, 'id,kind')}} FROM events WHERE kind IN {{Array(kinds, 'String', 'click,buy')}}\n=> SELECT id, kind FROM events WHERE kind IN ('click', 'buy')",
            "%\nSELECT id FROM {{table('events')}}{% if not defined(whole) %} WHERE id < 3{% end %}\n=> SELECT id FROM events WHERE id < 3",
            "%\nSELECT id, {{String(label, 'label')}} AS label FROM events LIMIT {{Int32(page_size, 100)}}\n=> SELECT id, 'label' AS label FROM events LIMIT 100",
        ],
    ),
    (
        "settings",
        &[
            "SELECT id FROM events SETTINGS max_threads = 1",
            "SELECT * FROM (SELECT id FROM events SETTINGS max_threads = 1) AS x",
            REFUSED_BESIDE_FILTERS,
        ],
    ),
];

/// A setting that could change which rows a row filter lets through.
pub(super) const REFUSED_BESIDE_FILTERS: &str =
    "SELECT u.name, e.id FROM users AS u LEFT JOIN events AS e ON u.user_id = e.user_id SETTINGS join_use_nulls = 1";

/// Cells of the grid that stay empty, with the reason.
pub(super) const EMPTY: &[(&str, &[Place], &str)] = &[
    (
        "settings",
        &[Place::Node, Place::Pipe, Place::Cte, Place::Subquery, Place::Join, Place::In],
        "the request that reads decides on settings",
    ),
    ("templates", &[Place::Cte, Place::Subquery, Place::Join, Place::In], "a whole text is a template"),
    (
        "WITH TOTALS",
        &[Place::Node, Place::Pipe, Place::Cte, Place::Subquery, Place::Join, Place::In],
        "only the outermost query answers its totals",
    ),
];
