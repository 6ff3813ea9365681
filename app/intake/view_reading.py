"""A file laid out as a view, read back into records of a dataset.

Numbers are kept as reported, with the view's unit. What a cell cannot say (a blank, which in a view stands for missing and
for not covered alike; a value equal to the field's default) leaves what is held as it is, and so does a number that is
what the view shows of the held one: a form that was filled from the registry reads back as unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import re

from app.catalogue.model import Element
from app.catalogue.values import Reported, canonical, rounded
from app.errors import Finding
from app.intake.cells import CellReader
from app.intake.finding_codes import FINDING_CODES
from app.intake.grid import Grid, Workbook, blank, plain
from app.intake.headings import cell_at
from app.intake.json_rows import read_json_rows
from app.intake.quantities import CellFault
from app.intake.records import Context, HeldRecord, InputRow, Reading, RecordKey
from app.intake.sheets import read_workbook_rows
from app.intake.spelling import folded
from app.intake.view_words import ViewWords
from app.mapping.reverse import ReversedField
from app.mapping.spec import Constant
from app.mapping.xlsx_names import column_number

_LISTED = 5
