"""Read a CSV or XLSX file as rows of named text cells; see `sheet`."""

from recipients.sheets.refusals import UnreadableFile
from recipients.sheets.sheet import Row, Sheet, open_sheet, recipient_columns

__all__ = ["Row", "Sheet", "UnreadableFile", "open_sheet", "recipient_columns"]
