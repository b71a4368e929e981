"""The letters and pairs of letters of a text, by which words are found in any language."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, TextField

# Of every letter and pair that has no space in it; one of its kind. In one reading of the text, as
# to count letters from its beginning for each of them takes seconds with the longest.
MAKE = r"""
CREATE FUNCTION lineportal_grams(said text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 500 AS $grams$
    SELECT coalesce(array_agg(DISTINCT gram), '{}')
    FROM (
        SELECT unnest(ARRAY[letter, letter || lead(letter) OVER (ORDER BY place)]) AS gram
        FROM string_to_table(upper(normalize(said, NFKC)), NULL) WITH ORDINALITY
            AS letters (letter, place)
    ) AS pairs
    WHERE gram !~ '\s'
$grams$
"""
DROP = "DROP FUNCTION lineportal_grams(text)"


class Grams(Func):
    """`lineportal_grams(text)`, as the indexes have it."""

    function = "lineportal_grams"
    output_field = ArrayField(TextField())
