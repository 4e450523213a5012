#!/usr/bin/env python3
"""Compiles the page templates to C functions that escape by context.

    compile_templates.py compile --out FILE.c --views HEADER --style FILE.css --po FILE.po --texts FILE.def TEMPLATE...
    compile_templates.py pot --texts FILE.def TEMPLATE...        the catalogue of messages, on standard output

A template is HTML with
    {{page NAME struct TYPE}}        first line: becomes template_NAME(struct rendering *, const struct TYPE *facts)
    {{name}} {{frame.name}}          a member of the facts, escaped
    {{if name}} … {{else}} … {{end}} when it is set: a text that is not empty, a list that is not empty, a true flag
    {{is name "word"}} … {{end}}     when it is that word
    {{each name}} … {{item}} … {{end}}
    {{links name}} … {{link.text}} {{link.url}} … {{end}}   a list of struct page_link, closed by one without a text
    {{t "Hello {who}" who=name}}     a message of the catalogue; placeholders are escaped and, in running text, isolated by <bdi>
    {{text name}}                    a member that holds a message of the catalogue
    {{lang}} {{style}}               the page's language; the style sheet
    {{submit}}                       the one script there is: it sends the page's form
    {{> file}}                       another template in this place, without a page line

What the compiler follows is HTML's own tokenizer, as far as our templates need it, so that it knows where each value lands. A value may stand in running
text, in <title>, or in a quoted attribute of a known harmless name; in href and action it must be the whole value and is checked as an address at run
time. Anything else is refused here: script, style, event handlers, unquoted attributes, comments, tag and attribute names.
"""
import argparse
import base64
import hashlib
import os
import re
import sys

TEXT, TITLE, STYLE, TAG, ATTRIBUTE, URL = "text", "title", "style", "tag", "attribute", "url"
URL_ATTRIBUTES = {"href", "action"}
VALUE_ATTRIBUTES = {"value", "lang", "title", "alt", "content", "placeholder"}
FORBIDDEN_ELEMENTS = {"script", "iframe", "object", "embed", "base", "textarea", "noscript", "template", "plaintext", "xmp", "frame"}
FORBIDDEN_ATTRIBUTES = {"style", "srcdoc", "formaction", "src", "srcset", "http-equiv", "ping", "target", "background", "data", "xlink:href", "nonce"}
VOID_ELEMENTS = {"meta", "link", "input", "br", "hr", "img", "path", "circle", "rect"}
PLACES = {"style": "<style>", "between": "a tag, outside a quoted attribute", "before value": "an unquoted attribute", "attribute name": "an attribute's name",
          "name": "a tag's name"}
STYLE_BYTES_MAX = 6 * 1024
# OAuth 2.0 Form Post Response Mode: sends the page's only form. Fixed, so that the policy knows it by its hash and no value can ever stand in it.
SUBMIT_SCRIPT = "document.forms[0].submit()"
VALUE_HELD = "{{value}}"


class Refused(Exception):
    pass


def c_string(text):
    out = []
    for byte in text.encode():
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif 32 <= byte < 127 and char != "?":
            out.append(char)
        else:
            out.append("\\%03o" % byte)
    return '"' + "".join(out) + '"'


