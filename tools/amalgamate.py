#!/usr/bin/env python3
"""amalgamate.py: writes the whole extension as one C file, and its header beside it.

    amalgamate.py FOLDER [KERNELS:NAME=FLAGS ...] -- SOURCE ...

FOLDER gets gru4rec.c and gru4rec.h. SOURCE are the files of src/ and ext/, in any order.
KERNELS:NAME=FLAGS are the instruction sets of x86-64 with the compiler's flags that allow
them: the kernels (src/kernels/vec_kernels.c and bfloat16_kernels.c) are written once without
flags, and once for each of theirs.

What it does with the text:

* The headers come first, each once, after those that it includes; then the sources; then the
  kernels. System headers come before all, under the conditions that they had.
* Names of a source that other sources cannot see (static functions and variables, types,
  enumerators) get the source's name in front: pool.c's wake() is pool__wake(). So no name of
  the platform's headers can meet one of ours. A source's macros end with it (#undef).
* Each set of kernels gets its instruction set's name in front, and stands in a region whose
  functions are compiled for that instruction set, by pragmas of GCC or clang. The macro
  __AVX2__, which a region does not have with clang, becomes GRU4REC_AVX2, and so on.

The tests compile what it writes and run it; a name that it does not understand is an error
of the compiler.
"""
import os
import re
import sys

# The files with kernels, and the macro that has the name of the instruction set.
KERNELS = {'src/kernels/vec_kernels.c': 'VEC_NAME', 'src/kernels/bfloat16_kernels.c': 'BODY_NAME'}
PUBLIC = 'include/gru4rec.h'
OURS = re.compile(r'(g4r|gru4rec|ext|G4R|GRU4REC|EXT|sqlite3)_')
LEFT_OUT = {'GRU4REC_MPI', 'EXT_IS_ENTRY'}  # conditions that never hold here
FEATURES = {'_GNU_SOURCE', '_DEFAULT_SOURCE', '_POSIX_C_SOURCE', '_XOPEN_SOURCE'}
# Words of GNU C's attributes, which are no names.
ATTRIBUTES = {'format', 'printf', 'const', 'pure', 'weak', 'visibility', 'constructor', 'noinline', 'always_inline',
              'vector_size', 'unused', 'aligned', 'packed', 'may_alias', 'nonnull', 'malloc', 'noreturn', 'cold'}
TOKEN = re.compile(r'''
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<directive>(?:(?<=\n)|\A)[ \t]*\#(?:/\*.*?\*/|\\\n|[^\n])*)
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<name>[A-Za-z_]\w*)
  | (?P<number>\.?[0-9](?:[eEpP][+-]|[\w.])*)
  | (?P<space>\s+)
  | (?P<mark>->|\#\#|.)
''', re.X | re.S)


class Failure(Exception):
    pass


def tokens_of(text):
    """[kind, text] of each token; comments, space and directives too."""
    return [[match.lastgroup, match.group()] for match in TOKEN.finditer(text)]


def code_of(tokens):
    """The tokens of the language alone, each with its place in tokens."""
    return [(i, kind, text) for i, (kind, text) in enumerate(tokens) if kind in ('string', 'name', 'number', 'mark')]


# ---- reading ----

def strip_conditions(text):
    """The text without the lines that a condition of LEFT_OUT keeps out."""
    lines, stack = [], []  # of the conditions: None, or whether the lines are kept
    for line in text.split('\n'):
        directive = re.match(r'\s*#\s*(ifdef|ifndef|if|else|elif|endif)\b\s*(\w*)', line)
        word, name = directive.groups() if directive else ('', '')
        if word in ('ifdef', 'ifndef', 'if'):
            ours = word != 'if' and name in LEFT_OUT
            stack.append(word == 'ifndef' if ours else None)
            if ours:
                continue
        elif word in ('else', 'endif') and stack[-1] is not None:
            stack[-1] = not stack[-1]
            if word == 'endif':
                stack.pop()
            continue
        elif word == 'endif':
            stack.pop()
            if all(kept is not False for kept in stack):
                lines.append(line)
            continue
        if all(kept is not False for kept in stack):
            lines.append(line)
    return '\n'.join(lines)


