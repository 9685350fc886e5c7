"""Stacks of a small template with every resource type that the platform uses (`tests/cloud/every_type.yaml`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.clouds import TestCloud, eventually, function_zip
from tests.support.resources import new_name

TEMPLATE = Path(__file__).parents[1] / "cloud" / "every_type.yaml"

CODE = "import os\ndef handler(event, context):\n    return os.environ['GREETING'] + ' {version}'\n"
DEFINITION = """
# A comment: this is YAML.
Comment: {comment}
StartAt: Send
States:
  Send:
    Type: Task
    Resource: arn:aws:states:::sqs:sendMessage
    Parameters: {{QueueUrl: "${{QueueUrl}}", MessageBody: hello}}
    End: true
"""


class Stack:
    """One stack, deployed by change sets as SAM does."""

    def __init__(self, cloud: TestCloud, template: str | None = None) -> None:
        self.cloud = cloud
        self.name = new_name("stack")
        self.template = template or TEMPLATE.read_text()
        self._cloudformation = cloud.client("cloudformation")
        self._bucket = new_name("artifacts")
        cloud.client("s3").create_bucket(Bucket=self._bucket)
        self._exists = False

    def packaged(self, version: int) -> dict[str, str]:
        """The parameters that tell the template where its code and its workflow are."""
        s3 = self.cloud.client("s3")
        code, definition = f"{version}.zip", f"{version}.asl.yaml"
        s3.put_object(Bucket=self._bucket, Key=code, Body=function_zip(main=CODE.format(version=version)))
        s3.put_object(
            Bucket=self._bucket, Key=definition, Body=DEFINITION.format(comment=f"version {version}").encode()
        )
        return {"Bucket": self._bucket, "CodeKey": code, "DefinitionKey": definition}

    def deploy(self, **parameters: str) -> dict[str, str]:
        """Create or update; the outputs."""
        change_set = new_name("change")
        self._cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=change_set,
            ChangeSetType="UPDATE" if self._exists else "CREATE",
            TemplateBody=self.template,
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )

        def described() -> dict[str, Any] | None:
            answer: dict[str, Any] = self._cloudformation.describe_change_set(
                StackName=self.name, ChangeSetName=change_set
            )
            return answer if answer["Status"] in {"CREATE_COMPLETE", "FAILED"} else None

        answer = eventually(described)
        assert answer["Status"] == "CREATE_COMPLETE", answer.get("StatusReason")
        self._cloudformation.execute_change_set(StackName=self.name, ChangeSetName=change_set)
        status = self.settled()
        assert status == ("UPDATE_COMPLETE" if self._exists else "CREATE_COMPLETE"), self.failures()
        self._exists = True
        stack = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def delete(self) -> str:
        """The status in the end."""
        arn = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackId"]
        self._cloudformation.delete_stack(StackName=self.name)
        return self.settled(arn)

    def settled(self, name: str | None = None) -> str:
        def status() -> str | None:
            stack = self._cloudformation.describe_stacks(StackName=name or self.name)["Stacks"][0]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else str(stack["StackStatus"])

        return str(eventually(status))

    def failures(self) -> list[str]:
        events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        ]
