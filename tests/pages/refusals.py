#!/usr/bin/env python3
"""The template compiler refuses what could not be escaped safely, and translations that are incomplete. TAP on standard output.

    refusals.py COMPILER POT TEXTS TEMPLATE...
"""
import importlib.util
import os
import sys
import tempfile

sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("compile_templates", sys.argv[1])
compiler = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compiler)

PAGE = "{{page x struct x}}"
REFUSED = [
    "<script>1</script>", "<script>{{a}}</script>", "<style>{{a}}</style>", "<style>p{}</style>", "<p onclick=\"{{a}}\">x</p>", "<p onclick=\"x\">x</p>",
    "<p style=\"{{a}}\">x</p>", "<p style=\"color:red\">x</p>", "<input value={{a}}>", "<input value=x>", "<a href=\"x{{a}}\">x</a>", "<a href=\"{{a}}x\">x</a>",
    "<a href=\"{{a}}{{b}}\">x</a>", "<a href=\"javascript:1\">x</a>", "<a href=\"{{t \"m\"}}\">x</a>", "<{{a}}>x", "<p {{a}}>x</p>", "<p {{a}}=\"x\">x</p>", "<!-- x -->",
    "<!-- {{a}} -->", "<iframe srcdoc=\"{{a}}\"></iframe>", "<img src=\"{{a}}\">", "<p id=\"{{a}}\">x</p>", "<p data-x=\"{{a}}\">x</p>", "<base href=\"{{a}}\">", "<meta http-equiv=\"refresh\">",
    "<p>{{a}}", "</p>", "<p></b>", "<p class=\"a>{{b}}</p>", "{{if a}}<p>{{end}}</p>", "{{if a}}<p>{{else}}<b>{{end}}", "<p class=\"{{if a}}x\"{{end}}>x</p>",
    "<p on{{if a}}click=\"x\"{{end}}>x</p>", "{{if a}}x", "x{{end}}", "{{else}}", "{{a", "a}}", "{{a b}}", "{{a()}}", "{{a->b}}", "{{t \"Hi {b}\" c=a}}", "{{lang}}", "{{style}}", "<p title=\"{{submit}}\">x</p>", "<title>{{submit}}</title>", "<script>{{submit}}</script>",
    "<textarea>{{a}}</textarea>", "<form formaction=\"{{a}}\"></form>", "a < b", "<svg><script></script></svg>", "<p 'x'>y</p>",
]
ACCEPTED = [
    "<p>{{a}}</p>", "<p title=\"{{a}} and {{b}}\">x</p>", "<p title='{{a}}'>x</p>", "<a href=\"{{a}}\">x</a>", "<form action=\"{{a}}\"></form>", "<input value=\"{{a}}\">",
    "<input required{{if a}} autofocus{{end}}{{is b \"c\"}} aria-invalid=\"true\"{{end}}>", "{{if a}}<p>{{a}}</p>{{else}}<b>{{b}}</b>{{end}}", "{{each a}}<i>{{item}}</i>{{end}}",
    "<p>{{t \"Hi {b}\" b=a}}</p>", "<title>{{a}}</title>", "<html lang=\"{{lang}}\"></html>", "<style>{{style}}</style>", "{{submit}}", "<p title=\"{{t \"m\"}}\">x</p>",
]
CATALOGUES = [
    ({"Hi {a}": []}, {"Hi {a}": "Salut {a}"}, True), ({"Hi {a}": []}, {"Hi {a}": "Salut {b}"}, False), ({"Hi {a}": []}, {"Hi {a}": "Salut"}, False),
    ({"Hi": []}, {}, False), ({"Hi": []}, {"Hi": ""}, False), ({"Hi": []}, {"Hi": "Salut", "Old": "Vieux"}, False),
]
count = 0


def tell(ok, what):
    global count
    count += 1
    print("%s %d - %s" % ("ok" if ok else "not ok", count, what.replace("#", "")))


def compiles(body):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.html")
        with open(path, "w", encoding="utf-8") as out:
            out.write(PAGE + body)
        try:
            compiler.Template(path).compile()
            return True
        except compiler.Refused:
            return False


def catalogue_fits(messages, french):
    try:
        compiler.translations_check(messages, french, "fr.po")
        return True
    except compiler.Refused:
        return False


for body in REFUSED:
    tell(not compiles(body), "refuses " + body)
for body in ACCEPTED:
    tell(compiles(body), "accepts " + body)
for messages, french, fits in CATALOGUES:
    tell(catalogue_fits(messages, french) == fits, "catalogue %s" % french)
templates = [compiler.Template(path).compile() for path in sys.argv[4:]]
expected = compiler.pot_text(compiler.messages_of(templates, compiler.texts_read(sys.argv[3])))
with open(sys.argv[2], encoding="utf-8") as kept:
    tell(kept.read() == expected, "passerelle.pot is what compile_templates.py pot prints now")
print("1..%d" % count)
