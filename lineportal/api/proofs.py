"""How the API shows what a verdict rests on, of a person now and of a message then."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from lineportal.sending import proofs


class InputOut(serializers.Serializer[Any]):
    """A fact that the verdict was decided on."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="Who said so; blank where nobody needs to."
    )
    observed_at = serializers.DateTimeField(allow_null=True)
    age_seconds = serializers.SerializerMethodField()

    def get_age_seconds(self, fact: proofs.Input) -> int | None:
        """How old the statement was when the verdict was given; null where it has no date."""
        return None if fact.age is None else int(fact.age.total_seconds())


class ReadingOut(serializers.Serializer[Any]):
    """One rule, in the order in which they are asked."""

    rule = serializers.CharField()
    reason = serializers.CharField()
    result = serializers.ChoiceField(choices=sorted(proofs.RESULTS))
