/*
 * ext_svg.c - a figure as one SVG element; see ext_plot.h.
 *
 * From above to below: the title, the panels (ext_marks.c), and the note. The colours are
 * those of Okabe and Ito, which people with any kind of colour blindness can tell apart,
 * made darker on white and lighter on black until each stands out from the ground. Beside
 * its colour a line has its own dashes, and a dot its own shape.
 */
#include "ext_plot.h"

#include <math.h>
#include <string.h>

/* Font sizes and line distance of titles. */
#define TITLE_LINE 21.0
#define TITLE_SCALE 1.35 /* width of bold text of 16.5 units, to that of EXT_SVG_SIZE */

static const char style[] =
    "<style>"
    ".g4r-plot{max-width:100%;height:auto;background:#fff}"
    ".g4r-plot text{font:13.5px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
    "fill:#1f2328;white-space:pre}"
    ".g4r-plot .g4r-title{font-size:16.5px;font-weight:600}"
    ".g4r-plot .g4r-head{font-weight:600}"
    ".g4r-plot .g4r-dim{fill:#57606a}"
    ".g4r-plot .g4r-end{text-anchor:end}"
    ".g4r-plot .g4r-mid{text-anchor:middle}"
    ".g4r-plot .g4r-halo{paint-order:stroke;stroke:#fff;stroke-width:3px;"
    "stroke-linejoin:round}"
    ".g4r-ground{fill:#fff}.g4r-box{fill:none;stroke:#d0d7de}"
    ".g4r-grid{fill:none;stroke:#e4e8ec}.g4r-axis{fill:none;stroke:#8c959f}"
    ".g4r-line{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".g4r-ends{fill:none;stroke-width:1.5}"
    ".g4r-dots{fill:none;stroke-width:3.4;stroke-linecap:round;stroke-opacity:.75}"
    ".g4r-s0{stroke:#0072b2}.g4r-s1{stroke:#c75100}.g4r-s2{stroke:#00805d}"
    ".g4r-s3{stroke:#b0578d}.g4r-s4{stroke:#a87400}.g4r-s5{stroke:#2f86bd}"
    ".g4r-s6{stroke:#444c56}.g4r-s7{stroke:#7a5195}"
    ".g4r-f0{fill:#0072b2}.g4r-f1{fill:#c75100}.g4r-f2{fill:#00805d}"
    ".g4r-f3{fill:#b0578d}.g4r-f4{fill:#a87400}.g4r-f5{fill:#2f86bd}"
    ".g4r-f6{fill:#444c56}.g4r-f7{fill:#7a5195}"
    ".g4r-b0{fill:#0072b2;fill-opacity:.14}.g4r-b1{fill:#e69f00;fill-opacity:.25}"
    ".g4r-d1{stroke-dasharray:7 3}.g4r-d2{stroke-dasharray:2 3}"
    ".g4r-d3{stroke-dasharray:9 3 2 3}.g4r-d4{stroke-dasharray:4 2}"
    ".g4r-d5{stroke-dasharray:12 3}.g4r-d6{stroke-dasharray:1 2}"
    ".g4r-d7{stroke-dasharray:6 2 2 2 2 2}"
    "@media(prefers-color-scheme:dark){"
    ".g4r-plot{background:#0d1117}"
    ".g4r-plot text{fill:#e6edf3}.g4r-plot .g4r-dim{fill:#9da7b1}"
    ".g4r-plot .g4r-halo{stroke:#0d1117}"
    ".g4r-ground{fill:#0d1117}.g4r-box{stroke:#3d444d}"
    ".g4r-grid{stroke:#21262d}.g4r-axis{stroke:#6e7681}"
    ".g4r-s0{stroke:#4aa8e0}.g4r-s1{stroke:#f0803c}.g4r-s2{stroke:#2fb893}"
    ".g4r-s3{stroke:#dd93bd}.g4r-s4{stroke:#e6b13c}.g4r-s5{stroke:#9fd3f5}"
    ".g4r-s6{stroke:#b6bec8}.g4r-s7{stroke:#b792d6}"
    ".g4r-f0{fill:#4aa8e0}.g4r-f1{fill:#f0803c}.g4r-f2{fill:#2fb893}"
    ".g4r-f3{fill:#dd93bd}.g4r-f4{fill:#e6b13c}.g4r-f5{fill:#9fd3f5}"
    ".g4r-f6{fill:#b6bec8}.g4r-f7{fill:#b792d6}"
    ".g4r-b0{fill:#4aa8e0;fill-opacity:.22}.g4r-b1{fill:#e6b13c;fill-opacity:.22}"
    "}</style>";

