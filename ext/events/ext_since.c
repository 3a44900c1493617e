/*
 * ext_since.c - the window of time of options since and until; see ext_events.h.
 *
 * If since or until is a number, it is compared with the times as they are. If it is a
 * date, it is compared with dates directly. It is compared with numbers in the unit that
 * puts them between 1980 and 2100; no number has two such units. All times of a source
 * must have one unit, and if some of them are dates, it must be the second, because the
 * library orders dates and numbers so.
 */
#include "ext_events.h"

#include <string.h>

/*
 * Reads text, the value of option since or until, into *bound: its kind and its time.
 * bound borrows text and name, the option's name. The empty text is no bound: kind is
 * EXT_TIME_NONE. Errors: SQLITE_ERROR if the text is neither a number nor a date; NOMEM.
 */
static int read_bound(sqlite3 *db, const char *text, const char *name,
                      ext_since_bound *bound, ext_error *error)
{
    sqlite3_stmt *stmt;
    *bound = (ext_since_bound){.option = name, .text = text};
    if (*text == '\0')
        return SQLITE_OK;
    int rc = ext_sql_prepare(db, &stmt, error, "SELECT ?1");
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        bound->kind = ext_time_column(stmt, 0, &bound->time);
        if (bound->kind == EXT_TIME_BAD)
            rc = ext_error_set(
                error, SQLITE_ERROR,
                "option '%s' cannot be '%s'; it takes a number or an ISO-8601 time", name,
                ext_show_text(&(ext_show){""}, text));
    }
    return ext_sql_finish(stmt, rc, NULL, error);
}

bool ext_since_is_last(const gru4rec_options *options)
{
    return strcmp(options->since, "last") == 0;
}

int ext_since_read(ext_since *since, sqlite3 *db, const gru4rec_options *options,
                   const ext_last *last, ext_error *error)
{
    if (ext_since_is_last(options) && last == NULL)
        return ext_error_set(
            error, SQLITE_ERROR,
            "since=last means the last event that a model was trained on, "
            "and there is no model here; give since as a time");
    if (ext_since_is_last(options))
        since->last = last->border.is_there ? last : NULL;
    else if (read_bound(db, options->since, "since", &since->from, error) != SQLITE_OK)
        return error->rc;
    return read_bound(db, options->until, "until", &since->to, error);
}

int ext_since_fail_none(const ext_since *since, ext_error *error)
{
    char time[EXT_TIME_TEXT];
    ext_time_text(time, &since->last->border.time);
    return ext_error_set(
        error, SQLITE_ERROR,
        "there is no event after %s, the last_event of version %lld%s%s; "
        "train again when there is one, or with another since",
        time, (long long)since->last->version,
        since->to.kind != EXT_TIME_NONE ? ", and before until=" : "",
        since->to.kind != EXT_TIME_NONE ? since->to.text : "");
}

double ext_since_per_second(const gru4rec_time *first, const gru4rec_time *last)
{
    const bool has_dates =
        first->type == GRU4REC_TIME_DATE || last->type == GRU4REC_TIME_DATE;
    const ext_unit *unit = has_dates ? ext_unit_second : ext_unit_of(last);
    return unit != NULL && (has_dates || ext_unit_of(first) == unit) ? unit->per_second
                                                                     : 0;
}

/*
 * Sets the error that the times have two units, which a date cannot be compared with.
 * bound: the date. unit: the unit of the present time, which is not since->unit. time:
 * the present time as text. Returns SQLITE_ERROR, or NOMEM.
 */
static int fail_mixed(const ext_since *since, const ext_since_bound *bound,
                      const ext_unit *unit, const char *time, ext_error *error)
{
    const ext_unit *other = unit == ext_unit_second ? since->unit : unit;
    if (since->has_dates) /* then one of the two units is the second */
        return ext_error_set(
            error, SQLITE_ERROR,
            "%s is the date '%s', but some times are dates and others are numbers in %s, "
            "while numbers beside dates must be seconds; "
            "use a source with times of one unit",
            bound->option, bound->text, other->name);
    return ext_error_set(
        error, SQLITE_ERROR,
        "%s is the date '%s', but time %s is in %s and other times are in %s; "
        "give %s as a number, or use a source with times of one unit",
        bound->option, bound->text, time, unit->name, since->unit->name, bound->option);
}

/*
 * Finds the unit of a time that is to be compared with a date, and keeps it in
 * since->unit. Sets since->has_dates if the time is a date itself, whose unit is the
 * second. SQLITE_ERROR: the time has no known unit, or another one than the times before
 * it; since->unit stays then.
 */
static int find_unit(ext_since *since, const ext_since_bound *bound,
                     const gru4rec_time *time, ext_time_kind kind, ext_error *error)
{
    const ext_unit *unit = ext_unit_of(time);
    const gru4rec_id id = {.type = time->type == GRU4REC_TIME_REAL ? GRU4REC_ID_REAL
                                                                   : GRU4REC_ID_INTEGER,
                           .integer = time->integer,
                           .real = time->real};
    ext_show show;
    since->has_dates |= kind == EXT_TIME_DATE;
    if (unit == NULL)
        return ext_error_set(
            error, SQLITE_ERROR,
            "%s is the date '%s', but time %s has no known unit: it is not between 1980 "
            "and 2100 in seconds, milliseconds, microseconds or nanoseconds; "
            "give %s as a number in the unit of the times",
            bound->option, bound->text, ext_show_id(&show, &id), bound->option);
    if (since->unit != NULL && since->unit != unit)
        return fail_mixed(since, bound, unit, ext_show_id(&show, &id), error);
    since->unit = unit;
    return SQLITE_OK;
}

/*
 * Tells whether the time is before the bound. If the bound is a date and the time is a
 * number, the number is in unit; in all other cases unit is not used.
 */
static bool is_before(const gru4rec_time *time, ext_time_kind kind, const ext_unit *unit,
                      const ext_since_bound *bound)
{
    if (kind != EXT_TIME_NUMBER || bound->kind != EXT_TIME_DATE ||
        unit == ext_unit_second)
        return gru4rec_time_compare(time, &bound->time) < 0;
    if (time->type == GRU4REC_TIME_REAL)
        return time->real / unit->per_second < gru4rec_time_real(&bound->time);
    const gru4rec_time date = {.type = GRU4REC_TIME_DATE,
                               .integer = time->integer * unit->nanoseconds};
    return gru4rec_time_compare(&date, &bound->time) < 0;
}

int ext_since_check(ext_since *since, const gru4rec_time *time, ext_time_kind kind,
                    bool *is_inside, ext_error *error)
{
    const ext_since_bound *const bounds[] = {&since->from, &since->to};
    *is_inside = true;
    for (int i = 0; i < 2; i++) {
        const ext_since_bound *bound = bounds[i];
        if (bound->kind == EXT_TIME_NONE)
            continue;
        if (bound->kind == EXT_TIME_DATE &&
            find_unit(since, bound, time, kind, error) != SQLITE_OK)
            return error->rc;
        *is_inside &= is_before(time, kind, since->unit, bound) == (i == 1);
    }
    return SQLITE_OK;
}
