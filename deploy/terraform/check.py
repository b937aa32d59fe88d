#!/usr/bin/env python3
"""Checks the Terraform files without Terraform, a network or an account.

    python3 -m venv venv && venv/bin/pip install python-hcl2
    venv/bin/python deploy/terraform/check.py [FOLDER]

Every file must parse; whatever is referred to must be declared once, and whatever is declared as a
variable or a local value must be used; the example must fit the variables; each role must say why it
is needed, be no primitive one, and be named in docs/DEPLOYMENT.md. Ends with 1 and a line for each
problem, with 2 where the parser is missing. What it cannot know is whether an argument of a resource
exists: `terraform validate` does.
"""

import re
import sys
from pathlib import Path

try:
    import hcl2
except ImportError:
    print("python-hcl2 is missing: pip install python-hcl2", file=sys.stderr)
    sys.exit(2)

PRIMITIVE_ROLES = {"roles/owner", "roles/editor", "roles/viewer"}
REFERENCE = re.compile(r"(?<![\w.\"/-])(?:(var|local)\.(\w+)|((?:google|time)_\w+)\.(\w+))")


def bare(name):
    """A label without the quotes that some versions of the parser keep."""
    return name.strip('"')


def strings(value):
    """All strings of a parsed body; comments are none of it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not key.startswith("__"):
                yield key
                yield from strings(item)


def parse(path, problems):
    """A file's content, or nothing where it is broken."""
    try:
        with path.open(encoding="utf-8") as file:
            return hcl2.load(file)
    except Exception as error:  # the parser's errors have no common kind
        lines = str(error).strip().splitlines() or [type(error).__name__]
        problems.append(f"{path.name}: cannot be parsed: {lines[0]}")
        return {}


def names(body):
    """The keys that the author wrote."""
    return [bare(key) for key in body if not key.startswith("__")]


def declarations(content):
    """Addresses that a file declares, each as often as it does."""
    for block in content.get("variable", []):
        yield from (f"var.{name}" for name in names(block))
    for block in content.get("locals", []):
        yield from (f"local.{name}" for name in names(block))
    for block in content.get("resource", []):
        for kind, resources in block.items():
            if not kind.startswith("__"):
                yield from (f"{bare(kind)}.{name}" for name in names(resources))


def references(content):
    """Addresses that a file names."""
    for text in strings(content):
        for where, value, kind, resource in REFERENCE.findall(text):
            yield f"{where}.{value}" if where else f"{kind}.{resource}"


def check_addresses(contents, problems):
    """Everything named is declared, once; everything declared to be read is read."""
    declared = {}
    for path, content in contents.items():
        for address in declarations(content):
            if address in declared:
                problems.append(f"{path.name}: {address} is declared in {declared[address]} too")
            declared[address] = path.name
    used = set()
    for path, content in contents.items():
        for address in sorted(set(references(content))):
            used.add(address)
            if address not in declared:
                problems.append(f"{path.name}: {address} is not declared")
    for address, name in declared.items():
        if address.startswith(("var.", "local.")) and address not in used:
            problems.append(f"{name}: {address} is not used")


def check_example(contents, example, problems):
    """The example sets what must be set, and nothing that does not exist."""
    variables = {}
    for content in contents.values():
        for block in content.get("variable", []):
            variables.update({bare(key): body for key, body in block.items()})
    given = set(names(parse(example, problems)))
    for name in sorted(given - set(variables)):
        problems.append(f"{example.name}: there is no variable {name}")
    for name, body in variables.items():
        if not name.startswith("__") and "default" not in body and name not in given:
            problems.append(f"{example.name}: {name} has no default and is not set")


def check_roles(paths, guide, problems):
    """Each role has its reason above it and its place in the guide."""
    guide_text = guide.read_text(encoding="utf-8") if guide.exists() else ""
    for path in paths:
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if re.match(r'resource "google_\w+_iam_\w+"', line):
                if number == 0 or not lines[number - 1].startswith("#"):
                    problems.append(f"{path.name}:{number + 1}: a grant without its reason above it")
            for role in re.findall(r'"(roles/[\w.]+)"', line):
                if role in PRIMITIVE_ROLES:
                    problems.append(f"{path.name}:{number + 1}: {role} is a primitive role")
                if role not in guide_text:
                    problems.append(f"{path.name}:{number + 1}: {guide.name} does not name {role}")


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    problems = []
    paths = sorted(folder.glob("*.tf"))
    if not paths:
        problems.append(f"{folder}: no Terraform files")
    contents = {path: parse(path, problems) for path in paths}
    check_addresses(contents, problems)
    check_example(contents, folder / "terraform.tfvars.example", problems)
    check_roles(paths, Path(__file__).parents[2] / "docs" / "DEPLOYMENT.md", problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(paths)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