class File:
    """A source or a header: its text without includes, and what it includes."""

    def __init__(self, path):
        self.path = path
        self.stem = os.path.splitext(os.path.basename(path))[0]
        self.local, self.system = [], []  # paths; (conditions, <name>)
        with open(path, encoding='utf-8') as file:
            self.text = self.take_includes(strip_conditions(file.read()))

    def take_includes(self, text):
        lines, stack = [], []
        for line in text.split('\n'):
            word = re.match(r'\s*#\s*(\w+)\s*(.*)', line)
            directive, rest = word.groups() if word else ('', '')
            if directive in ('if', 'ifdef', 'ifndef'):
                stack.append(line)
            elif directive in ('else', 'elif'):
                stack[-1] += '\n' + line
            elif directive == 'endif':
                stack.pop()
            elif directive == 'include' and rest.startswith('"'):
                name = re.match('"([^"]*)"', rest).group(1)
                self.local.append(os.path.normpath(os.path.join(os.path.dirname(self.path), name)))
                continue
            elif directive == 'include':
                self.system.append((tuple(s for s in stack if '_H' not in s.split()[-1][-2:]), rest.split('>')[0] + '>'))
                continue
            elif directive == 'define' and rest.split()[0] in FEATURES:
                continue
            lines.append(line)
        return '\n'.join(lines)


# ---- names ----

def skip_group(code, i):
    """The place behind the bracket that closes the one at i."""
    depth = 0
    while True:
        depth += code[i][2] in '([{' and code[i][1] == 'mark'
        depth -= code[i][2] in ')]}' and code[i][1] == 'mark'
        i += 1
        if depth == 0:
            return i


def declarations(tokens):
    """Each declaration of the file's scope: its code, up to its end. A directive between two ends the first."""
    code = code_of(tokens)
    begin, i = 0, 0
    while i < len(code):
        place, _, text = code[i]
        if i == begin and i > 0:
            pass
        elif i > begin and any(tokens[j][0] == 'directive' for j in range(code[i - 1][0] + 1, place)):
            yield code[begin:i]
            begin = i
        if text in ('(', '[', '{'):
            is_body = text == '{'
            i = skip_group(code, i)
            is_function = is_body and not any(
                t in ('=', 'struct', 'union', 'enum', 'typedef') for _, _, t in code[begin:i] if True) or \
                is_body and is_definition(code[begin:i])
            if is_function:
                yield code[begin:i]
                begin = i
            continue
        i += 1
        if text == ';':
            yield code[begin:i]
            begin = i


def is_definition(code):
    """Whether the code, which ends with a body, is a function: a ')' stands before the body."""
    depth = 0
    for k in range(len(code) - 1, -1, -1):
        text = code[k][2]
        depth += text == '}' and code[k][1] == 'mark'
        depth -= text == '{' and code[k][1] == 'mark'
        if depth == 0:
            return k > 0 and code[k - 1][2] == ')'
    return False


def without_attributes(code):
    result, i = [], 0
    while i < len(code):
        if code[i][2] in ('__attribute__', '_Alignas', 'EXT_PRINTF'):
            i = skip_group(code, i + 1)
            continue
        result.append(code[i])
        i += 1
    return result


def tags_and_enumerators(code):
    """What a declaration with a body declares beside its own name."""
    i = 0
    while i < len(code):
        word = code[i][2]
        if word in ('struct', 'union', 'enum'):
            k = i + 1
            if k < len(code) and code[k][1] == 'name':
                k += 1
            if k < len(code) and code[k][2] == '{':
                if k == i + 2:
                    yield code[i + 1][2]
                if word == 'enum':
                    depth = 0
                    for j in range(k, skip_group(code, k)):
                        depth += code[j][2] in ('(', '{', '[')
                        depth -= code[j][2] in (')', '}', ']')
                        if depth == 1 and code[j][1] == 'name' and code[j - 1][2] in ('{', ','):
                            yield code[j][2]
        i += 1


def flat(code):
    """The code without what stands in braces."""
    result, i = [], 0
    while i < len(code):
        if code[i][2] == '{' and code[i][1] == 'mark':
            i = skip_group(code, i)
            result.append((-1, 'mark', '{}'))
            continue
        result.append(code[i])
        i += 1
    return result


