/*
 * ext_file.c - reads and writes the files that SQL names, if the host allows it; see
 * ext_tools.h. No other code of the extension opens a file whose name comes from SQL.
 *
 * A host that runs the SQL of strangers restricts that SQL by an authorizer. SQLite does
 * not tell an authorizer the arguments of functions. But it tells the authorizer the file
 * name of an ATTACH, and ATTACH also reads and makes files. So a file may be touched if
 * the connection may ATTACH a database of that name. This is asked before anything else,
 * so that SQL can learn nothing about files that it may not touch. The ATTACH is prepared
 * as EXPLAIN, so it cannot attach the file whatever happens. If the authorizer answers
 * SQLITE_IGNORE, SQLite makes a program that does nothing: the program has no call that
 * attaches.
 *
 * The bytes are written to a new file in the same folder, which has a random name, and
 * which is renamed to its final name when it is complete. So no incomplete file is ever
 * left under that name, two writers of one file do not mix their bytes, and nobody can
 * redirect the bytes by putting a link there.
 */
#define _GNU_SOURCE /* declares realpath(), faccessat(), sigtimedwait() */
#include "ext_tools.h"

#include "../../include/gru4rec_platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- may it be touched? ---- */

/*
 * Numbers of two switches for sqlite3_db_config(), which older headers of SQLite lack.
 * ATTACH_CREATE: ATTACH may create files. ATTACH_WRITE: ATTACH may open files for
 * writing.
 */
enum { ATTACH_CREATE = 1020, ATTACH_WRITE = 1021 };

/*
 * Tells whether a switch (option) of sqlite3_db_config() is off for the connection;
 * changes nothing. Returns false if this SQLite does not have the switch.
 */
static bool is_off(sqlite3 *db, int option)
{
    int value = 1;
    return sqlite3_db_config(db, option, -1, &value) == SQLITE_OK && value == 0;
}

/*
 * Tells whether limits or switches of the connection forbid the ATTACH of a file: the
 * limit of attached databases is 0; or, if is_written, a switch says that ATTACH may not
 * create or not write files.
 */
static bool is_limited(sqlite3 *db, bool is_written)
{
    return sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, -1) <= 0 ||
           (is_written && (is_off(db, ATTACH_CREATE) || is_off(db, ATTACH_WRITE)));
}

/*
 * Asks the authorizer whether the connection may ATTACH the file at path: prepares and
 * runs EXPLAIN ATTACH, which attaches nothing. Sets *is_allowed to true if the program
 * that it lists has a call that attaches; else *is_allowed stays as it is. SQLITE_AUTH:
 * the authorizer forbids it.
 */
static int ask_authorizer(bool *is_allowed, sqlite3 *db, const char *path,
                          ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_sql_prepare(db, &stmt, error, "EXPLAIN ATTACH %Q AS gru4rec", path);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *opcode = (const char *)sqlite3_column_text(stmt, 1);
        rc = opcode != NULL ? SQLITE_OK : ext_error_nomem(error);
        if (opcode != NULL && strcmp(opcode, "Function") == 0)
            *is_allowed = true;
    }
    return ext_sql_finish(stmt, rc, NULL, error);
}

/*
 * Reads the name of a file from an SQL value into *path, borrowed from the value.
 * SQLITE_ERROR: the value is NULL or has a NUL character; or ATTACH would not read it as
 * a file's name (":memory:", or a text that begins with "file:").
 */
static int check_name(const char **path, sqlite3_value *value, ext_error *error)
{
    if (ext_value_text(path, value, "the file's name", error) != SQLITE_OK)
        return error->rc;
    if (*path == NULL)
        return ext_error_set(error, SQLITE_ERROR,
                             "the file's name is NULL; leave it out for a BLOB");
    if (strcmp(*path, ":memory:") == 0 || strncmp(*path, "file:", 5) == 0)
        return ext_error_set(error, SQLITE_ERROR,
                             "'%s' means something else to ATTACH; write './%s' "
                             "for a file of that name",
                             ext_show_text(&(ext_show){""}, *path),
                             ext_show_text(&(ext_show){""}, *path));
    return SQLITE_OK;
}

int ext_file_permit(const char **path, sqlite3 *db, sqlite3_value *value, bool is_written,
                    ext_error *error)
{
    ext_error refusal = {0};
    bool is_allowed = false;
    if (check_name(path, value, error) != SQLITE_OK)
        return error->rc;
    if (!is_limited(db, is_written))
        ask_authorizer(&is_allowed, db, *path, &refusal);
    if (is_allowed && refusal.rc == SQLITE_OK)
        return SQLITE_OK;
    if (refusal.rc != SQLITE_OK && !ext_error_is(&refusal, SQLITE_AUTH))
        return ext_error_wrap(error, &refusal, "", "");
    ext_error_clear(&refusal);
    return ext_error_set(
        error, SQLITE_AUTH,
        "not authorized to %s '%s', as this connection may not ATTACH it; let its "
        "authorizer and limits allow that, or %s a BLOB",
        is_written ? "write" : "read", ext_show_text(&(ext_show){""}, *path),
        is_written ? "export" : "import");
}

