/* ext_border.c - positions of events among all events of a source; see ext_events.h. */
#include "ext_events.h"

/*
 * Compares two positions, which must be there. Returns a negative number if a is before
 * b, 0 if they are equal, and a positive number if a is after b. The times decide; if
 * they are equal, the rowids do. If one of the positions has no rowid, equal times are
 * equal positions.
 */
static int compare(const ext_border *a, const ext_border *b)
{
    const int by_time = gru4rec_time_compare(&a->time, &b->time);
    if (by_time != 0 || !a->has_rowid || !b->has_rowid)
        return by_time;
    return (a->rowid > b->rowid) - (a->rowid < b->rowid);
}

bool ext_border_is_before(const ext_border *border, const ext_border *event)
{
    return !border->is_there || compare(border, event) < 0;
}

void ext_border_move(ext_border *border, const ext_border *event)
{
    if (ext_border_is_before(border, event))
        *border = *event;
}

void ext_border_time_json(char json[EXT_TIME_TEXT + 2], const ext_border *border)
{
    char text[EXT_TIME_TEXT] = "null";
    const bool is_date = border->is_there && ext_time_text(text, &border->time);
    sqlite3_snprintf(EXT_TIME_TEXT + 2, json, is_date ? "\"%s\"" : "%s", text);
}

void ext_border_json(char json[EXT_BORDER_JSON], const ext_last *last)
{
    char time[EXT_TIME_TEXT + 2], rowid[24] = "null";
    json[0] = '\0';
    if (last->version == 0)
        return;
    ext_border_time_json(time, &last->border);
    if (last->border.has_rowid)
        sqlite3_snprintf(sizeof rowid, rowid, "%lld", (long long)last->border.rowid);
    sqlite3_snprintf(EXT_BORDER_JSON, json,
                     "{\"version\":%lld,\"last_event\":%s,\"last_rowid\":%s}",
                     (long long)last->version, time, rowid);
}
