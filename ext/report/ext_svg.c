/*
 * ext_svg.c - a figure as one SVG element; see ext_plot.h.
 *
 * From above to below: the title, the panels (ext_marks.c), and the note. The colours of
 * series were searched by a program: each has a contrast of 3 and more to the ground, and
 * any two differ by 32 and more (CIE76), also for an eye that lacks one of its three
 * kinds of cones (Machado and others, 2009). Beside its colour a line has its own dashes,
 * and a dot its own shape.
 */
#include "ext_plot.h"

#include <math.h>
#include <string.h>

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
    ".g4r-s0{stroke:#009ce7}.g4r-s1{stroke:#872a00}.g4r-s2{stroke:#0f3756}"
    ".g4r-s3{stroke:#b98b67}.g4r-s4{stroke:#ec6303}.g4r-s5{stroke:#6e00c3}"
    ".g4r-s6{stroke:#787f8e}"
    ".g4r-f0{fill:#009ce7}.g4r-f1{fill:#872a00}.g4r-f2{fill:#0f3756}"
    ".g4r-f3{fill:#b98b67}.g4r-f4{fill:#ec6303}.g4r-f5{fill:#6e00c3}"
    ".g4r-f6{fill:#787f8e}"
    ".g4r-b0{fill:#009ce7;fill-opacity:.15}.g4r-b1{fill:#ec6303;fill-opacity:.2}"
    ".g4r-d1{stroke-dasharray:7 3}.g4r-d2{stroke-dasharray:2 3}"
    ".g4r-d3{stroke-dasharray:9 3 2 3}.g4r-d4{stroke-dasharray:4 2}"
    ".g4r-d5{stroke-dasharray:12 3}.g4r-d6{stroke-dasharray:1 2}"
    ".g4r-areas{fill-opacity:.8}.g4r-cross{fill:none;stroke-width:1.5}"
    ".g4r-ring{fill:none;stroke:#1f2328;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){"
    ".g4r-plot{background:#0d1117}"
    ".g4r-plot text{fill:#e6edf3}.g4r-plot .g4r-dim{fill:#9da7b1}"
    ".g4r-plot .g4r-halo{stroke:#0d1117}"
    ".g4r-ground{fill:#0d1117}.g4r-box{stroke:#3d444d}"
    ".g4r-ring{stroke:#e6edf3}.g4r-grid{stroke:#21262d}.g4r-axis{stroke:#6e7681}"
    ".g4r-s0{stroke:#3d73b7}.g4r-s1{stroke:#db701c}.g4r-s2{stroke:#59f18d}"
    ".g4r-s3{stroke:#f8b9f6}.g4r-s4{stroke:#d9ff41}.g4r-s5{stroke:#a834ff}"
    ".g4r-s6{stroke:#94948c}"
    ".g4r-f0{fill:#3d73b7}.g4r-f1{fill:#db701c}.g4r-f2{fill:#59f18d}"
    ".g4r-f3{fill:#f8b9f6}.g4r-f4{fill:#d9ff41}.g4r-f5{fill:#a834ff}"
    ".g4r-f6{fill:#94948c}"
    ".g4r-b0{fill:#3d73b7;fill-opacity:.3}.g4r-b1{fill:#db701c;fill-opacity:.3}"
    "}</style>";

/* Appends the first n_bytes bytes of a text, escaped. */
static void escape(sqlite3_str *xml, const char *text, size_t n_bytes)
{
    for (const char *end = text + n_bytes; text < end;) {
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

void ext_svg_escape(sqlite3_str *xml, const char *text)
{
    escape(xml, text, strlen(text));
}

/* Appends a number, rounded to one decimal. */
static void append_number(sqlite3_str *svg, double number)
{
    const long long tenths = llround(number * 10), size = tenths < 0 ? -tenths : tenths;
    sqlite3_str_appendf(svg, "%s%lld", tenths < 0 ? "-" : "", size / 10);
    if (size % 10 != 0)
        sqlite3_str_appendf(svg, ".%lld", size % 10);
}

void ext_svg_pair(sqlite3_str *svg, double x, double y)
{
    append_number(svg, x);
    sqlite3_str_appendchar(svg, 1, ' ');
    append_number(svg, y);
}

/* Appends n bytes of text as a text element, and an ellipsis if there should be one. */
static void text_element(sqlite3_str *svg, double x, double y, const char *of,
                         const char *text, size_t n, bool is_cut)
{
    sqlite3_str_appendall(svg, "<text x=\"");
    append_number(svg, x);
    sqlite3_str_appendall(svg, "\" y=\"");
    append_number(svg, y);
    sqlite3_str_appendf(svg, "\"%s%s>", *of != '\0' ? " " : "", of);
    escape(svg, text, n);
    sqlite3_str_appendall(svg, is_cut ? "\xe2\x80\xa6</text>" : "</text>");
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
    if (figure->is_short) /* a text may be NULL that the drawing takes for one */
        return ext_error_nomem(error);
    const char *title = figure->title != NULL ? figure->title : "";
    sqlite3_str *body = sqlite3_str_new(NULL);
    double y = draw_title(body, title);
    for (size_t i = 0; i < figure->n_panels; i++)
        y = ext_panel_draw(body, &figure->panels[i],
                           i > 0 ? &figure->panels[i - 1] : NULL, y);
    if (figure->note != NULL)
        y = ext_svg_lines(body, EXT_SVG_MARGIN, y + EXT_SVG_LINE, "class=\"g4r-dim\"",
                          figure->note, EXT_SVG_WIDTH - 2 * EXT_SVG_MARGIN, 12) -
            EXT_SVG_LINE;
    const long long height = llround(ceil(y + EXT_SVG_MARGIN));
    char *text = sqlite3_str_finish(body);
    if (text == NULL)
        return ext_error_nomem(error);
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
