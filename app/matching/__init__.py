"""The form gate's matcher: the columns of a departmental form against the elements of any catalogue.

Pure: no store, no web, no machine. ``MatchIndex.build(catalogue)`` once per catalogue revision, then
``match_form(form, index)`` per form. What the words mean is data in ``knowledge/``; what weighs how much is data in
``knowledge/weights.json``, trained by ``bench/match.py --train``.
"""

from app.matching.form import Form, FormColumn
from app.matching.gate import match_form
from app.matching.index import MatchIndex
from app.matching.outcome import Candidate, ColumnMatch, Conversion, FormMatch, Verdict

__all__ = [
    "Candidate",
    "ColumnMatch",
    "Conversion",
    "Form",
    "FormColumn",
    "FormMatch",
    "MatchIndex",
    "Verdict",
    "match_form",
]
