/*
 * ext_axis.c - the range of an axis, the places of its values, and its ticks; see
 * ext_plot.h.
 *
 * Ticks stand at 1, 2 or 5 times a power of ten; at powers of ten on a logarithmic axis;
 * at whole minutes, hours, days, Mondays, months or years on an axis of time.
 */
#include "ext_plot.h"

#include <math.h>
#include <string.h>

static const double day = 86400;

/* ---- the range ---- */

/*
 * Makes a range wider by a share of its length; a range without length by a share of 1.
 */
static void widen(ext_axis *placed, double share, double least)
{
    const double length = placed->to - placed->from;
    const double margin = length > 0 ? share * length : least;
    placed->from -= margin;
    placed->to += margin;
}

static void fit_linear(ext_axis *placed, bool has_zero)
{
    const bool is_above = placed->from >= 0, is_below = placed->to <= 0;
    if (has_zero) {
        placed->from = fmin(placed->from, 0);
        placed->to = fmax(placed->to, 0);
    }
    widen(placed, 0.04, placed->from != 0 ? 0.1 * fabs(placed->from) : 0.5);
    if (has_zero && is_above)
        placed->from = 0;
    if (has_zero && is_below && !is_above)
        placed->to = 0;
}

static void fit_log(ext_axis *placed)
{
    if (!(placed->from > 0))
        placed->from = placed->to > 0 ? fmin(placed->to, 1) : 1;
    placed->to = fmax(placed->to, placed->from);
    const double factor =
        placed->to > placed->from ? pow(placed->to / placed->from, 0.03) : 2;
    placed->from /= factor;
    placed->to *= factor;
}

void ext_axis_fit(ext_axis *placed, const ext_figure_axis *axis, double low, double high)
{
    *placed = (ext_axis){.axis = axis, .from = low, .to = high};
    if (axis->scale == EXT_FIGURE_NAMES) {
        placed->from = -0.5;
        placed->to = (axis->n_names > 0 ? (double)axis->n_names : 1) - 0.5;
        return;
    }
    if (!(low <= high)) {
        placed->from = axis->scale == EXT_FIGURE_LOG ? 1 : 0;
        placed->to = axis->scale == EXT_FIGURE_TIME ? day : 1;
    }
    if (axis->scale == EXT_FIGURE_LOG)
        fit_log(placed);
    else if (axis->scale == EXT_FIGURE_TIME)
        widen(placed, 0.02, day / 2);
    else
        fit_linear(placed, axis->has_zero);
}

double ext_axis_place(const ext_axis *placed, double value)
{
    double share = (value - placed->from) / (placed->to - placed->from);
    if (placed->axis->scale == EXT_FIGURE_LOG)
        share =
            value > 0 ? log(value / placed->from) / log(placed->to / placed->from) : 0;
    return placed->start + share * (placed->end - placed->start);
}

/* ---- numbers ---- */

/*
 * Writes the value of a tick; step: the distance of ticks. 20000 is 20k, 3000000 is 3M.
 */
static void write_number(char text[EXT_AXIS_TEXT], double value, double step)
{
    const double size = fmax(fabs(value), step);
    const char *unit = size >= 1e12 ? "T" : size >= 1e9 ? "G" : size >= 1e6 ? "M" : "k";
    const double factor = size >= 1e12  ? 1e12
                          : size >= 1e9 ? 1e9
                          : size >= 1e6 ? 1e6
                                        : 1e3;
    const bool has_unit = size >= 1e4;
    const double shown_step = has_unit ? step / factor : step;
    const int n_digits = (int)fmax(0, ceil(-log10(shown_step) - 1e-9));
    if (size >= 1e16 || n_digits > 6)
        sqlite3_snprintf(EXT_AXIS_TEXT, text, "%.3g", value);
    else
        sqlite3_snprintf(EXT_AXIS_TEXT, text, "%.*f%s", n_digits,
                         (has_unit ? value / factor : value) + 0.0,
                         has_unit && value != 0 ? unit : "");
}

