"""One finding: which, where and what exactly."""

from __future__ import annotations

from dataclasses import dataclass

from asgiway_doctor.catalogue import KINDS, SEVERITIES, Kind
from asgiway_doctor.source import Place


@dataclass(frozen=True)
class Finding:
    """`what` is one sentence without a full stop at its end; `id` names the entry of the catalogue."""

    id: str
    place: Place
    what: str
    link: str = ""  # instead of the catalogue's
    severity_here: str = ""  # instead of the catalogue's

    @property
    def kind(self) -> Kind:
        """Return what is true of all findings of this id."""
        return KINDS[self.id]

    @property
    def severity(self) -> str:
        """Return error, warning or note."""
        return self.severity_here or self.kind.severity

    @property
    def order(self) -> tuple[int, str, int, str]:
        """Sort by severity, then by place."""
        return SEVERITIES.index(self.severity), self.place.file, self.place.line, self.id