def declared(code):
    """The names of its own that a declaration declares: of a type, a function or variables."""
    code = flat(without_attributes(code))
    depth, names, is_value = 0, [], False
    for k, (_, kind, text) in enumerate(code):
        after = code[k + 1][2] if k + 1 < len(code) else ''
        if text == '=' and depth == 0:
            is_value = True
        if text == ',' and depth == 0:
            is_value = False
        if kind == 'name' and not is_value:
            if depth == 0 and after in ('(', '[', '=', ';', ',') and k > 0:
                names.append((text, after))
            elif depth == 1 and after in (')', '[') and pointer_before(code, k):
                names.append((text, after))
        depth += text in ('(', '[')
        depth -= text in (')', ']')
    # Of a function only its own name: what follows is parameters, without depth 0.
    names = [name for name, after in names if name not in ('static', 'inline', 'const', 'void', 'int')]
    return names


def pointer_before(code, k):
    """Whether (* or (*const stands before place k."""
    k -= 1
    while k > 0 and code[k][1] == 'name':
        k -= 1
    return k > 0 and code[k][2] == '*' and code[k - 1][2] == '('


def private_names(tokens):
    """The names that no other file may see, of one source or of a set of kernels."""
    names = set()
    for code in declarations(tokens):
        words = [text for _, kind, text in code if kind == 'name']
        if not words:
            continue
        names.update(tags_and_enumerators(code))
        if words[0] == 'typedef':
            names.update(declared(code)[-1:] if not is_function_type(code) else declared(code)[:1])
        elif 'static' in words or 'INLINED' in words:
            names.update(declared(code))
    return {name for name in names if not OURS.match(name) and name != 'static'}


def is_function_type(code):
    code = flat(without_attributes(code))
    return len(code) > 2 and code[-2][2] == ')'


# ---- renaming ----

def member_places(code):
    """The places of names that are members: behind . or ->, declared in a struct, in offsetof()."""
    places, stack = set(), []  # of brackets: 'struct' or the bracket
    for k, (place, kind, text) in enumerate(code):
        before = code[k - 1][2] if k > 0 else ''
        after = code[k + 1][2] if k + 1 < len(code) else ''
        if kind == 'mark' and text == '{':
            j = k - 1
            if j > 0 and code[j][1] == 'name' and code[j][2] not in ('struct', 'union', 'enum'):
                j -= 1
            stack.append('struct' if j >= 0 and code[j][2] in ('struct', 'union') else '{')
        elif kind == 'mark' and text in '([':
            stack.append('offsetof' if text == '(' and before == 'offsetof' else text)
        elif kind == 'mark' and text in ')]}':
            stack.pop()
        elif kind == 'name':
            inner = stack[-1] if stack else ''
            is_in_struct = inner == 'struct' and after in (',', ';', '[', ':')
            is_pointer = inner == '(' and len(stack) > 1 and stack[-2] == 'struct' and after in (')', '[') and \
                pointer_before(code, k)
            is_offset = inner == 'offsetof' and before in (',', '.')
            if before in ('.', '->') or is_in_struct or is_pointer or is_offset:
                places.add(place)
    return places


def attribute_places(code):
    places, k = set(), 0
    while k < len(code):
        if code[k][2] == '__attribute__':
            end = skip_group(code, k + 1)
            places.update(place for place, _, text in code[k:end] if text in ATTRIBUTES)
            k = end
        else:
            k += 1
    return places


def rename_code(text, names, prefix, macros):
    """The text with the names that it has of its own under a prefix. macros: {__AVX2__: its new name}."""
    tokens = tokens_of(text)
    code = code_of(tokens)
    kept = member_places(code) | attribute_places(code)
    for i, (kind, token) in enumerate(tokens):
        if kind == 'name' and token in names and i not in kept:
            tokens[i][1] = prefix + '__' + token
        elif kind == 'directive':
            tokens[i][1] = rename_directive(token, names, prefix, macros)
    return ''.join(text for _, text in tokens)


def rename_directive(text, names, prefix, macros):
    head = re.match(r'\s*#\s*\w*', text).group()
    body = text[len(head):]
    for old, new in macros.items():
        body = re.sub(r'\b%s\b' % old, new, body)
    return head + (rename_code(body, names, prefix, {}) if head.strip().endswith('define') else body)


