"""Values in the line of a shell: they stay values, wherever their places stand."""

import subprocess

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.operators import InputPort
from accio.sdk.command_line import SHELL
from accio.sdk.shell_line import fill_line, problems_of_line, quoted_places

NASTY = "a b'c\"d$HOME`echo run`$(echo run);echo run|*?{s}\\n\n#é -n"


def printed(line: str, text: str = NASTY) -> str:
    values = {
        "s": (parse_type("string"), text),
        "l": (parse_type("list(string)"), ("a b", "*", "it's")),
        "n": (parse_type("integer"), 5),
        "none": (parse_type("double"), None),
    }
    filled = fill_line(line, values, {"f": "a file's name"})
    return subprocess.run([*SHELL, filled], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "line",
    [
        "printf %s {s}",
        'printf %s "{s}"',
        "printf %s '{s}'",
        "printf %s $'{s}'",
        'printf %s "$(printf %s {s})"',
        'printf %s "$(printf %s "{s}")"',
        'printf %s "`printf %s {s}`"',
        'printf %s "${UNSET_HERE:-{s}}"',
        "# it's {s}\nprintf %s {s}",
        'x={s}; printf %s "$x"',
        "case {s} in *) printf %s {s};; esac",
        "(printf %s {s})",
        "f() { printf %s {s}; }; f",
        "if (( 1 << 2 )); then printf %s {s}; fi",
        "echo $((1<<2)) > /dev/null; printf %s {s}",
        "echo $(( ((1) + (2)) )) $[ (1) ] > /dev/null; printf %s {s}",
        "printf %s it\\'s > /dev/null; printf %s {s}",
    ],
)
def test_a_text_is_one_word_in_any_quotation(line: str) -> None:
    """Nothing of it is expanded, split or executed, in quotes, substitutions and behind comments."""
    assert printed(line) == NASTY


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cat <<END\n<{s}>\nEND", f"<{NASTY}>\n"),
        ("cat <<-END\n\t<{s}>\n\tEND\nprintf %s '{n}'", f"<{NASTY}>\n5"),
        ("cat <<ONE <<TWO\nnot this: {s}\nONE\n<{s}>\nTWO\nprintf %s {n}", f"<{NASTY}>\n5"),
        ("cat <<'END'\n$n {n}\nEND", "$n 5\n"),
        ("cat <<< {s}", f"{NASTY}\n"),
        ('for each in {l}; do printf "[%s]" "$each"; done', "[a b][*][it's]"),
        ('printf "[%s]" "{l}"', "[a b * it's]"),
        ('printf "[%s]" {none} {n}', "[5]"),
        ('printf "[%s]" --of={none}', "[--of=]"),
        ('printf "[%s]" "{none}"', "[]"),
        ("printf %s $(( {n} + 1 )); (( {n} > 4 )) && printf more", "6more"),
        ("awk 'BEGIN { print {n} + 1 }'", "6\n"),
        ('printf "[%s]" {out.f} "{out.f}" \'{out.f}\'', "[a file's name]" * 3),
        ("printf %s pre{n}post {other} ${HOME:+{n}}", "pre5post{other}5"),
    ],
)
def test_values_in_their_contexts(line: str, expected: str) -> None:
    """Here-documents, lists, what is absent, arithmetic, code of other languages, and braces that are no places."""
    assert printed(line) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cat <<'END'\n{s}\nEND", "{s} is a string in a here-document whose delimiter is quoted"),
        ("cat <<\\END\n{files}\nEND", "{files} is a list(dataset) in a here-document"),
        ("echo $(( {s} + 1 ))", "{s} is a string, which a shell's arithmetic would read as code"),
        ("(( {s} > 1 ))", "{s} is a string, which a shell's arithmetic would read as code"),
        ("echo $(( 2 * (1 + (1)) + {s} ))", "{s} is a string, which a shell's arithmetic would read as code"),
        ("echo $[ a[0] + {s} ]", "{s} is a string, which a shell's arithmetic would read as code"),
        ("eval echo {s}", "{s} is a string, which 'eval' would read as code"),
        ("true; x=1 eval 'echo \"{s}\"'", "{s} is a string, which 'eval' would read as code"),
        ('if let "x = {s}"; then :; fi', "{s} is a string, which 'let' would read as code"),
        ("declare -i x={s}", "{s} is a string, which 'declare -i' would read as code"),
        ("typeset -ri x={s}", "{s} is a string, which 'typeset -ri' would read as code"),
        ("a=(1 2); echo ${a[{s}]}", "{s} is a string, which an array's index would read as code"),
        ('a=(1 2); echo "got ${#a[${n} + {s}]}"', "{s} is a string, which an array's index would read as code"),
        ("cat <<END\n${a[{s}]}\nEND", "{s} is a string, which an array's index would read as code"),
        ("a[{s}]=3", "{s} is a string, which an array's index would read as code"),
        ("a+=([{s}]=3)", "{s} is a string, which an array's index would read as code"),
        ("v=hello; echo ${v:{s}}", "{s} is a string, which the bounds of a substring would read as code"),
        ('v=hello; echo "${v:0:{s}}"', "{s} is a string, which the bounds of a substring would read as code"),
        ("echo ${@:{s}:1}", "{s} is a string, which the bounds of a substring would read as code"),
        ("read {s} < file", "{s} is a string, which a variable's name at 'read' would read as code"),
        ("read -r x a[{s}]", "{s} is a string, which a variable's name at 'read' would read as code"),
        ("unset 'a[{s}]'", "{s} is a string, which a variable's name at 'unset' would read as code"),
        ("printf -v {s} %s 3", "{s} is a string, which a variable's name at 'printf -v' would read as code"),
        ("if [ -v {s} ]; then :; fi", "{s} is a string, which a variable's name at '[ -v' would read as code"),
        ("[[ -v a[{s}] ]]", "{s} is a string, which a variable's name at '[[ -v' would read as code"),
        ("declare {s}=3", "{s} is a string, which a variable's name at 'declare' would read as code"),
        ("local -n x={s}", "{s} is a string, which a variable's name at 'local -n' would read as code"),
        ("[[ {s} -eq 3 ]]", "{s} is a string, which a comparison of numbers in '[[' would read as code"),
        (
            'true && [[ -n x && 3 -lt "{s}" ]]',
            "{s} is a string, which a comparison of numbers in '[[' would read as code",
        ),
        (
            "x={s}; echo $((x))",
            "{s} is a string, which a shell's arithmetic would read as code: the variable x keeps it",
        ),
        (
            'x="a{s}"; y=$x; (( ${y} > 1 ))',
            "{s} is a string, which a shell's arithmetic would read as code: the variable y",
        ),
        ("for x in {files}; do echo $[ $x + 1 ]; done", "{files} is a list(dataset), which a shell's arithmetic would"),
        (
            "read -r x <<< {s}; echo $((1 + x))",
            "{s} is a string, which a shell's arithmetic would read as code: the variab",
        ),
        ("x={s}; let x+=1", "{s} is a string, which 'let' or 'eval' would read as code: the variable x keeps it"),
        (
            "x={s}; [[ $x -gt 3 ]]",
            "{s} is a string, which a comparison of numbers in '[[' would read as code: the variab",
        ),
        (
            "declare -i x; x={s}",
            "{s} is a string, which 'declare -i' or '-n' would read as code: the variable x keeps it",
        ),
        ("x={s}; a=(1 2); echo ${a[$x]}", "{s} is a string, which an array's index would read as code: the variable x"),
        (
            "x={s}; v=hello; echo ${v:x:1}",
            "{s} is a string, which the bounds of a substring would read as code: the var",
        ),
        ("x={s}; echo ${!x}", "{s} is a string, which an indirect name would read as code: the variable x keeps it"),
    ],
)
def test_where_a_text_would_be_code_it_is_refused(line: str, message: str) -> None:
    """Where it can't be quoted; numbers may stand there."""
    inputs = [
        InputPort(name=name, type=parse_type(kind))
        for name, kind in (("s", "string"), ("files", "list(dataset)"), ("n", "double"))
    ]
    (found,) = problems_of_line(line, inputs)
    assert message in found
    assert list(problems_of_line(line.replace("{s}", "{n}").replace("{files}", "{n}"), inputs)) == []


