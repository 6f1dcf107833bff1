#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""schema.py SCHEMA accept|reject CONFIG... - does the schema take each config (or refuse each)? Says which it does not."""
import json
import sys

import jsonschema
import yaml


def main():
    schema_file, wanted, *configs = sys.argv[1:]
    with open(schema_file, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    wrong = 0
    for name in configs:
        with open(name, encoding="utf-8") as file:
            mistakes = [mistake.message for mistake in validator.iter_errors(yaml.safe_load(file))]
        if bool(mistakes) == (wanted == "accept"):
            print(f"{name}: {mistakes or 'accepted'}")
            wrong += 1
    return 1 if wrong or not configs else 0


if __name__ == "__main__":
    sys.exit(main())
