-- Each collection is a database of its own, whose name begins with djs_ (docs/databases.md).
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX ON `djs\_%`.* TO 'djankiserv'@'%';