@pytest.mark.parametrize(
    "line",
    [
        "echo eval {s}",
        "[[ {s} == 3 ]]",
        "[ {s} -eq 3 ]",
        "declare x={s}",
        "eval true; echo {s}",
        "letter {s}",
        "[[ 1 -eq 1 ]] && echo {s}",
        "declare -A a=([x]=1); echo ${a[{s}]}",
        "typeset -A a; a[{s}]=3",
        "echo '${a['{s}']}'",
        "ls a[{s}]",
        "ls [{s}]*",
        "echo ${v:-{s}} ${v:+{s}} ${v/{s}/x} ${v#{s}}",
        "read x <<< {s}",
        "read -r -p {s} x",
        "declare x=3 y={s}",
        "printf '%s' -v {s}",
        "grep -v {s}",
        "test -f {s}",
        "[ -n {s} ]",
        "a=({s}); echo ${a[0]} {s}",
        "n=$(wc -l < {s}); echo $((n + 1))",
        "n=`wc -l < {s}`; echo $((n + 1))",
        "x={s}; echo $((${#x} + 1))",
        "x={s}; [[ $x == 3 && 1 -eq 1 ]]",
        "x={s}; n=3; echo $((n + 1)) $x",
        "x={s}; awk -v x=$x '{ print $((x)) }'",
        "x={s}; echo ${x:-n} ${x:0:2} x",
        "declare -A a; x={s}; echo ${a[$x]}",
    ],
)
def test_what_reads_texts_as_texts_is_not_refused(line: str) -> None:
    """Other commands, other comparisons, and what only stands beside."""
    inputs = [InputPort(name="s", type=parse_type("string"))]
    assert list(problems_of_line(line, inputs)) == []


def test_only_places_in_quotes_are_told_apart() -> None:
    """What a line without any means hasn't changed, nor has its digest."""
    assert quoted_places("sort -k {n} {s} > {out.f}; echo {other} '{other}'", ["n", "s"]) == []
    assert quoted_places("grep '{s}' \"{out.f}\"", ["s"]) == ["{s} single", "{out.f} double"]
