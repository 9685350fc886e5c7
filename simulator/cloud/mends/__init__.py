"""What MiniStack does not do as AWS does, mended one file each.

A mend is a module here with `install(settings)`: it replaces names in MiniStack through `simulator.cloud.patching`, and
its docstring says what stock does wrong. The launcher installs them in the order of `ORDER`, before the first request.
"""

from __future__ import annotations

#: Module names, in the order in which they wrap one another: the last wraps the rest.
ORDER: tuple[str, ...] = (
    "dynamodb_updates",
    "cloudformation_types",
    "cloudformation_properties",
    "cloudformation_definitions",
    "cloudformation_secrets",
    "httpapi_body",
    "httpapi_calls",
    "secrets_rotation",
    "eventbridge_put_events",
    "eventbridge_delivery",
    "eventbridge_replay",
    "kinesis_poller",
    "sqs_batching",
    "metrics",
    "lambda_errors",
    "lambda_dead_letters",
    "lambda_concurrency",
    "iot_rule_kinesis",
    "iot_listener",
    "stepfunctions_executions",
    "stepfunctions_errors",
    "stepfunctions_callbacks",
    "stepfunctions_tasks",
    "stepfunctions_paths",
    "stepfunctions_intrinsics",
    "stepfunctions_integrations",
    "stepfunctions_tracing",
    "outbox",
    "alarms",
    "xray",
    "authorization_actions",
    "authorization_topics",
    "authorization_events",
    "authorization_workflow",
    "authorization_iot",
    "authorization_event_sources",
    "authorization_httpapi",
)
