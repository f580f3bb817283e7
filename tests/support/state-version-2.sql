PRAGMA application_id = 1887004276;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE file (
    key           TEXT PRIMARY KEY, -- the path, folded: names that differ only in case are one
    path          TEXT NOT NULL,    -- below the output directory
    url           TEXT NOT NULL,    -- who owns the name; without credentials and fragment
    was_free      INTEGER NOT NULL, -- whether nothing was there when the URL got the name
    status        INTEGER,          -- of the answer; this and what follows: NULL until fetched
    size          INTEGER,          -- bytes
    modified_ns   INTEGER,          -- on disk, nanoseconds since the epoch
    etag          TEXT,
    last_modified TEXT,
    sha256        TEXT,
    answered_by   TEXT,             -- the URL that answered, after redirects
    fetched_at    REAL,             -- seconds since the epoch
    went_to       TEXT              -- another path, if the server has named the file
) WITHOUT ROWID
;
INSERT INTO "file" VALUES('deep/file','deep/file','http://SERVER/c',1,200,2,1700000000000000000,'"c"','Tue, 14 Nov 2023 22:13:20 GMT','facd442ef63045438c3a2910e0644528473e3af817648a8a040ce75acbfed4d9','http://SERVER/c',1.79569170053045272829e+09,NULL);
INSERT INTO "file" VALUES('given','given','http://SERVER/named',1,200,6,1700000000000000000,'"named"','Tue, 14 Nov 2023 22:13:20 GMT','a6ded09b6289eb339794c8c79fd49c6cd2cdc9791c095bff37db593ad9269790','http://SERVER/named',1.79569170048785257337e+09,NULL);
INSERT INTO "file" VALUES('gone','gone','http://SERVER/gone',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "file" VALUES('named','named','http://SERVER/named',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'given');
INSERT INTO "file" VALUES('x','x','http://SERVER/a/x',1,200,4,1700000000000000000,'"a-x"','Tue, 14 Nov 2023 22:13:20 GMT','30388766eff501c1e94a36573666032a7b698e2854ea15da07f17aa12d83fbf7','http://SERVER/a/x',1.7956917004853701591e+09,NULL);
INSERT INTO "file" VALUES('x-90d68c28','x-90d68c28','http://SERVER/b/x',1,200,4,1700000000000000000,'"b-x"','Tue, 14 Nov 2023 22:13:20 GMT','b03f96a35c2f7bf28d84e4f95e4175627ad86e3bed72d39483633996ce0eebca','http://SERVER/b/x',1.7956917004847259521e+09,NULL);
COMMIT;
