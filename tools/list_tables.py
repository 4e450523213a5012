"""Prints docs/connection-log.md with its lists of events and reasons taken from the X-macro tables, so that the page cannot fall behind the code.

    python3 tools/list_tables.py docs/connection-log.md        rewrites the lists in place
    python3 tools/list_tables.py --check docs/connection-log.md  exits 1 when they are out of date
"""
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


def rows(path, macro):
    text = (TOP / path).read_text()
    pattern = macro + r'\(\s*\w+,\s*"([^"]+)",\s*(\w+),\s*"((?:[^"\\]|\\.)*)"\)'
    return re.findall(pattern, text)


def table(head, lines):
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1)] + lines)


def events():
    return table("| event | durable before the answer | what it records |",
                 [f"| `{name}` | {'yes' if durable == 'true' else 'within a second'} | {sentence} |" for name, durable, sentence in rows("gateway/audit/events.def", "EVENT")])


def reasons():
    return table("| reason | meaning |", [f"| `{name}` | {sentence} |" for name, _, sentence in rows("policies/reasons.def", "REASON")])


def fill(text):
    for name, content in (("events", events()), ("reasons", reasons())):
        text = re.sub(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: m.group(1) + content + "\n" + m.group(2), text, flags=re.S)
    return text


def main(arguments):
    check = arguments[:1] == ["--check"]
    path = Path(arguments[-1])
    before = path.read_text()
    after = fill(before)
    if check:
        return 0 if before == after else 1
    path.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