/* ---- reading ---- */

/*
 * Sets the error that the file cannot be read, and returns its code: SQLITE_CANTOPEN.
 * why: the cause, a part of the message.
 */
static int fail_read(const ext_input *input, const char *why, ext_error *error)
{
    return ext_error_set(error, SQLITE_CANTOPEN, "cannot read '%s': %s",
                         ext_show_text(&(ext_show){""}, input->path), why);
}

/*
 * Returns why the file cannot be read; NULL: it is an ordinary file. After stat() that
 * does not mean that it can be opened. Nobody frees the text, which is valid until the
 * next strerror().
 *
 * status: the result of stat() or fstat(), which filled in facts; or -1 if open() failed.
 * If status is not 0, errno says why, and facts is not read.
 */
static const char *look(int status, const struct stat *facts)
{
    if (status != 0)
        return strerror(errno);
    if (S_ISDIR(facts->st_mode))
        return strerror(EISDIR);
    return S_ISREG(facts->st_mode) ? NULL : "not an ordinary file";
}

/*
 * Looks at the file before it opens it, because to open a device or a pipe can wait, or
 * do something. Looks again afterwards, because the file may have been replaced
 * meanwhile.
 */
int ext_file_open(ext_input *input, const char *path, ext_error *error)
{
    struct stat facts;
    *input = (ext_input){.path = path, .fd = -1};
    const char *why = look(stat(path, &facts), &facts);
    if (why == NULL) {
        input->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        why = look(input->fd < 0 ? -1 : fstat(input->fd, &facts), &facts);
    }
    if (why == NULL) {
        input->n_bytes = (uint64_t)facts.st_size;
        return SQLITE_OK;
    }
    fail_read(input, why, error);
    ext_file_close(input);
    return error->rc;
}

int ext_file_read(const ext_input *input, void *to, uint64_t from, size_t n,
                  ext_error *error)
{
    unsigned char *at = to;
    assert(from <= input->n_bytes && n <= input->n_bytes - from);
    if (input->bytes != NULL)
        memcpy(to, input->bytes + from, n);
    while (input->bytes == NULL && n > 0) {
        const ssize_t done = pread(input->fd, at, n, (off_t)from);
        if (done == 0)
            return fail_read(input, "it became shorter while it was read", error);
        if (done < 0 && errno != EINTR)
            return fail_read(input, strerror(errno), error);
        if (done > 0) {
            at += done;
            from += (uint64_t)done;
            n -= (size_t)done;
        }
    }
    return SQLITE_OK;
}

void ext_file_close(ext_input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    input->fd = -1;
}

/* ---- writing ---- */

/*
 * Sets the error that the file cannot be written, for the reason in errno, and returns
 * its code: SQLITE_CANTOPEN.
 */
static int fail_write(const ext_output *output, ext_error *error)
{
    const int why = errno;
    return ext_error_set(error, SQLITE_CANTOPEN, "cannot write '%s': %s",
                         ext_show_text(&(ext_show){""}, output->path), strerror(why));
}

static int fail_interrupted(ext_error *error)
{
    return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
}

/*
 * Waiting for a pipe: time between two looks whether the pipe is ready and whether the
 * host interrupted the call.
 */
enum { WAIT = 5 /* milliseconds */ };

/*
 * Opens the device or the pipe at output->path as output->fd, to be written to directly.
 * For a pipe, waits until somebody has opened it to read, and looks again every WAIT
 * milliseconds. SQLITE_INTERRUPT: the host interrupted the wait. SQLITE_CANTOPEN: it
 * cannot be opened, or an ordinary file has taken its place. The caller calls
 * ext_file_finish(), which closes output->fd, in any case.
 */
static int open_in_place(ext_output *output, bool is_pipe, ext_error *error)
{
    const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct stat facts;
    while ((output->fd = open(output->path, flags)) < 0) {
        if (errno != EINTR && !(errno == ENXIO && is_pipe))
            return fail_write(output, error);
        poll(NULL, 0, WAIT);
        if (ext_poll_check(&output->poll))
            return fail_interrupted(error);
    }
    if (fstat(output->fd, &facts) == 0 && !S_ISREG(facts.st_mode))
        return SQLITE_OK;
    errno = EBUSY; /* somebody put an ordinary file into its place meanwhile */
    return fail_write(output, error);
}

/*
 * Makes a new file with a random name in the folder of output->target, opens it as
 * output->fd, and puts its path into output->part. Draws another name if a file of that
 * name exists, up to 100 times. mode: the file's permissions, less the umask. Returns
 * SQLITE_OK, SQLITE_NOMEM, or SQLITE_CANTOPEN with the cause in errno; sets no error
 * message.
 */
