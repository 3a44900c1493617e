/*
 * ext_time.c - reads and writes times in the forms that users use; see ext_events.h.
 *
 * An INTEGER or a REAL is a number in any unit. A text that is a number in JSON's form is
 * one too. Any other text must be a date in a form of SQLite's date functions: YYYY-MM-DD
 * or HH:MM or both, with or without a time zone. Beyond SQLite's forms, a date may have
 * nanoseconds, and its time zone may be written +hh, +hhmm or UTC.
 */
#include "ext_events.h"

#include <string.h>

enum { NANO = 1000000000, DAY = 86400 };

/* ---- numbers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Returns the first place from text on that has no digit. */
static const char *skip_digits(const char *text)
{
    while (is_digit(*text))
        text++;
    return text;
}

/*
 * Returns the place after a fraction and an exponent, as in ".5e-3"; both are optional,
 * so it can be text itself. NULL: no digit follows the '.', or the 'e' and its sign.
 */
static const char *skip_fraction(const char *text)
{
    if (*text == '.') {
        if (!is_digit(*++text))
            return NULL;
        text = skip_digits(text);
    }
    if (*text != 'e' && *text != 'E')
        return text;
    text++;
    text += *text == '-' || *text == '+';
    return is_digit(*text) ? skip_digits(text) : NULL;
}

/*
 * Makes an integer of the digits from text to end, with '-' before them if is_negative,
 * and puts it into *integer. Returns false if it does not fit into an int64; *integer
 * means nothing then.
 */
static bool add_digits(const char *text, const char *end, bool is_negative,
                       int64_t *integer)
{
    bool is_over = false;
    *integer = 0;
    for (; text < end; text++) {
        const int digit = *text - '0';
        is_over |=
            __builtin_mul_overflow(*integer, 10, integer) ||
            __builtin_add_overflow(*integer, is_negative ? -digit : digit, integer);
    }
    return !is_over;
}

/*
 * Reads a text that is a number in JSON's form into *time. White space may be around it.
 * The result is an integer; or a REAL if the text has a fraction or an exponent, or if
 * the integer does not fit into an int64. number: SQLite's value of the text, which a
 * REAL gets. Returns false, and leaves *time, if the text is no such number.
 */
static bool read_number(const char *text, double number, gru4rec_time *time)
{
    static const char space[] = " \t\r\n";
    text += strspn(text, space);
    const bool is_negative = *text == '-';
    const char *start = text + is_negative, *end = skip_digits(start);
    if (end == start || (*start == '0' && end > start + 1))
        return false;
    const char *behind = skip_fraction(end);
    if (behind == NULL || behind[strspn(behind, space)] != '\0')
        return false;
    *time = (gru4rec_time){.type = GRU4REC_TIME_INTEGER};
    if (behind == end && add_digits(start, end, is_negative, &time->integer))
        return true;
    *time = (gru4rec_time){.type = GRU4REC_TIME_REAL, .real = number};
    return true;
}

/* ---- dates ---- */

/*
 * Reads exactly n digits as a number into *value, and moves *text behind them. Returns
 * false if a character is no digit, or if the number is not in [min, max]; *text may have
 * moved then.
 */
static bool read_digits(const char **text, int n, int min, int max, int *value)
{
    *value = 0;
    for (int i = 0; i < n; i++, ++*text) {
        if (!is_digit(**text))
            return false;
        *value = 10 * *value + (**text - '0');
    }
    return *value >= min && *value <= max;
}

/*
 * If *text begins with the character c, moves *text behind it and returns true; else
 * returns false.
 */
static bool read_char(const char **text, char c)
{
    const bool is_there = **text == c;
    *text += is_there;
    return is_there;
}

/* Moves *text behind the white space that it begins with, if any. */
static void skip_space(const char **text)
{
    *text += strspn(*text, " \t\n\v\f\r");
}

/*
 * Returns the days from 1970-01-01 to a date in the Gregorian calendar; negative before
 * it. A day that the month does not have, such as February 30, counts into the next
 * month, as in SQLite.
 */
static int64_t count_days(int year, int month, int day)
{
    const int64_t y = year - (month <= 2); /* years begin in March here */
    const int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    const int of_year = (153 * ((month + 9) % 12) + 2) / 5;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year + day - 1 -
           719468;
}

/*
 * Reads "YYYY-MM-DD", with or without '-' before it, and the white space and letters T
 * that may follow, and moves *text behind them. *days: from 1970-01-01 to that day.
 * Returns false if the text has no such date; *days stays then, but *text may have moved.
 */
static bool read_day(const char **text, int64_t *days)
{
    int year, month, day;
    const bool is_negative = read_char(text, '-');
    if (!read_digits(text, 4, 0, 9999, &year) || !read_char(text, '-') ||
        !read_digits(text, 2, 1, 12, &month) || !read_char(text, '-') ||
        !read_digits(text, 2, 1, 31, &day))
        return false;
    *days = count_days(is_negative ? -year : year, month, day);
    while (skip_space(text), read_char(text, 'T'))
        ;
    return true;
}