class Html:
    """Where in the document the next character lands."""

    def __init__(self):
        self.closing = False
        self.state = TEXT          # TEXT TITLE STYLE, or within a tag: "name" "between" "attribute name" "before value" "value"
        self.tag = self.attribute = self.quote = self.value = ""
        self.open = []
        self.separate = False      # a branch began or ended right after an attribute's name: what follows may not lengthen it

    def branch(self):
        if self.state == "attribute name":
            self.attribute_check()
            self.state, self.separate = "between", True

    def position(self):
        inside = self.state not in (TEXT, TITLE, STYLE)
        return (self.state, self.tag if inside else "", self.attribute if self.state == "value" else "", self.quote if self.state == "value" else "", tuple(self.open))

    def feed(self, text):
        for char in text:
            getattr(self, "on_" + self.state.replace(" ", "_"))(char)

    def on_text(self, char):
        if char == "<":
            self.state, self.tag, self.closing = "name", "", False

    def on_title(self, char):
        self.on_text(char)

    def on_style(self, char):
        if char == "<":
            self.on_text(char)
        elif not char.isspace():
            raise Refused("<style> holds {{style}} alone: its hash is in the Content-Security-Policy")

    def on_name(self, char):
        if char in "!?" and not self.tag:
            if char == "?":
                raise Refused("a processing instruction")
            self.state, self.tag = "between", "!"
        elif char == "/" and not self.tag:
            self.closing = True
        elif char.isspace() or char in "/>":
            if not self.tag:
                raise Refused("a bare < in text: write &lt;")
            if self.tag in FORBIDDEN_ELEMENTS:
                raise Refused("<%s> is not for our pages" % self.tag)
            self.state = "between"
            self.on_between(char)
        elif char.isalnum():
            self.tag += char.lower()
        else:
            raise Refused("tag name")

    def on_between(self, char):
        if self.separate and not char.isspace() and char not in "/>":
            raise Refused("a branch cuts an attribute's name")
        self.separate = False
        if char == ">":
            self.tag_end()
        elif self.tag == "!" and char == "-":
            raise Refused("no HTML comments: they would be sent to everybody")
        elif not char.isspace() and char != "/":
            self.attribute, self.state = char.lower(), "attribute name"

    def on_attribute_name(self, char):
        if char == "=":
            self.attribute_check()
            self.state, self.value = "before value", ""
        elif char.isspace() or char == ">":
            self.attribute_check()
            self.state = "between"
            self.on_between(char)
        elif char in "\"'<":
            raise Refused("quote in an attribute name")
        else:
            self.attribute += char.lower()

    def attribute_check(self):
        if self.tag != "!" and (self.attribute.startswith("on") or self.attribute in FORBIDDEN_ATTRIBUTES):
            raise Refused("attribute %s is not for our pages" % self.attribute)

    def on_before_value(self, char):
        if char not in "\"'":
            raise Refused("unquoted value of attribute %s" % self.attribute)
        self.quote, self.state, self.value = char, "value", ""

    def on_value(self, char):
        if char == self.quote:
            if self.attribute in URL_ATTRIBUTES and re.match(r"\s*(javascript|data|vbscript):", self.value, re.I):
                raise Refused("address in attribute %s" % self.attribute)
            self.state = "between"
        elif char == "<":
            raise Refused("a < in attribute %s: a quote is missing before it" % self.attribute)
        elif self.attribute in URL_ATTRIBUTES and self.value == VALUE_HELD:
            raise Refused("in %s a value must be the whole address" % self.attribute)
        else:
            self.value += char

    def tag_end(self):
        if self.tag == "!":
            self.state = TEXT
            return
        if self.closing:
            if not self.open or self.open.pop() != self.tag:
                raise Refused("</%s> closes nothing" % self.tag)
        elif self.tag not in VOID_ELEMENTS:
            self.open.append(self.tag)
        self.state = {"title": TITLE, "style": STYLE}.get(self.tag, TEXT) if not self.closing else TEXT

    def value_context(self):
        """The context a value may stand in here, or refusal."""
        if self.state in (TEXT, TITLE):
            return self.state
        if self.state != "value":
            raise Refused("a value may not stand in " + PLACES[self.state])
        if self.attribute in URL_ATTRIBUTES:
            if self.value:
                raise Refused("in %s a value must be the whole address" % self.attribute)
            self.value = VALUE_HELD
            return URL
        if self.attribute in VALUE_ATTRIBUTES or self.attribute.startswith("aria-"):
            return ATTRIBUTE
        raise Refused("a value may not stand in attribute %s" % self.attribute)


