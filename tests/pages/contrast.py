#!/usr/bin/env python3
"""The colours of the style sheet reach WCAG 2.1 AA in light and dark: 4.5 for text, 3 for the edges of fields and the focus ring. TAP."""
import re
import sys

source = open(sys.argv[1], encoding="utf-8").read()
light_text, dark_text = source.split("prefers-color-scheme: dark", 1)
light = dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{3,6})\b", light_text))
dark = dict(light, **dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{3,6})\b", dark_text.split("@media", 1)[0])))
PAIRS = [("ink", "card", 4.5), ("ink", "ground", 4.5), ("ink", "bad-ground", 4.5), ("quiet", "card", 4.5), ("quiet", "ground", 4.5), ("accent", "card", 4.5),
         ("on-accent", "accent", 4.5), ("on-accent", "accent-hover", 4.5), ("bad", "bad-ground", 4.5), ("bad", "card", 3), ("line", "card", 3), ("accent", "ground", 3)]


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


print("1..%d" % (2 * len(PAIRS)))
number = 0
for name, colours in (("light", light), ("dark", dark)):
    for front, back, least in PAIRS:
        number += 1
        ratio = contrast(colours[front], colours[back])
        print("%s %d - %s: %s on %s is %.1f, at least %s" % ("ok" if ratio >= least else "not ok", number, name, front, back, ratio, least))
