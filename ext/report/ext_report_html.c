/*
 * ext_report_html.c - the tags and the style of a report; see ext_report.h.
 *
 * No other file writes a tag. All text goes through ext_svg_escape(). The page is also
 * well-formed XML, so that tools can check it. It needs nothing from outside: fonts are
 * those of the system, and there is no script.
 */
#include "ext_report.h"

#include <stdarg.h>
#include <string.h>

/*
 * The style. Colours are those of a sheet of paper, or of a dark screen if the reader
 * prefers that; on paper they are always light. A table that is too wide for the page
 * scrolls by itself. Text breaks anywhere, because an id can be long.
 */
static const char style[] =
    ":root{color-scheme:light dark;--ink:#1f2328;--soft:#57606a;--line:#d0d7de;"
    "--page:#fff;--box:#f6f8fa;--mark:#e3effb;--edge:#0b5cad;--warn:#8a4600;"
    "--warnbox:#fff4e0}"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;"
    "--line:#3d444d;--page:#0d1117;--box:#1b2027;--mark:#17324d;--edge:#6cb2ff;"
    "--warn:#ffc27a;--warnbox:#33260f}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--page);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif}"
    "main{max-width:58rem;margin:0 auto;padding:1rem 1rem 3rem}"
    "h1{font-size:1.7rem;line-height:1.2;margin:1rem 0 .5rem}"
    "h2{font-size:1.3rem;line-height:1.25;margin:2.2rem 0 .6rem;padding-top:.6rem;"
    "border-top:1px solid var(--line)}"
    "h3{font-size:1.05rem;margin:1.5rem 0 .4rem}"
    "h1,h2,h3,p,li,td,th,figcaption,.value{overflow-wrap:anywhere}"
    "p{margin:.5rem 0;max-width:46rem}"
    ".note{color:var(--soft);font-size:.875rem}"
    ".warn{background:var(--warnbox);color:var(--warn);padding:.5rem .75rem;"
    "border-left:4px solid var(--warn)}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));"
    "gap:.6rem;margin:1rem 0;padding:0}"
    ".card{background:var(--box);border:1px solid var(--line);border-radius:6px;"
    "padding:.5rem .75rem}"
    ".value{display:block;font-size:1.35rem;font-weight:600;line-height:1.3;"
    "font-variant-numeric:tabular-nums}"
    ".label{display:block;color:var(--soft);font-size:.8125rem}"
    ".wide{overflow-x:auto;margin:.75rem 0}"
    "table{border-collapse:collapse;font-size:.875rem;min-width:min(100%,20rem)}"
    "caption{text-align:left;color:var(--soft);padding:.25rem 0;font-size:.875rem}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;"
    "border-bottom:1px solid var(--line)}"
    "th{color:var(--soft);font-weight:600;white-space:nowrap}"
    "td{min-width:3rem}td:not(:last-child){white-space:nowrap}"
    ".r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tr.mark td{background:var(--mark);font-weight:600}"
    "pre{background:var(--box);border:1px solid var(--line);border-radius:6px;"
    "padding:.5rem .75rem;margin:.5rem 0;font-size:.8125rem;white-space:pre-wrap;"
    "overflow-wrap:anywhere}"
    "figure{margin:1rem 0;max-width:36rem}"
    "figure svg{display:block;width:100%;height:auto}"
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));"
    "gap:0 1.5rem;margin:.5rem 0 1rem}"
    ".list>p{font-size:.8125rem;color:var(--soft);margin:.25rem 0}"
    "ol{margin:.25rem 0;padding-left:2rem;font-size:.9rem}"
    "li{padding:.1rem .4rem}"
    "li.mark{background:var(--mark);box-shadow:inset 3px 0 var(--edge)}"
    ".small{color:var(--soft);font-size:.8125rem}"
    ".badge{display:inline-block;border:1px solid var(--edge);color:var(--edge);"
    "border-radius:1em;padding:0 .5em;font-size:.75rem;white-space:nowrap}"
    "@media screen and (max-width:40rem){table,caption,tbody,tr,td{display:block;min-width:0}"
    "thead{display:none}tr{border-bottom:1px solid var(--line);padding:.4rem .5rem}"
    "td,td.r,td:not(:last-child){border:0;padding:.05rem 0;text-align:left;white-space:normal}"
    "td:first-child{font-weight:600}"
    "td.r::before,td:not(:first-child)::before{content:attr(data-of) \": \";color:var(--soft)}"
    "td:empty{display:none}tr.mark{background:var(--mark)}tr.mark td{background:none}}"
    "@page{margin:16mm}"
    "@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;"
    "--page:#fff;--box:#fff;--mark:#e8eef5;--edge:#0b5cad;--warn:#663300;"
    "--warnbox:#fff}body{font-size:10.5pt}main{max-width:none;padding:0}"
    "h2,h3,caption{break-after:avoid}figure,tr,.card,.example{break-inside:avoid}"
    ".wide{overflow:visible}*{print-color-adjust:exact}}";

