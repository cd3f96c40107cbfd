"""What an installation offers: the command, the spaCy factories, the licence."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution, entry_points


def test_the_command_is_installed() -> None:
    (script,) = (e for e in entry_points(group="console_scripts") if e.name == "vnlabel")
    assert script.value == "labeler.cli:main"
    assert distribution("vnlabel").metadata["License-Expression"] == "Apache-2.0"


def test_spacy_finds_the_components_by_their_names() -> None:
    names = [f"vnlabel_{name}" for name in ("templates", "sections", "keywords", "assertion", "interpolation")]
    assert {e.name for e in entry_points(group="spacy_factories")} >= {*names, "vnlabel_words"}
    code = (
        "import spacy\n"
        "config = {'nlp': {'tokenizer': {'@tokenizers': 'vnlabel_syllables'}}}\n"
        "nlp = spacy.blank('xx', config=config)\n"
        f"for name in {names!r}:\n"
        "    nlp.add_pipe(name)\n"
        "print(nlp('Tràn dịch màng phổi phải.')._.report.labels['pleura'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "1\n", done.stderr
