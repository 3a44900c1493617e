-- import.sql: the lines that are in inbox, of the day @day, into clicks: all of them or none.

BEGIN IMMEDIATE;
INSERT INTO clicks                      -- by position: the columns may be renamed
SELECT NULL,
       nullif(visitor, '-'),            -- the web server's way to say that there is no cookie
       item,
       -- The app logs milliseconds. A source that mixes units would be read as all of one, so they become seconds here.
       CASE WHEN time GLOB '[0-9]*' AND time NOT GLOB '*[^0-9]*' AND length(time) = 13 THEN time / 1000
            WHEN time GLOB '[0-9]*' AND time NOT GLOB '*[^0-9]*' THEN CAST(time AS INTEGER)
            ELSE time END,
       @day
FROM inbox
ORDER BY inbox.rowid;
COMMIT;