/* Appends the text of a format, escaped, between two pieces of HTML. */
static void append_between(ext_report_html *html, const char *before, const char *after,
                           const char *format, va_list args)
{
    char *text = sqlite3_vmprintf(format, args);
    html->is_short |= text == NULL;
    sqlite3_str_appendall(html->text, before);
    ext_svg_escape(html->text, text != NULL ? text : "");
    sqlite3_str_appendall(html->text, after);
    sqlite3_free(text);
}

/* The same in a function whose last parameters are a format and "...". */
#define APPEND(html, before, after, format)                \
    do {                                                   \
        va_list args;                                      \
        va_start(args, format);                            \
        append_between(html, before, after, format, args); \
        va_end(args);                                      \
    } while (false)

/* Appends a text, escaped, between two pieces of HTML. */
static void wrap(ext_report_html *html, const char *before, const char *text,
                 const char *after)
{
    sqlite3_str_appendall(html->text, before);
    ext_svg_escape(html->text, text);
    sqlite3_str_appendall(html->text, after);
}

/* Appends HTML as it is. */
static void append(ext_report_html *html, const char *text)
{
    sqlite3_str_appendall(html->text, text);
}

/* ---- the page ---- */

void ext_report_html_begin(ext_report_html *html, const char *title)
{
    append(html,
           "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
           "<meta name=\"viewport\" content=\"width=device-width, "
           "initial-scale=1\"/>\n"
           "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
           "<link rel=\"icon\" href=\"data:,\"/>\n");
    wrap(html, "<title>", title, "</title>\n");
    sqlite3_str_appendf(html->text, "<style>%s</style>\n</head>\n<body>\n<main>\n",
                        style);
    wrap(html, "<h1>", title, "</h1>\n");
}

void ext_report_html_end(ext_report_html *html)
{
    append(html, "</main>\n</body>\n</html>\n");
}

int ext_report_html_check(const ext_report_html *html, ext_error *error)
{
    return html->is_short || sqlite3_str_errcode(html->text) != SQLITE_OK
               ? ext_error_nomem(error)
               : error->rc;
}

void ext_report_html_section(ext_report_html *html, const char *heading)
{
    wrap(html, "<section>\n<h2>", heading, "</h2>\n");
}

void ext_report_html_part(ext_report_html *html, const char *heading)
{
    wrap(html, "<h3>", heading, "</h3>\n");
}

void ext_report_html_section_end(ext_report_html *html)
{
    append(html, "</section>\n");
}

/* ---- text ---- */

const char *ext_report_html_count(ext_report_count *room, int64_t n)
{
    return sqlite3_snprintf(sizeof room->text, room->text, "%,lld", (long long)n);
}

