-- Where a node's rows go stands with its role now; no node was ever materialized before.
ALTER TABLE nodes DROP COLUMN materialized;
