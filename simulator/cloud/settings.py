"""Where one local cloud listens and what it is called. Values only; nothing here does I/O."""

from __future__ import annotations

import signal
from dataclasses import asdict, dataclass
from pathlib import Path

ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
LOOPBACK = "127.0.0.1"
#: What ends a command and its cloud.
ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

#: The name on the broker's server certificate; devices dial this, whatever `iot:DescribeEndpoint` says.
BROKER_HOST = "localhost"


@dataclass(frozen=True)
class CloudSettings:
    """One local cloud.

    Ports are TCP (`api_port`, `mqtt_port`) and UDP (`xray_port`) on loopback. `home` is the only folder it
    writes to. `stock` starts MiniStack without a single mend: tests use it to prove that a mend is still needed.
    """

    home: Path
    api_port: int = 4566
    mqtt_port: int = 8883
    xray_port: int = 2000
    #: Most Lambda worker processes for one function: a laptop is not a region.
    lambda_concurrency: int = 4
    #: Seconds between two looks at queues and alarms; CloudWatch's own is 60.
    metric_period_seconds: float = 2.0
    stock: bool = False

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.api_port}"

    @property
    def xray_daemon_address(self) -> str:
        return f"{LOOPBACK}:{self.xray_port}"

    def environment(self) -> dict[str, str]:
        """The variables that MiniStack reads, for this cloud."""
        return {
            "GATEWAY_PORT": str(self.api_port),
            "IOT_MTLS_PORT": str(self.mqtt_port),
            "BIND_HOST": LOOPBACK,
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
            # Roles, resource policies and device policies decide, always.
            "AUTH": "true",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",
            "TMPDIR": str(self.home / "tmp"),
            "STATE_DIR": str(self.home / "state"),
            "S3_DATA_DIR": str(self.home / "s3"),
            "LOG_LEVEL": "WARNING",
            "AWS_XRAY_DAEMON_ADDRESS": self.xray_daemon_address,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "home": str(self.home)}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> CloudSettings:
        return cls(**{**data, "home": Path(str(data["home"]))})  # type: ignore[arg-type]
