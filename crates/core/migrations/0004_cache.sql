-- How many seconds a node's answers may be given again while it is the endpoint; NULL is not at all.
ALTER TABLE nodes ADD COLUMN cache_seconds INTEGER;