/*
 * Reads "HH:MM", "HH:MM:SS" or "HH:MM:SS.FFF" with any number of digits F, and moves
 * *text behind it. *seconds: since midnight. *nano, which must be 0 before: nanoseconds
 * of the fraction; digits behind the ninth are ignored. Returns false if there is no time
 * of day; *text may have moved then.
 */
static bool read_clock(const char **text, int64_t *seconds, int64_t *nano)
{
    int hours, minutes, more = 0;
    if (!read_digits(text, 2, 0, 24, &hours) || !read_char(text, ':') ||
        !read_digits(text, 2, 0, 59, &minutes))
        return false;
    const bool has_seconds = read_char(text, ':');
    if (has_seconds && !read_digits(text, 2, 0, 59, &more))
        return false;
    *seconds = 3600 * hours + 60 * minutes + more;
    if (!has_seconds || **text != '.' || !is_digit((*text)[1]))
        return true;
    ++*text;
    for (int64_t unit = NANO / 10; is_digit(**text); ++*text, unit /= 10)
        *nano += unit * (**text - '0');
    return true;
}

/*
 * Reads a time zone "+hh:mm", "+hhmm", "+hh", "Z", "UTC" or nothing, which must end the
 * text; white space around it is allowed. '-' may stand in place of '+'. *seconds: by how
 * many seconds the zone is ahead of UTC; it is not set if the zone has no hh, so it must
 * be 0 before. Moves *text to the end. Returns false for any other text.
 */
static bool read_zone(const char **text, int64_t *seconds)
{
    int hours, minutes = 0;
    skip_space(text);
    if (**text == '+' || **text == '-') {
        const int sign = *(*text)++ == '-' ? -1 : 1;
        if (!read_digits(text, 2, 0, 14, &hours) ||
            ((read_char(text, ':') || is_digit(**text)) &&
             !read_digits(text, 2, 0, 59, &minutes)))
            return false;
        *seconds = sign * (3600 * hours + 60 * minutes);
    } else if (sqlite3_strnicmp(*text, "UTC", 3) == 0) {
        *text += 3;
    } else if (**text == 'Z' || **text == 'z') {
        ++*text;
    }
    skip_space(text);
    return **text == '\0';
}

/*
 * Reads a text that is a date, a time of day, or both, into *time. The result is a
 * GRU4REC_TIME_DATE if an int64 holds its nanoseconds since 1970; else the seconds since
 * 1970 as a number. Returns false, and leaves *time, if the text is no date or is outside
 * of the years that SQLite accepts.
 */
static bool read_date(const char *text, gru4rec_time *time)
{
    /* The first and the last second that SQLite's date functions accept. */
    const int64_t first = -210866760000, last = 253402300799;
    const char *at = text;
    /* A time without a day is of 2000-01-01, as in SQLite. */
    int64_t days = 10957, clock = 0, nano = 0, zone = 0;
    const bool has_day = read_day(&at, &days);
    if (!has_day)
        at = text;
    if ((!has_day || *at != '\0') &&
        (!read_clock(&at, &clock, &nano) || !read_zone(&at, &zone)))
        return false;
    const int64_t seconds = days * DAY + clock - zone;
    if (seconds < first || seconds > last)
        return false;
    *time = (gru4rec_time){.type = GRU4REC_TIME_INTEGER, .integer = seconds};
    if (seconds > -INT64_MAX / NANO && seconds < INT64_MAX / NANO)
        *time =
            (gru4rec_time){.type = GRU4REC_TIME_DATE, .integer = seconds * NANO + nano};
    else if (nano > 0)
        *time = (gru4rec_time){.type = GRU4REC_TIME_REAL,
                               .real = (double)seconds + (double)nano / NANO};
    return true;
}

/* ---- as text ---- */

/*
 * Sets *year, *month and *day to the date that is days days after 1970-01-01 in the
 * Gregorian calendar.
 */
static void find_date(int64_t days, int *year, int *month, int *day)
{
    days += 719468; /* from 0000-03-01, which begins a cycle of 400 years */
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int of_era = (int)(days - era * 146097);
    const int years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int of_year = of_era - (365 * years + years / 4 - years / 100);
    const int months = (5 * of_year + 2) / 153; /* months after March */
    *day = of_year - (153 * months + 2) / 5 + 1;
    *month = months < 10 ? months + 3 : months - 9;
    *year = (int)(years + era * 400) + (*month <= 2);
}

/*
 * Writes a date, in nanoseconds since 1970 in UTC, as "YYYY-MM-DD HH:MM:SS". If there is
 * a part of a second, it follows as ".F" without zeros at its end.
 */