MARK = re.compile(r"\{\{(.*?)\}\}", re.S)
BLOCK = re.compile(r"(if|is|each|links|page|>) |(else|end)$")
NAME = r"[a-z_]+(?:\.[a-z_]+)*"
STRING = r'"((?:[^"\\]|\\.)*)"'
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Template:
    def __init__(self, path):
        self.path, self.line = path, 1
        self.html, self.code, self.messages, self.depth, self.blocks = Html(), [], [], 1, []
        self.page = self.type = None
        self.literal = ""

    def emit(self, text):
        self.flush()
        self.code.append("\t" * self.depth + text)

    def flush(self):
        if self.literal:
            literal, self.literal = self.literal, ""
            self.code.append("\t" * self.depth + "put_html(out, %s);" % c_string(literal))

    def compile(self):
        self.part(self.path)
        if self.blocks:
            raise Refused("%s: a block is not closed" % self.path)
        if self.html.state != TEXT or self.html.open:
            raise Refused("%s: the document is not closed: %s" % (self.path, " ".join(self.html.open)))
        if not self.page:
            raise Refused("%s: no {{page}} line" % self.path)
        self.flush()
        return self

    def part(self, path):
        source = open(path, encoding="utf-8").read()
        at = 0
        try:
            for mark in MARK.finditer(source):
                self.html_text(source[at:mark.start()])
                self.mark(mark.group(1).strip(), os.path.dirname(path))
                at = mark.end() + self.stands_alone(source, mark)
            self.html_text(source[at:])
        except Refused as refusal:
            line = source.count("\n", 0, at) + 1
            raise Refused("%s:%d: %s" % (path, line, refusal)) if not re.match(r".*:\d+: ", str(refusal)) else refusal

    def stands_alone(self, source, mark):
        """1 where a block's mark has a line to itself: the line's end is not part of the page."""
        before = source[:mark.start()].rstrip(" \t")
        alone = BLOCK.match(mark.group(1).strip()) and before[-1:] in ("", "\n") and source[mark.end():mark.end() + 1] == "\n"
        return 1 if alone else 0

    def html_text(self, text):
        if "{{" in text or "}}" in text:
            raise Refused("a mark is not closed")
        if not self.code and not self.literal:
            text = text.lstrip()
        # Indentation is for whoever reads the template; line breaks between tags stay.
        text = "".join(part if part.startswith("<pre") else re.sub(r"\s*\n\s*", "\n", part) for part in re.split(r"(<pre.*?</pre>)", text, flags=re.S))
        self.html.feed(text)
        self.literal += text

    def value(self, name):
        if name.startswith("link."):
            return "link->" + name[len("link."):]
        return name if name == "item" else "facts->" + name

    def mark(self, mark, folder):
        for pattern, action in self.MARKS:
            match = re.fullmatch(pattern, mark, re.S)
            if match:
                action(self, folder, *match.groups())
                return
        raise Refused("{{%s}} is no mark" % mark)

    def mark_page(self, _, name, kind):
        if self.page:
            raise Refused("a second page line")
        self.page, self.type = name, kind

    def mark_include(self, folder, name):
        self.part(os.path.join(folder, name + ".html"))

    def open_block(self, condition):
        self.html.branch()
        self.emit(condition + " {")
        self.blocks.append(self.html.position())
        self.depth += 1

    def mark_if(self, _, name):
        self.open_block("if (is_set(%s))" % self.value(name))

    def mark_is(self, _, name, word):
        self.open_block("if (is_word(%s, %s))" % (self.value(name), c_string(word)))

    def mark_each(self, _, name):
        self.open_block("for (size_t i = 0; %s && %s[i]; i++)" % (self.value(name), self.value(name)))
        self.emit("const char *item = %s[i];" % self.value(name))

    def mark_links(self, _, name):
        self.open_block("for (const struct page_link *link = %s; link && link->text; link++)" % self.value(name))

    def branch_check(self):
        if not self.blocks:
            raise Refused("{{end}} or {{else}} outside a block")
        self.html.branch()
        if self.blocks[-1] != self.html.position():
            raise Refused("a branch must end where it began in the document: tags and quotes are closed in the branch that opens them")

    def mark_else(self, _):
        self.branch_check()
        self.flush()
        self.depth -= 1
        self.emit("} else {")
        self.depth += 1

    def mark_end(self, _):
        self.branch_check()
        self.flush()
        self.blocks.pop()
        self.depth -= 1
        self.emit("}")

    def mark_message(self, _, text, arguments):
        context = self.html.value_context()
        if context == URL:
            raise Refused("a message is no address")
        text = text.replace('\\"', '"')
        given = dict(part.split("=") for part in (arguments or "").split())
        placeholders = list(dict.fromkeys(PLACEHOLDER.findall(text)))
        if set(given) - set(placeholders):
            raise Refused("arguments without a placeholder: %s" % " ".join(set(given) - set(placeholders)))
        self.messages.append((text, os.path.basename(self.path)))
        pairs = "".join("{ %s, %s }, " % (c_string(name), self.value(given.get(name, name))) for name in placeholders)
        self.emit("put_message(out, CONTEXT_%s, %s, (const struct placeholder[]) { %s{ NULL, NULL } });" % (context.upper(), c_string(text), pairs))

    def mark_text(self, _, name):
        context = self.html.value_context()
        if context == URL:
            raise Refused("a message is no address")
        self.emit("put_message(out, CONTEXT_%s, %s, NULL);" % (context.upper(), self.value(name)))

    def mark_lang(self, _):
        if self.html.value_context() != ATTRIBUTE:
            raise Refused("{{lang}} is for a lang attribute")
        self.emit("put_html(out, rendering_language(out));")

    def mark_style(self, _):
        if self.html.state != STYLE:
            raise Refused("{{style}} is for <style>")
        self.emit("put_html(out, style_sheet);")

    def mark_submit(self, _):
        if self.html.value_context() != TEXT:
            raise Refused("{{submit}} is an element of its own")
        self.emit("put_html(out, %s);" % c_string("<script>%s</script>" % SUBMIT_SCRIPT))

    def mark_value(self, _, name):
        self.emit("put_value(out, CONTEXT_%s, %s);" % (self.html.value_context().upper(), self.value(name)))

    MARKS = [
        (r"page ([a-z_]+) struct ([a-z_]+)", mark_page), (r"> ([a-z_/]+)", mark_include),
        (r"if (%s)" % NAME, mark_if), (r'is (%s) "([a-z_]+)"' % NAME, mark_is), (r"each (%s)" % NAME, mark_each),
        (r"links (%s)" % NAME, mark_links),
        (r"else", mark_else), (r"end", mark_end), (r't %s((?: [a-z_]+=%s)*)' % (STRING, NAME), mark_message), (r"text (%s)" % NAME, mark_text),
        (r"lang", mark_lang), (r"style", mark_style), (r"submit", mark_submit), (r"(%s)" % NAME, mark_value),
    ]


