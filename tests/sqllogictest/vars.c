/*
 * Variables: ${name} in SQL, expected results, error patterns, labels and loop arguments.
 * A stack, so that the variable of a loop hides an outer one of the same name and goes
 * away with its loop. A ${ that no name and } follow is ordinary text; an unknown name is
 * an error, for it would else reach SQL as text and fail far from its cause. Uses text.c.
 */
#include "slt.h"

#include <stdlib.h>
#include <string.h>

static bool is_name_char(char c, bool is_first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!is_first && c >= '0' && c <= '9');
}

bool slt_vars_name_ok(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_name_char(name[i], i == 0))
            return false;
    return length > 0;
}

void slt_vars_push(slt_vars *vars, const char *name, const char *value)
{
    vars->items = slt_grow(vars->items, vars->n, sizeof *vars->items);
    vars->items[vars->n].name = slt_strdup(name);
    vars->items[vars->n].value = slt_strdup(value);
    vars->n++;
}

void slt_vars_pop(slt_vars *vars)
{
    vars->n--;
    free(vars->items[vars->n].name);
    free(vars->items[vars->n].value);
}

const char *slt_vars_find(const slt_vars *vars, const char *name, size_t length)
{
    for (size_t i = vars->n; i-- > 0;) {
        const struct slt_var *var = &vars->items[i];
        if (strlen(var->name) == length && memcmp(var->name, name, length) == 0)
            return var->value;
    }
    return NULL;
}

char *slt_vars_expand(const slt_vars *vars, const char *text, char **error)
{
    slt_buf out = {0};
    const char *start;
    while ((start = strstr(text, "${")) != NULL) {
        const char *name = start + 2;
        const char *end = strchr(name, '}');
        if (end == NULL)
            break;
        if (!slt_vars_name_ok(name, (size_t)(end - name))) {
            slt_buf_add(&out, text, (size_t)(name - text));
            text = name;
            continue;
        }
        const char *value = slt_vars_find(vars, name, (size_t)(end - name));
        if (value == NULL) {
            slt_buf message = {0};
            slt_buf_printf(&message, "unknown variable %.*s}", (int)(end - start), start);
            *error = slt_buf_take(&message);
            free(out.text);
            return NULL;
        }
        slt_buf_add(&out, text, (size_t)(start - text));
        slt_buf_add(&out, value, strlen(value));
        text = end + 1;
    }
    slt_buf_add(&out, text, strlen(text));
    return slt_buf_take(&out);
}

void slt_vars_free(slt_vars *vars)
{
    while (vars->n)
        slt_vars_pop(vars);
    free(vars->items);
    vars->items = NULL;
}