/* Returns the smallest of 1, 2 and 5 times a power of ten that is at least x > 0. */
static double round_step(double x)
{
    const double power = pow(10, floor(log10(x)));
    for (int i = 0; i < 3; i++) {
        static const double factors[] = {1, 2, 5};
        if (factors[i] * power >= x * (1 - 1e-9))
            return factors[i] * power;
    }
    return 10 * power;
}

static int linear_ticks(const ext_axis *placed, ext_axis_tick *ticks, int most)
{
    double step = round_step((placed->to - placed->from) / most);
    if (placed->axis->is_whole)
        step = fmax(step, 1);
    const double first = ceil(placed->from / step - 1e-9);
    int n = 0;
    for (; n < most; n++) {
        const double value = (first + n) * step;
        if (value > placed->to * (1 + 1e-12))
            break;
        ticks[n] = (ext_axis_tick){.value = value};
        write_number(ticks[n].text, value, step);
    }
    return n;
}

/*
 * Ticks at the first n_factors of 1, 2 and 5 times the powers of ten, at each power whose
 * exponent is a multiple of stride. Returns how many there are; writes at most most.
 */
static int power_ticks(const ext_axis *placed, ext_axis_tick *ticks, int most,
                       int n_factors, int stride)
{
    static const double factors[] = {1, 2, 5};
    const int first = (int)floor(log10(placed->from)),
              last = (int)ceil(log10(placed->to));
    int n = 0;
    for (int power = first; power <= last; power++)
        for (int i = 0; i < n_factors && power % stride == 0; i++) {
            const double value = factors[i] * pow(10, power);
            if (value < placed->from || value > placed->to)
                continue;
            if (n < most) {
                ticks[n] = (ext_axis_tick){.value = value};
                write_number(ticks[n].text, value, value);
            }
            n++;
        }
    return n;
}

static int log_ticks(const ext_axis *placed, ext_axis_tick *ticks, int most)
{
    int n = power_ticks(placed, ticks, most, 3, 1);
    for (int stride = 1; n > most; stride++)
        n = power_ticks(placed, ticks, most, 1, stride);
    return n >= 2 ? n : linear_ticks(placed, ticks, most);
}

/* ---- time ---- */

/* A day of the calendar. */
typedef struct date {
    int64_t year;
    int month, day; /* from 1 */
} date;

/*
 * Returns the day of the calendar of days since 1970-01-01. A year is counted from March
 * here, so that the leap day is its last one; 146097 days are 400 years.
 */
static date date_of(int64_t days)
{
    days += 719468; /* since 0000-03-01 */
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t of_era = days - era * 146097;
    const int64_t year =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153; /* from March */
    return (date){.year = year + era * 400 + (month >= 10),
                  .month = (int)(month < 10 ? month + 3 : month - 9),
                  .day = (int)(of_year - (153 * month + 2) / 5 + 1)};
}

static void write_time(char text[EXT_AXIS_TEXT], double seconds)
{
    const double days = floor(seconds / day);
    const int of_day = (int)(seconds - days * day);
    const date at = date_of((int64_t)days);
    if (of_day == 0)
        sqlite3_snprintf(EXT_AXIS_TEXT, text, "%04lld-%02d-%02d", at.year, at.month,
                         at.day);
    else
        sqlite3_snprintf(EXT_AXIS_TEXT, text, "%04lld-%02d-%02d %02d:%02d:%02d", at.year,
                         at.month, at.day, of_day / 3600, of_day / 60 % 60, of_day % 60);
}

static void write_day(char text[EXT_AXIS_TEXT], double seconds, bool has_clock)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const double days = floor(seconds / day);
    const int of_day = (int)(seconds - days * day);
    const date at = date_of((int64_t)days);
    if (has_clock && of_day > 0)
        sqlite3_snprintf(EXT_AXIS_TEXT, text, "%02d:%02d", of_day / 3600,
                         of_day / 60 % 60);
    else
        sqlite3_snprintf(EXT_AXIS_TEXT, text, "%d %s", at.day, months[at.month - 1]);
}

