# invent.awk: thirty days of an invented shop, March 2026. The same seed gives the same month, with any awk.
#
#   awk -f invent.awk -v seed=1 -v visits=250 -v days=DIRECTORY
#
# Writes DIRECTORY/items.csv (id,title,category,first_day,last_day) and, for sort, a line for each click:
#
#   second of the month <tab> day <tab> visitor,item,time
#
# The shop.    600 items in 24 categories. A third are not there all month: they come (and are looked at most in their
#              first days) or go. What is in fashion drifts: an item's popularity rises and falls in some weeks.
# A visit.     Starts in a category; the next click goes to a usual successor of the item (55 %), to another item of the
#              category (25 %), to the category that goes with it (15 %), or anywhere (5 %). A quarter leave at each click.
# Visitors.    Two fifths come back, to the category that they left. A tenth has no cookie: the log says "-", or nothing.
#              Who comes late in the evening may stay past midnight. Some make a break of most of an hour.
# Times.       The web server logs seconds, the app milliseconds, the till a date as text. A few are garbage.
# Bots.        Two a day: one reads the catalogue, an item a second, the other looks at the same item again and again.
#
# Two days go wrong at the source. On day 8 the app writes its dates the way of the country, which nobody can read. On
# day 14 the tracker logs another item of the same category than the one that was clicked, until it is mended at 18:00.

function chance(n) {                       # 0 .. n-1, by Park and Miller's generator
    seed = seed * 48271 % 2147483647
    return int(seed / 2147483647 * n)
}

BEGIN {
    seed = 1000 + seed; for (i = 0; i < 10; i++) chance(1)
    start = 1772323200                     # 2026-03-01 00:00:00 UTC
    n_categories = 24; shelf = 25          # items of a category
    n_items = n_categories * shelf
    busy = "211111223455544455678998"      # how busy each hour of a day is
    for (h = 0; h < 24; h++)
        for (i = 0; i < substr(busy, h + 1, 1); i++) hours[n_hours++] = h
    make_items()
    for (day = 1; day <= 30; day++) {
        open_day(day)
        for (i = 0; i < visits; i++) visit(day)
        crawl(day); knock(day)
    }
}

# ---- the catalogue ----

function make_items(    i) {
    for (i = 0; i < n_items; i++) {
        first[i] = 1; last[i] = 99
        if (i % 6 == 1) first[i] = 2 + chance(28)
        if (i % 6 == 4) last[i] = 2 + chance(28)
        liking[i] = 12 / (1 + chance(shelf)) + 12 / (1 + int(i / shelf))
        phase[i] = chance(1000) / 1000
        printf "%d,%s %d,%s,%d,%d\n", id(i), name(i), i % shelf + 1, name(i), first[i], last[i] > (days "/items.csv")
    }
    close(days "/items.csv")
}

function id(i) { return 10000 + i * 7 % n_items * 13 }

function name(i) { return "category " substr("ABCDEFGHIJKLMNOPQRSTUVWX", 1 + int(i / shelf), 1) }

function is_there(i) { return first[i] <= day && day <= last[i] }

# How often each item and category is looked at on this day.
function open_day(day,    i, c, tide, fashion) {
    for (c = 0; c < n_categories; c++) on_shelf[c] = 0
    on_all = 0
    for (i = 0; i < n_items; i++) {
        weight[i] = 0
        if (!is_there(i)) continue
        tide = (day / 20 + phase[i]) % 1 * 2 - 1                   # -1 .. 1
        fashion = 0.1 + 1.8 * (tide < 0 ? -tide : tide)
        weight[i] = 1 + int(liking[i] * fashion * (day - first[i] < 3 && day > 3 ? 3 : 1))
        on_shelf[int(i / shelf)] += weight[i]
        on_all += weight[i]
    }
}

function any_of(category,    left, i) {
    left = chance(on_shelf[category])
    for (i = category * shelf; (left -= weight[i]) >= 0; i++);
    return i
}

function any_category(    left, c) {
    left = chance(on_all)
    for (c = 0; (left -= on_shelf[c]) >= 0; c++);
    return c
}

# ---- visits ----

function visit(day,    who, at, item, category, kind) {
    at = (day - 1) * 86400 + hours[chance(n_hours)] * 3600 + chance(3600)
    if (n_known > 50 && chance(100) < 40) {
        who = known[n_known - 1 - chance(n_known < 3000 ? n_known : 3000)]
        category = left_at[who]
    } else {
        who = sprintf("v%06d", n_known + 1)
        known[n_known++] = who
        category = any_category()
    }
    if (chance(100) < 10) who = chance(2) ? "-" : ""
    kind = chance(10) < 7 ? "web" : chance(3) < 2 ? "app" : "till"
    item = any_of(category)
    do {
        click(day, at, who, item, kind)
        if (who != "" && who != "-") left_at[who] = int(item / shelf)
        at += chance(100) < 5 ? 2400 + chance(1200) : 4 + chance(90)
        item = next_item(item)
    } while (chance(100) < 75)
}

function next_item(item,    way, category, successor) {
    way = chance(100); category = int(item / shelf)
    if (way < 55) {                                              # four usual ones, some more usual than others
        successor = category * shelf + (item % shelf * 3 + substr("1111223347", 1 + chance(10), 1)) % shelf
        if (is_there(successor)) return successor
    }
    if (way < 80) return any_of(category)
    if (way < 95) return any_of((category * 5 + 7) % n_categories)
    return any_of(any_category())
}

function crawl(day,    i) {
    for (i = 0; i < n_items; i++)
        if (is_there(i)) click(day, (day - 1) * 86400 + 14400 + i, "bot-reader", i, "web")
}

function knock(day,    i) {
    for (i = 0; i < 300; i++) click(day, (day - 1) * 86400 + 50000 + i, "bot-knocker", 5, "app")
}

# ---- a line of the log ----

function click(day, at, who, item, kind,    of, when) {
    of = 1 + int(at / 86400)                                     # after midnight it is the next day's
    if (of > 30) return
    if (day == 14 && at < 13 * 86400 + 64800) item = int(item / shelf) * shelf + item % shelf * 2 % shelf
    item = chance(1000) < 4 ? "" : id(item)                      # a page without an item
    when = chance(1000) < 1 ? "0000-00-00" : written(of, at, kind)
    printf "%d\t%02d\t%s,%s,%s\n", at, of, who, item, when
}

function written(of, at, kind,    s) {
    s = at % 86400
    if (kind == "app" && of == 8) return sprintf("%02d.03.2026 %02d.%02d", of, int(s / 3600), int(s / 60) % 60)
    if (kind == "app") return sprintf("%.0f", (start + at) * 1000 + chance(1000))
    if (kind == "till") return sprintf("2026-03-%02d %02d:%02d:%02d", of, int(s / 3600), int(s / 60) % 60, s % 60)
    return sprintf("%.0f", start + at)
}
