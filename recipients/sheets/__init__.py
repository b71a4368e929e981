"""Read a CSV or XLSX file as rows of named text cells; see `sheet`."""

from recipients.sheets.refusals import NAME_LIMIT, UnreadableFile
from recipients.sheets.sheet import KEYS, Row, Sheet, begin, open_sheet, recipient_columns

__all__ = [
    "KEYS",
    "NAME_LIMIT",
    "Row",
    "Sheet",
    "UnreadableFile",
    "begin",
    "open_sheet",
    "recipient_columns",
]
