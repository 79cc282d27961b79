-- What is kept of owners.

-- name: upsert_cap
INSERT OR REPLACE INTO caps ({columns.caps}) VALUES (?, ?, ?, ?)

-- name: remove_cap
DELETE FROM caps WHERE owner = ?

-- name: caps
SELECT {columns.caps} FROM caps

-- name: add_usage
INSERT INTO usage (hour, owner, pool, nodes, cpu_s, gpu_s) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (hour, owner, pool) DO UPDATE SET nodes = nodes + excluded.nodes, cpu_s = cpu_s + excluded.cpu_s,
    gpu_s = gpu_s + excluded.gpu_s

-- name: usage
SELECT owner, pool, CASE :period WHEN 'day' THEN date(hour * 3600, 'unixepoch')
                                 WHEN 'month' THEN strftime('%Y-%m', hour * 3600, 'unixepoch') ELSE '' END AS period,
       sum(nodes), sum(cpu_s), sum(gpu_s)
FROM usage WHERE hour >= :since AND hour < :until GROUP BY 1, 2, 3

-- name: used_by_hour
SELECT owner, hour, sum(cpu_s) FROM usage WHERE hour >= ? GROUP BY owner, hour
