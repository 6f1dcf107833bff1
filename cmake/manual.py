#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""manual.py - reads public headers, produces man pages of section 3: one for each header, and for each function a page
that leads there.

    manual.py [--strict] VERSION DIRECTORY HEADER...

What a page says is what the header says: its first comment is the description, the comment above a prototype describes
that function, types and macros stand as they are written. --strict: a function without a comment is an error.
"""
import os
import re
import sys

FUNCTION = re.compile(r"\b(kk_\w+)\s*\(")
SPECIAL = {"\\": r"\e", "-": r"\-", "^": r"\(ha", "~": r"\(ti", "`": r"\(ga", "'": r"\(aq"}


class Item:
    """A declaration with the comment above it, below a comment that begins a part of the header ("---- writing")."""

    def __init__(self, comment, code, group, part):
        self.comment, self.code, self.group, self.part = comment, code, group, part

    def is_function(self):
        return self.code.startswith("KK_API")

    def name(self):
        found = FUNCTION.search(self.code)
        return found.group(1) if found else ""


def comment_text(raw):
    """The lines of a comment without its decoration."""
    body = raw.strip()[2:-2]
    lines = [re.sub(r"^\s*\*(?!\*) ?", "", line) if n else line.strip() for n, line in enumerate(body.split("\n"))]
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def without_guards(text):
    """The header without includes, include guards and what is there for C++."""
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.S)
    text = text.replace(" KK_ZERO;", ";")
    text = re.sub(r"#if defined\(KK_BUILDING_LIBRARY\)\n.*?#endif\n", "", text, flags=re.S)
    text = re.sub(r"^#include .*\n", "", text, flags=re.M)
    text = re.sub(r"[ \t]+\\\n", " \\\\\n", text)
    text = re.sub(r"#ifndef (\w+_H)\n#define \1\n", "", text)
    return re.sub(r"\n#endif\s*$", "\n", text)


def end_of_declaration(text, at):
    """Where the declaration that begins at `at` ends: a macro with its last line, else behind its semicolon."""
    if text[at] == "#":
        end = re.compile(r"(?<!\\)\n").search(text, at)
        return end.start() if end else len(text)
    depth = 0
    for here in range(at, len(text)):
        if text[here] in "{(":
            depth += 1
        elif text[here] in "})":
            depth -= 1
        elif text[here] == ";" and depth == 0:
            # What is written behind it on the line belongs to it.
            behind = re.compile(r"[ \t]*(/\*.*?\*/)?", re.S).match(text, here + 1)
            return behind.end()
    return len(text)


def parse(text):
    """Splits a header into its first comment and its items."""
    text = without_guards(text)
    intro, items, comment, part, at, group = "", [], "", "", 0, 0
    while at < len(text):
        if text[at].isspace():
            gap = re.compile(r"\s+").match(text, at).group()
            if gap.count("\n") > 1:
                comment, group = "", group + 1
            at += len(gap)
        elif text.startswith("/*", at):
            end = text.index("*/", at) + 2
            comment = comment_text(text[at:end])
            if comment.startswith("SPDX"):
                comment = ""
            elif comment.startswith("----"):
                part, comment = comment.lstrip("- "), ""
            elif not intro and not items:
                intro, comment = comment, ""
            at = end
        else:
            end = end_of_declaration(text, at)
            items.append(Item(comment, text[at:end], group, part))
            at = end
    return intro, items


def escape(text, table=SPECIAL):
    """A line of roff that prints as `text`."""
    line = "".join(table.get(c, c) for c in text)
    return "\\&" + line if line.startswith((".", "\\(aq")) else line


def prose(text):
    """Paragraphs of a comment; indented lines stay as they are."""
    out, verbatim, begun = [], False, False
    for line in text.split("\n"):
        indented = line.startswith(("\t", "  ")) and line.strip()
        if verbatim and not indented and line.strip():
            out.append(".EE")
            out.append(".PP")
            verbatim = False
        if not line.strip():
            if verbatim:
                out.append("\\&")
            elif begun:
                out.append(".PP")
            continue
        if indented and not verbatim:
            if out and out[-1] == ".PP":
                out.pop()
            out += [".PP", ".EX"]
            verbatim = True
        begun = True
        out.append(escape(line.expandtabs(8)) if verbatim else emphasised(line))
    while out and out[-1] in ("\\&", ".PP"):
        out.pop()
    if verbatim:
        out.append(".EE")
    return out


def emphasised(line):
    """`word` and *word* of a comment in italics."""
    parts = re.split(r"(`[^`]+`|(?<![\w*/])\*\w[^*]*\*(?![\w*/]))", line)
    text = "".join("\\fI%s\\fP" % escape(part[1:-1]) if n % 2 else escape(part) for n, part in enumerate(parts))
    return "\\&" + text if text.startswith(".") else text


def code(text):
    return [".EX"] + [escape(line.expandtabs(8)) for line in text.split("\n")] + [".EE"]


def prototype(item):
    text = re.sub(r"^KK_API\s+", "", item.code)
    text = re.sub(r"\s*__attribute__\(\(.*\)\)", "", text, flags=re.S)
    return re.sub(r"[ \t]*/\*.*\*/$", "", text, flags=re.S)


def summary(intro):
    """The half sentence behind "kakehi/x.h - "."""
    first = re.split(r"\n\s*\n", intro)[0].replace("\n", " ")
    first = re.sub(r"^\S+\s+-\s+", "", first)
    return re.split(r"[:.](?:\s|$)", first)[0].strip()


def body_of(intro):
    """What stands behind the first half sentence, too."""
    return re.sub(r"^\S+\s+-\s+(\w)", lambda m: m.group(1).upper(), intro, count=1)


def names_section(page, functions, intro):
    names = [page] + [f.name() for f in functions if f.name() != page]
    return [".SH NAME", ", ".join(escape(n) for n in names) + " \\- " + escape(summary(intro))]


def without_name(comment, name):
    """"kk_x - makes" below a prototype of kk_x is "Makes"."""
    return re.sub(r"^%s\s+-\s+(\w)" % name, lambda m: m.group(1).upper(), comment, count=1)


def part_heading(part):
    """The comment that begins a part of the header: up to its first colon or stop it is a title."""
    title, rest = re.match(r"((?:[^.:\n]|[.:](?=\S))*)[.:]?\s*(.*)", part, re.S).groups()
    return [".SS " + escape(title[:1].upper() + title[1:]).replace('"', "\\(dq")] + prose(rest)


def functions_section(functions):
    """One entry for each comment; functions below one comment share it."""
    out, part, at = [".SH FUNCTIONS"], "", 0
    while at < len(functions):
        if functions[at].part != part:
            part = functions[at].part
            out += part_heading(part)
        to = at + 1
        while to < len(functions) and functions[to].group == functions[at].group and (
                functions[to].comment == functions[at].comment):
            to += 1
        for n, item in enumerate(functions[at:to]):
            out.append(".TP" if n == 0 else ".TQ")
            out.append(".B " + escape(" ".join(prototype(item).split())).replace('"', "\\(dq"))
        text = functions[at].comment
        if to - at == 1:
            text = without_name(text, functions[at].name())
        out += [line if line != ".PP" else ".IP" for line in prose(text)] or ["\\&"]
        at = to
    return out


def types_section(items):
    """What stands together without a blank line stays together, below its comment."""
    out, before = [".SH TYPES AND MACROS"], None
    for item in items:
        if before and before.group == item.group and before.comment == item.comment:
            out = out[:-1] + code(item.code)[1:]
        else:
            out += ([".PP"] + prose(item.comment) if item.comment else []) + [".PP"] + code(item.code)
        before = item
    return out


def page_of(header, version, intro, items):
    page = "kk_" + os.path.splitext(os.path.basename(header))[0]
    functions = [item for item in items if item.is_function()]
    others = [item for item in items if not item.is_function()]
    out = [".\\\" Made from kakehi/%s; do not edit." % os.path.basename(header)]
    out.append('.TH %s 3 "" "kakehi %s" "The kakehi toolkit"' % (escape(page), version))
    out += names_section(page, functions, intro)
    out += [".SH SYNOPSIS", ".EX", "#include <kakehi/%s>" % os.path.basename(header), ".EE", ".PP"]
    out.append("Link with \\fI\\-lkakehi\\fP.")
    for item in functions:
        out += [".PP"] + code(prototype(item))
    out += [".SH DESCRIPTION"] + prose(body_of(intro))
    if functions:
        out += functions_section(functions)
    if others:
        out += types_section(others)
    return page, functions, "\n".join(out) + "\n"


def undescribed(items):
    """A word on all functions of a part is one on each."""
    return [i.name() for i in items if i.is_function() and not i.comment and not re.search(r"[.:]\s", i.part)]


def write(directory, name, text):
    with open(os.path.join(directory, name + ".3"), "w", encoding="utf-8") as file:
        file.write(text)


def main(arguments):
    strict = arguments[:1] == ["--strict"]
    version, directory, *headers = arguments[1:] if strict else arguments
    os.makedirs(directory, exist_ok=True)
    for old in os.listdir(directory):
        os.remove(os.path.join(directory, old))
    missing = []
    for header in headers:
        with open(header, encoding="utf-8") as file:
            intro, items = parse(file.read())
        missing += ["%s: no comment describes %s" % (header, name) for name in undescribed(items)]
        page, functions, text = page_of(header, version, intro, items)
        write(directory, page, text)
        for function in functions:
            if function.name() != page:
                write(directory, function.name(), ".so man3/%s.3\n" % page)
    if strict and missing:
        sys.exit("\n".join(missing))


if __name__ == "__main__":
    main(sys.argv[1:])
