"""report.py FILE.json PATH[=NAME]...: the values at dotted paths, a line each, under their names."""
import json
import sys

document = json.load(open(sys.argv[1]))
for argument in sys.argv[2:]:
    path, _, name = argument.partition("=")
    value = document
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    print(name or path, json.dumps(value, sort_keys=True))