static int make_part(ext_output *output, mode_t mode)
{
    const char *name = gru4rec_platform_name(output->target);
    const int n_folder = (int)(name - output->target);
    /*
     * There is more than one attempt, because a process and its child by fork() may draw
     * the same random number.
     */
    for (int attempts = 0; attempts < 100 && output->fd < 0; attempts++) {
        sqlite3_uint64 number;
        sqlite3_randomness(sizeof number, &number);
        sqlite3_free(output->part);
        output->part = sqlite3_mprintf("%.*s%.200s.%016llx.part", n_folder,
                                       output->target, name, number);
        if (output->part == NULL)
            return SQLITE_NOMEM;
        output->fd = open(output->part,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (output->fd < 0 && errno != EEXIST && errno != EINTR)
            break;
    }
    return output->fd >= 0 ? SQLITE_OK : SQLITE_CANTOPEN;
}

/*
 * Makes the new file that ext_file_finish() renames to the file that output->path leads
 * to. Sets output->target to the path of the latter, with links followed if that file
 * exists; and output->part and output->fd to the new file.
 *
 * old: facts about the file that is there; NULL: there is none. The new file gets the
 * permissions of the old one, or else 0666 less the umask. SQLITE_CANTOPEN: the new file
 * cannot be made, or the old file may not be written.
 */
static int open_part(ext_output *output, const struct stat *old, ext_error *error)
{
    const mode_t mode = old != NULL ? old->st_mode & 0777 : 0666;
    output->target = old != NULL ? realpath(output->path, NULL) : strdup(output->path);
    if (output->target == NULL && errno == ENOMEM)
        return ext_error_nomem(error);
    if (output->target == NULL ||
        (old != NULL && faccessat(AT_FDCWD, output->target, W_OK, AT_EACCESS) != 0))
        return fail_write(output, error);
    const int rc = make_part(output, mode);
    if (rc == SQLITE_NOMEM)
        return ext_error_nomem(error);
    if (rc != SQLITE_OK || (old != NULL && fchmod(output->fd, mode) != 0))
        return fail_write(output, error);
    return SQLITE_OK;
}

int ext_file_create(ext_output *output, sqlite3 *db, const char *path, ext_error *error)
{
    struct stat facts;
    *output = (ext_output){.path = path, .fd = -1};
    ext_poll_start(&output->poll, db);
    const bool is_there = *path != '\0' && stat(path, &facts) == 0;
    if (is_there && !S_ISREG(facts.st_mode))
        return open_in_place(output, S_ISFIFO(facts.st_mode), error);
    if (*path == '\0')
        errno = ENOENT;
    if (*path == '\0' || (!is_there && errno != ENOENT))
        return fail_write(output, error);
    return open_part(output, is_there ? &facts : NULL, error);
}

/*
 * Does what write() does, with the same result and errno, but never raises the signal
 * SIGPIPE. If nobody reads the pipe any more, write() would end the process by that
 * signal; this function returns -1 with EPIPE.
 */
static ssize_t write_quietly(int fd, const void *bytes, size_t n)
{
    sigset_t only, before, pending;
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &only, &before);
    const ssize_t done = write(fd, bytes, n);
    const int code = errno;
    if (done < 0 && code == EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&only, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return done;
}

int ext_file_write(ext_output *output, const void *bytes, size_t n, ext_error *error)
{
    const char *at = bytes;
    while (n > 0) {
        if (ext_poll_check(&output->poll))
            return fail_interrupted(error);
        const ssize_t done = write_quietly(output->fd, at, n);
        if (done >= 0) {
            at += done;
            n -= (size_t)done;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = output->fd, .events = POLLOUT}, 1, WAIT);
        } else if (errno != EINTR) {
            return fail_write(output, error);
        }
    }
    return SQLITE_OK;
}

/*
 * Writes the bytes of an open file to the disk, by fsync(), and returns true. Returns
 * false if that fails, with the cause in errno. If the file system has no fsync(), does
 * nothing and returns true.
 */
static bool sync_file(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
}

/*
 * Writes the folder of the file at path to the disk, so that the file's name survives a
 * power cut. Changes path: cuts it off at its last slash. Some systems cannot do that; a
 * failure is ignored.
 */
static void sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        slash[slash == path] = '\0'; /* the folder of /file is / */
    const int fd = open(slash != NULL ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

int ext_file_finish(ext_output *output, int rc, ext_error *error)
{
    const bool is_made = output->fd >= 0 && output->part != NULL;
    if (rc == SQLITE_OK && is_made && !sync_file(output->fd))
        rc = fail_write(output, error);
    if (output->fd >= 0 && close(output->fd) != 0 && rc == SQLITE_OK)
        rc = fail_write(output, error);
    if (rc == SQLITE_OK && is_made && rename(output->part, output->target) != 0)
        rc = fail_write(output, error);
    if (rc == SQLITE_OK && is_made)
        sync_folder(output->target);
    else if (is_made)
        unlink(output->part);
    ext_poll_stop(&output->poll);
    free(output->target);
    sqlite3_free(output->part);
    return rc;
}