static void write_date(char text[EXT_TIME_TEXT], int64_t date)
{
    int year, month, day;
    const int64_t nano = (date % NANO + NANO) % NANO, seconds = (date - nano) / NANO;
    const int64_t clock = (seconds % DAY + DAY) % DAY;
    find_date((seconds - clock) / DAY, &year, &month, &day);
    sqlite3_snprintf(EXT_TIME_TEXT, text, "%04d-%02d-%02d %02d:%02d:%02d.%09d", year,
                     month, day, (int)(clock / 3600), (int)(clock / 60 % 60),
                     (int)(clock % 60), (int)nano);
    size_t n = strlen(text);
    while (text[n - 1] == '0' && nano != 0)
        n--;
    text[nano != 0 ? n : strcspn(text, ".")] = '\0';
}

/*
 * Writes a REAL as text that reads back as the same REAL. Infinity becomes 9.0e+999 or
 * -9.0e+999, because JSON has no word for it.
 */
static void write_real(char text[EXT_TIME_TEXT], double real)
{
    if (real - real == 0)
        sqlite3_snprintf(EXT_TIME_TEXT, text, "%!.17g", real);
    else
        sqlite3_snprintf(EXT_TIME_TEXT, text, "%s", real > 0 ? "9.0e+999" : "-9.0e+999");
}

bool ext_time_text(char text[EXT_TIME_TEXT], const gru4rec_time *time)
{
    if (time->type == GRU4REC_TIME_DATE)
        write_date(text, time->integer);
    else if (time->type == GRU4REC_TIME_REAL)
        write_real(text, time->real);
    else
        sqlite3_snprintf(EXT_TIME_TEXT, text, "%lld", (long long)time->integer);
    return time->type == GRU4REC_TIME_DATE;
}

/* ---- values ---- */

/*
 * Reads the time in a text into *time, and returns its kind: EXT_TIME_NONE for the empty
 * text, EXT_TIME_BAD if the text is neither a number nor a date. *time stays in these two
 * cases. number: the value that SQLite gives the text as a REAL.
 */
static ext_time_kind read_text(const char *text, double number, gru4rec_time *time)
{
    if (*text == '\0')
        return EXT_TIME_NONE;
    if (read_number(text, number, time))
        return EXT_TIME_NUMBER;
    return read_date(text, time) ? EXT_TIME_DATE : EXT_TIME_BAD;
}

ext_time_kind ext_time_column(sqlite3_stmt *stmt, int column, gru4rec_time *time)
{
    const int type = sqlite3_column_type(stmt, column);
    *time = (gru4rec_time){.type = GRU4REC_TIME_INTEGER};
    if (type == SQLITE_NULL)
        return EXT_TIME_NONE;
    if (type == SQLITE_BLOB)
        return EXT_TIME_BAD;
    if (type == SQLITE_TEXT) {
        const double number = sqlite3_column_double(stmt, column);
        const char *text = (const char *)sqlite3_column_text(stmt, column);
        return text != NULL ? read_text(text, number, time) : EXT_TIME_BAD;
    }
    if (type == SQLITE_INTEGER)
        time->integer = sqlite3_column_int64(stmt, column);
    else
        *time = (gru4rec_time){.type = GRU4REC_TIME_REAL,
                               .real = sqlite3_column_double(stmt, column)};
    return EXT_TIME_NUMBER;
}

bool ext_time_value(sqlite3_value *value, gru4rec_time *time)
{
    const int type = sqlite3_value_type(value);
    *time = (gru4rec_time){.type = GRU4REC_TIME_INTEGER};
    if (type == SQLITE_INTEGER) {
        time->integer = sqlite3_value_int64(value);
        return true;
    }
    if (type == SQLITE_FLOAT) {
        *time = (gru4rec_time){.type = GRU4REC_TIME_REAL,
                               .real = sqlite3_value_double(value)};
        return true;
    }
    if (type != SQLITE_TEXT)
        return false;
    const double number = sqlite3_value_double(value);
    const char *text = (const char *)sqlite3_value_text(value);
    const ext_time_kind kind =
        text != NULL ? read_text(text, number, time) : EXT_TIME_BAD;
    return kind == EXT_TIME_NUMBER || kind == EXT_TIME_DATE;
}

/*
 * The SQL takes a number as it is, without a call of gru4rec_time(), because that is
 * faster.
 */
char *ext_time_sql(const char *column)
{
    return sqlite3_mprintf("CASE typeof(\"%w\") WHEN 'integer' THEN \"%w\" "
                           "WHEN 'real' THEN \"%w\" ELSE gru4rec_time(\"%w\") END",
                           column, column, column, column);
}

char *ext_time_rest_sql(const char *column)
{
    return sqlite3_mprintf("CASE typeof(\"%w\") WHEN 'text' "
                           "THEN gru4rec_time_rest(\"%w\") ELSE 0 END",
                           column, column);
}
