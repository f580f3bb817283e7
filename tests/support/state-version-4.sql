PRAGMA application_id = 1887004276;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE backup (
    path TEXT PRIMARY KEY -- below the output directory: a file that pyfetch moved out of the way
) WITHOUT ROWID
;
INSERT INTO "backup" VALUES('x.~1~');
CREATE TABLE computed (
    key         TEXT PRIMARY KEY, -- as in `file`
    task        TEXT NOT NULL,    -- identity of the task that was run for the file
    sha256      TEXT,             -- of the bytes that it was run for
    size        INTEGER,          -- bytes of the file after it; NULL: the file is gone
    modified_ns INTEGER,          -- likewise
    effect      TEXT NOT NULL,    -- what became of the file
    fetched_at  REAL,             -- as in `file`: differs if a file was fetched there since
    value       TEXT              -- in JSON; NULL: a command, which has none
) WITHOUT ROWID
;
INSERT INTO "computed" VALUES('x','task','30388766eff501c1e94a36573666032a7b698e2854ea15da07f17aa12d83fbf7',4,1700000000000000000,'left',1.7957100002788128853e+09,'"v"');
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
    went_to       TEXT,             -- another path if the server has named the file
    of_other_url  INTEGER NOT NULL DEFAULT 0, -- whether the file came from an earlier owner's URL
    unused_name   TEXT,             -- the name that the server gave and that was not used
    media_type    TEXT
) WITHOUT ROWID
;
INSERT INTO "file" VALUES('gone','gone','http://SERVER/gone',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "file" VALUES('x','x','http://SERVER/a/x',1,200,4,1700000000000000000,'"a-x"','Tue, 14 Nov 2023 22:13:20 GMT','30388766eff501c1e94a36573666032a7b698e2854ea15da07f17aa12d83fbf7','http://SERVER/a/x',1.7957100002788128853e+09,NULL,0,'other.txt','text/plain');
COMMIT;
