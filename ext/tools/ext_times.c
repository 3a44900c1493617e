/*
 * ext_times.c - gru4rec_time(value) and gru4rec_time_rest(value): a time as numbers; see
 * ext_tools.h.
 *
 * gru4rec_time() gives a number as it is, and a date as seconds since 1970. It gives NULL
 * if the value cannot be read as a time. gru4rec_time_rest() gives the nanoseconds by
 * which the time is later than that number. The statements that read histories sort by
 * gru4rec_time(), and then by gru4rec_time_rest(). Users find with gru4rec_time() the
 * rows that the option bad_rows would skip.
 */
#include "ext_tools.h"

/*
 * The SQL function gru4rec_time(). Its result is an INTEGER for an integer, and for a
 * date of whole seconds (seconds since 1970); a REAL for any other number or date; NULL
 * if the value cannot be read as a time.
 */
static void time_of(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    gru4rec_time time;
    (void)argc;
    if (!ext_time_value(argv[0], &time))
        return;
    const double real = gru4rec_time_real(&time);
    if (time.type == GRU4REC_TIME_INTEGER)
        sqlite3_result_int64(context, time.integer);
    else if (time.type == GRU4REC_TIME_DATE && real == (double)(int64_t)real)
        sqlite3_result_int64(context, (int64_t)real);
    else
        sqlite3_result_double(context, real);
}

/*
 * The SQL function gru4rec_time_rest(). Its result is a REAL: the nanoseconds by which a
 * date is later than what gru4rec_time() gives for it; 0 for a number; NULL if the value
 * cannot be read as a time.
 */
static void rest_of(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    gru4rec_time time;
    (void)argc;
    if (ext_time_value(argv[0], &time))
        sqlite3_result_double(context, gru4rec_time_rest(&time));
}

/*
 * The table that registers gru4rec_time() and gru4rec_time_rest(). The last entry has the
 * name NULL.
 */
const ext_function ext_times_functions[] = {
    {"gru4rec_time", 1, SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, time_of, NULL},
    {"gru4rec_time_rest", 1, SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, rest_of, NULL},
    {NULL, 0, 0, NULL, NULL},
};