def style_read(path):
    text = re.sub(r"/\*.*?\*/", "", open(path, encoding="utf-8").read(), flags=re.S)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s*([{};,>])\s*", r"\1", text)
    text = re.sub(r":\s+", ":", text).replace(";}", "}").strip()
    if "<" in text or "url(" in text or "@import" in text:
        raise Refused("%s: a style sheet of ours fetches nothing and holds no markup" % path)
    if len(text.encode()) > STYLE_BYTES_MAX:
        raise Refused("%s: %d bytes, the limit is %d" % (path, len(text.encode()), STYLE_BYTES_MAX))
    return text


def texts_read(path):
    """Every string in an X-macro table that is marked as a message by standing in T(…)."""
    source = open(path, encoding="utf-8").read()
    return [(match.group(1).replace('\\"', '"'), os.path.basename(path)) for match in re.finditer(r"\bT\(%s\)" % STRING, source)]


def po_read(path):
    """msgid -> msgstr of a .po file; fuzzy entries count as untranslated."""
    entries, current, key, fuzzy = {}, {}, None, False
    for line in open(path, encoding="utf-8").read().split("\n") + [""]:
        match = re.match(r'(?:(msgid|msgstr)\s+)?"((?:[^"\\]|\\.)*)"\s*$', line)
        if match:
            key = match.group(1) or key
            part = match.group(2).replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
            if match.group(1) == "msgid":
                current = {}
            current[key] = current.get(key, "") + part
        elif line.startswith("#,") and "fuzzy" in line:
            fuzzy = True
        elif not line.strip():
            if current.get("msgid") and not fuzzy:
                entries[current["msgid"]] = current.get("msgstr", "")
            current, key, fuzzy = {}, None, False
    return entries


def messages_of(templates, texts):
    messages = {}
    for text, where in [message for template in templates for message in template.messages] + texts:
        if where not in messages.setdefault(text, []):
            messages[text].append(where)
    return messages


def translations_check(messages, french, path):
    for text in messages:
        if not french.get(text):
            raise Refused("%s: no French for: %s" % (path, text))
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(french[text])):
            raise Refused("%s: other placeholders than in: %s" % (path, text))
    for text in french:
        if text not in messages:
            raise Refused("%s: nothing says this any more: %s" % (path, text))


def source_expression(text):
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def source_write(arguments, templates, style, messages, french):
    lines = ["/* Made by tools/compile_templates.py from gateway/pages/templates: change those. */", '#include "%s"' % arguments.views, "",
             "/* As numbers: ISO C promises no string literals of this length. */", "const char style_sheet[] = { %s, 0 };" % ", ".join(map(str, style.encode())), "const char style_source[] = %s;" % c_string(source_expression(style)),
             "const char submit_source[] = %s;" % c_string(source_expression(SUBMIT_SCRIPT)), "", "const struct message messages[] = {"]
    lines += ["\t{ %s, %s }," % (c_string(text), c_string(french[text])) for text in sorted(messages, key=lambda text: text.encode())]
    lines += ["};", "const size_t message_count = sizeof messages / sizeof messages[0];"]
    for template in templates:
        lines += ["", "void template_%s(struct rendering *out, const struct %s *facts)" % (template.page, template.type), "{"] + template.code + ["}"]
    with open(arguments.out, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def pot_text(messages):
    lines = ['msgid ""', 'msgstr ""', '"Project-Id-Version: passerelle\\n"', '"MIME-Version: 1.0\\n"', '"Content-Type: text/plain; charset=UTF-8\\n"',
             '"Content-Transfer-Encoding: 8bit\\n"']
    for text, places in messages.items():
        lines += ["", "#: " + " ".join(places), 'msgid "%s"' % text.replace("\\", "\\\\").replace('"', '\\"'), 'msgstr ""']
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Compiles page templates to C.")
    parser.add_argument("verb", choices=["compile", "pot"])
    for name in ("--out", "--views", "--style", "--po"):
        parser.add_argument(name)
    parser.add_argument("--texts", required=True)
    parser.add_argument("templates", nargs="+")
    arguments = parser.parse_args()
    try:
        templates = [Template(path).compile() for path in arguments.templates]
        messages = messages_of(templates, texts_read(arguments.texts))
        if arguments.verb == "pot":
            sys.stdout.write(pot_text(messages))
            return 0
        french = po_read(arguments.po)
        translations_check(messages, french, arguments.po)
        source_write(arguments, templates, style_read(arguments.style), messages, french)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
