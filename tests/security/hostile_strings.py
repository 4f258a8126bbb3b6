"""Strings that an attacker could write into a sheet, a model's repository or an answer."""

FORGED_LINE = "[2025-11-17 03:15:00] INFO: done: rateable=True"
# A shell, a template or a page that runs one of the strings leaves this name behind: as a file, or as a title.
CANARY = "PWNED"

HOSTILE = {
    # paths
    "parent": "../../x",
    "only parent": "..",
    "here": ".",
    "absolute": "/etc/passwd",
    "home": "~/x",
    "NUL": "a\x00b",
    "NUL as text": "a%00b\\0",
    "very long": "x" * 5000,
    "Windows device": "CON",
    "Windows path": "C:\\Windows\\..\\x:stream",
    "trailing dot": "name. ",
    # options and shells
    "option": "-rf",
    "long option": "--trust-remote-code",
    "option with a value": "--output=/etc/passwd",
    "shell": f"$(touch {CANARY})`touch {CANARY}`;touch {CANARY}|touch {CANARY}&",
    "shell line": f"x\ntouch {CANARY}\n",
    "quotes": "a\"b'c\\",
    # pages
    "script": f"</script><script>document.title='{CANARY}'</script>",
    "attribute": f'" onmouseover="document.title=\'{CANARY}\'" x="',
    "image": f"<img src=x onerror=document.title='{CANARY}'>",
    "address": f"javascript:document.title='{CANARY}'",
    "vector": f"<svg onload=document.title='{CANARY}'><foreignObject>",
    "comment": "<!--<script>-->]]>",
    "JSON": '"}],"stars":5,"x":[{"',
    "outside": "<link rel=stylesheet href=http://203.0.113.1/x><iframe src=//203.0.113.1>",
    "Markdown": f"[x](javascript:document.title='{CANARY}')|`*_~<b>",
    # spreadsheets
    "formula": "=cmd|' /C calc'!A0",
    "plus": "+1+1",
    "minus": "-2+3",
    "at": "@SUM(1)",
    "tab": "\t=1+1",
    "spaces": "  =1+1",
    "full-width": "\uff1d1+1",
    "cell end": 'a","b\r\n"c',
    # terminals and logs
    "title": "\x1b]0;owned\x07x",
    "clear": "\x1b[2J\x1b[1;31mred",
    "C1": "\x9b31mred\x9d0;owned\x9c",
    "carriage return": f"x\r{FORGED_LINE}",
    "log line": f"x\n{FORGED_LINE}",
    "line separator": f"x\u2028{FORGED_LINE}\u2029{FORGED_LINE}\x85{FORGED_LINE}",
    "backspaces": "x\x08\x08\x08\x7f",
    "markup": "[red]x[/red][link=http://203.0.113.1]y[/link]",
    "open markup": "[/]",
    # text that is not what it seems
    "bidi": "\u202egpj.exe\u2066\u2069",
    "tags": "a\U000e0041\U000e0042\u061c\xad",
    "zero width": "a\u200bb\u200d\u2060\ufeff",
    "homoglyph": "\u043e\u0440enai/gpt",
    "emoji": "\U0001f469\u200d\U0001f4bb\U0001f3fd",
    "combining": "Z\u0351\u036b\u0343\u036a" * 20,
    "normal forms": "e\u0301\u00e9",
    # languages within
    "Jinja": "{{ 7*7 }}{% raw %}{{ ''.__class__ }}",
    "interpolation": "${oc.env:HF_TOKEN}${env:HF_TOKEN}$HF_TOKEN",
    "Hydra": "a=1,b=[1,2],~c,+d={e:f}",
    "format": "%s%n%(x)s{0}{x!r}{}",
    "YAML": "!!python/object/apply:os.system ['touch PWNED']",
    "SQL": "'; DROP TABLE x;--",
    "null": "null",
    "number": "1e999",
    "empty": "",
    "blank": "   ",
}