def check_strings(file, tokens, names):
    """A macro that makes a string of its argument (#x) must get no name that is renamed."""
    text = ''.join(t for kind, t in tokens if kind == 'directive')
    if not re.search(r'[^#]#\s*[a-z]\w*[^\w]', re.sub(r'^\s*#\s*\w+', '', text, flags=re.M)):
        return
    makers = set(re.findall(r'#\s*define\s+(\w+)\(', text))
    code = code_of(tokens)
    for k, (_, kind, name) in enumerate(code[:-1]):
        if kind == 'name' and name in makers and code[k + 1][2] == '(':
            inside = {t for _, _, t in code[k + 2:skip_group(code, k + 1) - 1]}
            if inside & names:
                raise Failure('%s: %s() makes strings of names, and %s is renamed' % (file, name, inside & names))


def undefine(text):
    """#undef of each macro that the text defines."""
    names = []
    for name in re.findall(r'^[ \t]*#[ \t]*define[ \t]+(\w+)', text, re.M):
        if name not in names and not name.startswith('MADV_'):
            names.append(name)
    return ''.join('#undef %s\n' % name for name in names)


# ---- writing ----

def title(path):
    return '\n/************** %s **************/\n' % path


def source_text(file):
    tokens = tokens_of(file.text)
    names = private_names(tokens)
    check_strings(file.path, tokens, names)
    text = rename_code(file.text, names, file.stem, {})
    return title(file.path) + text.strip('\n') + '\n' + undefine(text)


def macro_of(flag):
    """-mavx512f: __AVX512F__."""
    return '__%s__' % re.sub(r'\W', '_', flag[len('-m'):].upper())


REGION_BEGIN = '''
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("%s"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("%s")
#endif
'''
REGION_END = '''
#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
'''
KERNELS_BEGIN = '''
/*
 * The kernels. The Makefile compiles them with -O3 and with what follows; here pragmas say it.
 */
float sqrtf(float) __attribute__((const)); /* without errno, it is one instruction */
double sqrt(double) __attribute__((const));
#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("O3,fp-contract=fast,no-math-errno,no-trapping-math")
#pragma GCC diagnostic ignored "-Wpsabi"
#endif
'''
KERNELS_END = '''
#if !defined(__clang__) && defined(__GNUC__)
#pragma GCC pop_options
#endif
'''


def kernels_text(files, name, flags):
    """The kernels for one instruction set. files: the headers of the kernels, then their source."""
    macro = KERNELS[files[-1].path]
    text = ''.join(title(file.path) + file.text for file in files)
    tokens = tokens_of(text)
    macros = {old: old.replace('__', 'GRU4REC_', 1)[:-2] for old in re.findall(r'\b__(?:AVX|FMA|SSE|AMX)\w*__\b', text)}
    features = [flag for flag in flags.split() if not flag.startswith('-mprefer')]
    target = ','.join(flag[len('-m'):] for flag in features)
    defined = sorted(macros[macro_of(flag)] for flag in features if macro_of(flag) in macros)
    body = rename_code(text, private_names(tokens), files[-1].stem + '_' + name, macros)
    gcc_target = ','.join(flag[len('-m'):] for flag in flags.split())
    return (REGION_BEGIN % (target, gcc_target) if flags else '') + \
        ''.join('#define %s 1\n' % feature for feature in defined) + '#define %s %s\n' % (macro, name) + \
        body + undefine(body) + '#undef %s\n' % macro + ''.join('#undef %s\n' % feature for feature in defined) + \
        (REGION_END if flags else '')


def in_order(files, first):
    """The paths of headers that the files include, each behind those that it includes itself."""
    known, order = {}, []

    def visit(path):
        if path in known:
            return
        known[path] = File(path)
        for other in known[path].local:
            visit(other)
        order.append(known[path])
    for path in first:
        visit(path)
    for file in files:
        for path in file.local:
            visit(path)
    return order


