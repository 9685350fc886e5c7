"""Notify's metrics in the embedded metric format: for each rule and for each team, drills apart."""

from __future__ import annotations

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from notify.domain import AlertRecord
from notify.ports import Measures


class EmbeddedMeasures(Measures):
    """One line in the log for each figure and dimension: a few for each alert, none for each reading."""

    def time(self, name: str, milliseconds: int, record: AlertRecord) -> None:
        self._write(name, MetricUnit.Milliseconds, max(0, milliseconds), record)

    def count(self, name: str, record: AlertRecord) -> None:
        self._write(name, MetricUnit.Count, 1, record)

    def _write(self, name: str, unit: MetricUnit, value: float, record: AlertRecord) -> None:
        drill = str(record.drill).lower()
        for dimension, of in (("rule", record.rule_id), ("team", record.team)):
            if of:
                with single_metric(
                    name=name, unit=unit, value=value, default_dimensions={dimension: of, "drill": drill}
                ):
                    pass