/* Ticks at the first days of months, n_months apart; 12 and more: of years. */
static int month_ticks(const ext_axis *placed, ext_axis_tick *ticks, int most,
                       int n_months)
{
    int n = 0;
    const int64_t last = (int64_t)floor(placed->to / day);
    for (int64_t days = (int64_t)ceil(placed->from / day); days <= last; days++) {
        const date at = date_of(days);
        const int64_t month = at.year * 12 + at.month - 1;
        if (at.day != 1 || month % n_months != 0)
            continue;
        if (n < most) {
            ticks[n] = (ext_axis_tick){.value = (double)days * day};
            sqlite3_snprintf(EXT_AXIS_TEXT, ticks[n].text,
                             n_months < 12 ? "%04lld-%02d" : "%04lld", at.year, at.month);
        }
        n++;
    }
    return n;
}

static int time_ticks(const ext_axis *placed, ext_axis_tick *ticks, int most)
{
    static const double steps[] = {60,    300,   900,   1800,   3600,  10800,
                                   21600, 43200, 86400, 172800, 604800};
    static const int months[] = {1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200};
    const double monday = 4 * day; /* the first one after 1970-01-01, a Thursday */
    const double length = placed->to - placed->from;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const double origin = steps[i] > 2 * day ? monday : 0;
        int n = 0;
        if (length / steps[i] > most)
            continue;
        const double first = ceil((placed->from - origin) / steps[i]);
        for (; n < most; n++) {
            const double value = origin + (first + n) * steps[i];
            if (value > placed->to)
                break;
            ticks[n] = (ext_axis_tick){.value = value};
            write_day(ticks[n].text, value, steps[i] < day);
        }
        return n;
    }
    for (size_t i = 0; length < 1e6 * day && i < sizeof months / sizeof *months; i++) {
        const int n = month_ticks(placed, ticks, most, months[i]);
        if (n <= most)
            return n;
    }
    return 0;
}

/* ---- all ---- */

/*
 * Ticks at as many of the names as there may be, with the same number left out between.
 */
static int name_ticks(const ext_axis *placed, ext_axis_tick *ticks, int most)
{
    const size_t n_names = placed->axis->n_names, room = (size_t)most;
    const size_t stride = n_names > room ? (n_names + room - 1) / room : 1;
    int n = 0;
    for (size_t i = 0; i < n_names; i += stride)
        ticks[n++] = (ext_axis_tick){.value = (double)i, .name = placed->axis->names[i]};
    return n;
}

int ext_axis_ticks(const ext_axis *placed, ext_axis_tick ticks[EXT_AXIS_TICKS], int most)
{
    if (placed->axis->is_bare)
        return 0;
    switch (placed->axis->scale) {
    case EXT_FIGURE_NAMES:
        return name_ticks(placed, ticks, most);
    case EXT_FIGURE_TIME:
        return time_ticks(placed, ticks, most);
    case EXT_FIGURE_LOG:
        return log_ticks(placed, ticks, most);
    default:
        return linear_ticks(placed, ticks, most);
    }
}

const char *ext_axis_value(char text[EXT_AXIS_TEXT], const ext_figure_axis *axis,
                           double value)
{
    if (axis->scale == EXT_FIGURE_NAMES)
        return value + 0.5 >= 0 && value + 0.5 < (double)axis->n_names
                   ? axis->names[(size_t)(value + 0.5)]
                   : "";
    if (axis->scale == EXT_FIGURE_TIME)
        write_time(text, value);
    else if (value == floor(value) && fabs(value) < 1e15)
        sqlite3_snprintf(EXT_AXIS_TEXT, text, "%.0f", value + 0.0);
    else
        sqlite3_snprintf(EXT_AXIS_TEXT, text, "%.4g", value);
    return text;
}