def system_includes(files):
    groups = {}
    for file in files:
        for conditions, name in file.system:
            groups.setdefault(conditions, [])
            if name not in groups[conditions]:
                groups[conditions].append(name)
    text = ''
    for conditions, names in groups.items():
        names = [name for name in names if not conditions or name not in groups.get((), [])]
        # A region may use what the file as a whole may not.
        conditions = [re.sub(r'\b__(AVX|FMA|AMX)\w*__\b', '__x86_64__', condition) for condition in conditions]
        if not names:
            continue
        text += ''.join(c + '\n' for c in conditions) + ''.join('#include %s\n' % name for name in sorted(names)) + \
            '#endif\n' * len(conditions)
    return text


BEGIN = '''/*
 * gru4rec.c - GRU4Rec for SQLite in one file, version %s. It is made of the project's
 * sources by tools/amalgamate.py: do not change it, change those.
 *
 * A loadable extension, on Linux with GCC or clang:
 *   cc -O2 -fPIC -shared gru4rec.c -o gru4rec.so -lm -lpthread
 * A shell with the extension in it, beside SQLite's own amalgamation:
 *   cc -O2 -DSQLITE_CORE -DSQLITE_EXTRA_INIT=sqlite3_gru4rec_extra_init shell.c sqlite3.c gru4rec.c -o sqlite3 -lm -lpthread -ldl
 * Any other program, without SQLITE_EXTRA_INIT, calls sqlite3_gru4rec_extra_init(NULL) once,
 * before it opens a connection.
 *
 * It needs sqlite3ext.h and sqlite3.h of SQLite 3.38 or newer. It multiplies by itself;
 * with -DGRU4REC_CBLAS and -lopenblas, OpenBLAS does. GRU4REC_DEBUG leaves its asserts in.
 *
%s
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#if defined(_WIN32)
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#endif
#if !defined(GRU4REC_DEBUG) && !defined(NDEBUG)
#define NDEBUG
#endif
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wunused-function" /* inline functions of headers */
#pragma clang diagnostic ignored "-Wpsabi" /* vectors are passed between our functions only */
#endif

'''


def amalgamation(sources, sets):
    files = [File(path) for path in sources]
    kernels = [file for file in files if file.path in KERNELS]
    others = sorted((file for file in files if file not in kernels), key=lambda f: (f.path.startswith('ext'), f.path))
    headers = in_order(others, [PUBLIC])
    seen = {file.path for file in headers}
    of_kernels = [[file for file in in_order([one], []) if file.path not in seen] + [one] for one in kernels]
    with open('LICENSE', encoding='utf-8') as file:
        license = '\n'.join((' * ' + line).rstrip() for line in file.read().strip().split('\n'))
    version = re.search(r'GRU4REC_VERSION "(.*)"', next(f.text for f in headers if f.path == PUBLIC)).group(1)
    text = BEGIN % (version, license) + system_includes(headers + others + sum(of_kernels, []))
    text += '\n/* The entry points alone can be seen from outside. */\nstruct sqlite3;\nstruct sqlite3_api_routines;\n'
    entries = re.findall(r'^(int sqlite3_\w+\([^;]*\));', next(f.text for f in headers if f.path == PUBLIC), re.M)
    text += ''.join(entry + '\n    __attribute__((visibility("default")));\n' for entry in entries)
    text += '\n#pragma GCC visibility push(hidden)\n'
    text += ''.join(title(file.path) + file.text.strip('\n') + '\n' for file in headers)
    text += ''.join(source_text(file) for file in others)
    text += KERNELS_BEGIN + ''.join(kernels_text(one, 'base', '') for one in of_kernels)
    text += '\n#if defined(__x86_64__)\n' + ''.join(
        kernels_text(one, name, flags) for one in of_kernels for stem, name, flags in sets if stem == one[-1].stem) + '#endif\n'
    return text + KERNELS_END + '\n#pragma GCC visibility pop\n'


def main():
    folder, rest = sys.argv[1], sys.argv[2:]
    border = rest.index('--')
    text = amalgamation(rest[border + 1:], [re.split('[:=]', one, maxsplit=2) for one in rest[:border]])
    os.makedirs(folder, exist_ok=True)
    with open(PUBLIC, encoding='utf-8') as file:
        header = file.read()
    for name, content in (('gru4rec.c', text), ('gru4rec.h', header)):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
            file.write(content)


if __name__ == '__main__':
    try:
        main()
    except Failure as failure:
        sys.exit('amalgamate.py: %s' % failure)
