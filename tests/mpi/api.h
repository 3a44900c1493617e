/*
 * api.h - an SQLite connection for a program that has the files of ext/ linked in; these
 * call SQLite through a table that only an extension gets.
 */
#ifndef API_H
#define API_H

struct sqlite3;

/*
 * Opens a database in memory, and makes its library the one that ext/ calls. Returns NULL
 * if that fails.
 */
struct sqlite3 *api_open(void);

#endif