void ext_report_html_say(ext_report_html *html, const char *format, ...)
{
    APPEND(html, "<p>", "</p>\n", format);
}

void ext_report_html_note(ext_report_html *html, const char *format, ...)
{
    APPEND(html, "<p class=\"note\">", "</p>\n", format);
}

void ext_report_html_warn(ext_report_html *html, const char *format, ...)
{
    APPEND(html, "<p class=\"warn\">", "</p>\n", format);
}

void ext_report_html_code(ext_report_html *html, const char *format, ...)
{
    APPEND(html, "<pre>", "</pre>\n", format);
}

void ext_report_html_cards(ext_report_html *html)
{
    append(html, "<div class=\"cards\">\n");
}

void ext_report_html_card(ext_report_html *html, const char *label, const char *format,
                          ...)
{
    APPEND(html, "<div class=\"card\"><span class=\"value\">", "</span>", format);
    wrap(html, "<span class=\"label\">", label, "</span></div>\n");
}

void ext_report_html_cards_end(ext_report_html *html)
{
    append(html, "</div>\n");
}

/* ---- tables and pictures ---- */

void ext_report_html_table(ext_report_html *html, const char *caption,
                           const char *columns, const char *const *headings)
{
    html->headings = headings;
    wrap(html, "<div class=\"wide\"><table>\n<caption>", caption,
         "</caption>\n<thead><tr>");
    for (size_t i = 0; columns[i] != '\0'; i++)
        wrap(html,
             columns[i] == 'r' ? "<th scope=\"col\" class=\"r\">" : "<th scope=\"col\">",
             headings[i], "</th>");
    append(html, "</tr></thead>\n<tbody>\n");
}

void ext_report_html_row(ext_report_html *html, bool mark)
{
    append(html, mark ? "<tr class=\"mark\">" : "<tr>");
    html->n_cells = 0;
}

/* Begins a cell: with what stands in its tag before the heading. */
static void begin_cell(ext_report_html *html, const char *tag)
{
    wrap(html, tag, html->headings[html->n_cells++], "\">");
}

void ext_report_html_cell(ext_report_html *html, const char *format, ...)
{
    begin_cell(html, "<td dir=\"auto\" data-of=\"");
    APPEND(html, "", "</td>", format);
}

void ext_report_html_number(ext_report_html *html, const char *format, ...)
{
    begin_cell(html, "<td class=\"r\" data-of=\"");
    APPEND(html, "", "</td>", format);
}

void ext_report_html_row_end(ext_report_html *html)
{
    append(html, "</tr>\n");
}

void ext_report_html_table_end(ext_report_html *html)
{
    append(html, "</tbody>\n</table></div>\n");
}

void ext_report_html_picture(ext_report_html *html, const char *svg)
{
    sqlite3_str_appendf(html->text, "<figure>%s</figure>\n", svg);
}

/* ---- lists ---- */

void ext_report_html_pair(ext_report_html *html)
{
    append(html, "<div class=\"pair example\">\n");
}

void ext_report_html_list(ext_report_html *html, const char *heading, size_t first)
{
    wrap(html, "<div class=\"list\"><p>", heading, "</p>\n");
    sqlite3_str_appendf(html->text, "<ol start=\"%lld\">\n", (long long)first);
}

void ext_report_html_entry(ext_report_html *html, const char *text, const char *small,
                           const char *badge, bool mark)
{
    wrap(html, mark ? "<li class=\"mark\"><bdi>" : "<li><bdi>", text, "</bdi>");
    if (small != NULL)
        wrap(html, " <bdi class=\"small\">", small, "</bdi>");
    if (badge != NULL)
        wrap(html, " <span class=\"badge\">", badge, "</span>");
    append(html, "</li>\n");
}

void ext_report_html_list_end(ext_report_html *html)
{
    append(html, "</ol></div>\n");
}

void ext_report_html_pair_end(ext_report_html *html)
{
    append(html, "</div>\n");
}