void ext_svg_escape(sqlite3_str *xml, const char *text)
{
    while (*text) {
        uint32_t code;
        const size_t n = ext_text_character(text, &code);
        const bool is_allowed = (code >= ' ' && code != 0x7f && code != 0xfffe &&
                                 code != 0xffff && code != 0xfffd) ||
                                code == '\t' || code == '\n';
        const char *escaped = code == '&'    ? "&amp;"
                              : code == '<'  ? "&lt;"
                              : code == '>'  ? "&gt;"
                              : code == '"'  ? "&quot;"
                              : code == '\'' ? "&#39;"
                              : is_allowed   ? NULL
                                             : "\xef\xbf\xbd";
        if (escaped != NULL)
            sqlite3_str_appendall(xml, escaped);
        else
            sqlite3_str_append(xml, text, (int)n);
        text += n;
    }
}

void ext_svg_number(sqlite3_str *svg, double number)
{
    const long long tenths = llround(number * 10), size = tenths < 0 ? -tenths : tenths;
    sqlite3_str_appendf(svg, " %s%lld", tenths < 0 ? "-" : "", size / 10);
    if (size % 10 != 0)
        sqlite3_str_appendf(svg, ".%lld", size % 10);
}

/* Appends an attribute whose value is a coordinate. */
static void attribute(sqlite3_str *svg, const char *name, double number)
{
    sqlite3_str *value = sqlite3_str_new(NULL);
    ext_svg_number(value, number);
    char *text = sqlite3_str_finish(value);
    sqlite3_str_appendf(svg, " %s=\"%s\"", name, text != NULL ? text + 1 : "0");
    sqlite3_free(text);
}

/* Appends n bytes of text as a text element, and an ellipsis if there should be one. */
static void text_element(sqlite3_str *svg, double x, double y, const char *of,
                         const char *text, size_t n, bool is_cut)
{
    char *part = sqlite3_mprintf("%.*s%s", (int)n, text, is_cut ? "\xe2\x80\xa6" : "");
    sqlite3_str_appendall(svg, "<text");
    attribute(svg, "x", x);
    attribute(svg, "y", y);
    sqlite3_str_appendf(svg, " %s>", of);
    ext_svg_escape(svg, part != NULL ? part : "");
    sqlite3_str_appendall(svg, "</text>");
    sqlite3_free(part);
}

void ext_svg_text(sqlite3_str *svg, double x, double y, const char *of, const char *text,
                  double width)
{
    const double ellipsis = 1;
    const double room = width / EXT_SVG_SIZE;
    const bool is_cut = ext_text_width(text) > room;
    const size_t n = is_cut ? ext_text_fit(text, room - ellipsis, false) : strlen(text);
    text_element(svg, x, y, of, text, n, is_cut);
}

double ext_svg_lines(sqlite3_str *svg, double x, double y, const char *of,
                     const char *text, double width, int most)
{
    for (int i = 0; i < most && *text; i++) {
        const size_t n = ext_text_fit(text, width / EXT_SVG_SIZE, true);
        const bool is_last = i == most - 1;
        if (is_last)
            ext_svg_text(svg, x, y, of, text, width);
        else
            text_element(svg, x, y, of, text, n, false);
        text += n;
        text += *text == ' ';
        y += EXT_SVG_LINE;
    }
    return y;
}

/* Appends the title of the figure; returns the lower end. */
static double draw_title(sqlite3_str *svg, const char *title)
{
    const double width = (EXT_SVG_WIDTH - 2 * EXT_SVG_MARGIN) / TITLE_SCALE;
    const double below =
        ext_svg_lines(svg, EXT_SVG_MARGIN, 24, "class=\"g4r-title\"", title, width, 3);
    return below - EXT_SVG_LINE + 10;
}

int ext_svg_draw(sqlite3_str *svg, const ext_figure *figure, ext_error *error)
{
    const char *title = figure->title != NULL ? figure->title : "";
    sqlite3_str *body = sqlite3_str_new(NULL);
    double y = draw_title(body, title);
    for (size_t i = 0; i < figure->n_panels; i++)
        y = ext_marks_panel(body, &figure->panels[i], y);
    if (figure->note != NULL)
        y = ext_svg_lines(body, EXT_SVG_MARGIN, y + EXT_SVG_LINE, "class=\"g4r-dim\"",
                          figure->note, EXT_SVG_WIDTH - 2 * EXT_SVG_MARGIN, 12) -
            EXT_SVG_LINE;
    const long long height = llround(ceil(y + EXT_SVG_MARGIN));
    char *text = sqlite3_str_finish(body);
    if (figure->is_short || text == NULL) {
        sqlite3_free(text);
        return ext_error_nomem(error);
    }
    sqlite3_str_appendf(svg,
                        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"g4r-plot\" "
                        "width=\"480\" height=\"%lld\" viewBox=\"0 0 480 %lld\" "
                        "role=\"img\" aria-label=\"",
                        height, height);
    ext_svg_escape(svg, title);
    sqlite3_str_appendf(svg,
                        "\">%s<rect width=\"480\" height=\"%lld\" "
                        "class=\"g4r-ground\"/>",
                        style, height);
    sqlite3_str_appendall(svg, text);
    sqlite3_str_appendall(svg, "</svg>");
    sqlite3_free(text);
    return sqlite3_str_errcode(svg) == SQLITE_OK ? SQLITE_OK : ext_error_nomem(error);
}
