"""What an operator may set, from the environment (prefix ``TOWNSHIP_``). Read when asked, never at import time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class PersonRule(BaseModel):
    """Who is what: a person whose claim has this value (or has it among several) is a caller of this kind.

    The region of a clerk or confirmer is named here or by another claim of the token.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str
    value: str
    kind: Literal["admin", "auditor", "region"]
    role: Literal["clerk", "confirmer"] | None = None
    region: str | None = None
    region_claim: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        of_region = self.kind == "region"
        if of_region == (self.region is None and self.region_claim is None) or (self.role is not None) > of_region:
            raise ValueError("a region is named for kind region and no other; only a region has a role")
        return self


class OidcIssuer(BaseModel):
    """One external issuer of tokens for people. Its keys are fetched from its own host or from ``hosts`` only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    audience: str
    rules: tuple[PersonRule, ...]
    jwks_uri: str | None = None  # default: as the issuer's discovery document says
    hosts: tuple[str, ...] = ()
    name_claim: str = "preferred_username"
    insecure: bool = False  # http instead of https: for trials on one machine
    token_types: tuple[str, ...] = ("JWT", "at+jwt")


class Settings(BaseSettings):
    """One reading of the environment; immutable."""

    model_config = SettingsConfigDict(
        env_prefix="TOWNSHIP_", env_file=None, env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Annotated[
        Path, Field(description="数据文件夹：内置数据库与快照 / Data folder: embedded database and snapshots")
    ] = Path(".township")
    database_url: Annotated[
        str,
        Field(
            default_factory=lambda known: _embedded(known["data_dir"]),
            description="数据库地址，默认为数据文件夹内的 SQLite / Database URL; default: SQLite in the data folder",
        ),
    ]
    pool_size: Annotated[
        int,
        Field(ge=1, le=200, description="每个进程的数据库连接数 / Database connections of one process"),
    ] = 10
    replica_url: Annotated[
        str,
        Field(
            description="PostgreSQL 流复制副本的地址：重建快照时从它读，只要它已跟上；默认不用 / "
            "A streaming replica from which snapshots are built where it has replayed what was asked; default: none"
        ),
    ] = ""
    lock_timeout_seconds: Annotated[
        float,
        Field(gt=0, le=600, description="写入等待的最长秒数 / Longest wait of a write for its turn, in seconds"),
    ] = 30.0
    max_upload_bytes: Annotated[
        int, Field(ge=1_024, description="一次提交的最大字节数 / Largest submission, in bytes")
    ] = 64 * 1024 * 1024
    max_stream_bytes: Annotated[
        int, Field(ge=1_024, description="一次 NDJSON 提交的最大字节数 / Largest NDJSON submission, in bytes")
    ] = 1024 * 1024 * 1024
    upload_lifetime_seconds: Annotated[
        int,
        Field(ge=60, description="分段上传保留的秒数 / How long an upload in pieces is kept, in seconds"),
    ] = 86_400
    idempotency_days: Annotated[
        int,
        Field(
            ge=1, description="同一幂等键的答复保留的天数 / Days for which answers are kept under their idempotency key"
        ),
    ] = 30
    token_lifetime_seconds: Annotated[
        int, Field(ge=60, le=86_400, description="访问令牌的有效秒数 / Lifetime of an access token, in seconds")
    ] = 900
    snapshot_memory_bytes: Annotated[
        int, Field(ge=0, description="内存中保留的快照字节数上限 / Most bytes of snapshots kept in memory")
    ] = 512 * 1024 * 1024
    mapped_memory_bytes: Annotated[
        int, Field(ge=0, description="内存中保留的视图结果字节数上限 / Most bytes of mapped views kept in memory")
    ] = 256 * 1024 * 1024
    rendered_memory_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="内存中保留的已生成记录字节数上限 / Most bytes of records kept in memory as written in JSON",
        ),
    ] = 128 * 1024 * 1024
    answers_disk_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="数据文件夹内保存的整份答复的字节数上限，0 为不保存 / "
            "Most bytes of whole answers kept in the data folder; 0 keeps none",
        ),
    ] = 2 * 1024 * 1024 * 1024
    pins_per_department: Annotated[
        int, Field(ge=0, description="每个部门最多固定的快照名数 / Most names under which a department keeps snapshots")
    ] = 1_000
    longest_wait_seconds: Annotated[
        int, Field(ge=0, le=600, description="长轮询等待的最长秒数 / Longest wait of a long poll, in seconds")
    ] = 60
    longest_stream_seconds: Annotated[
        float,
        Field(gt=0, le=86_400, description="事件流的最长秒数，之后客户端续接 / Longest life of a stream, in seconds"),
    ] = 3_600
    heartbeat_seconds: Annotated[
        float,
        Field(gt=0, le=300, description="事件流无内容时的心跳间隔 / Seconds between heartbeats of a quiet stream"),
    ] = 15
    streams_per_credential: Annotated[
        int, Field(ge=1, description="一个凭证同时等待的连接数 / Waiting connections of one credential, each worker")
    ] = 20
    streams_at_once: Annotated[
        int, Field(ge=1, description="一个进程同时等待的连接数 / Waiting connections of one worker altogether")
    ] = 1_000

    audit_hash: Annotated[
        Literal["sha256", "sm3"],
        Field(
            description="审计树的杂凑算法，建库时定下，之后不变 / "
            "Hash of the audit's tree, settled when the registry is first migrated"
        ),
    ] = "sha256"
    audit_checkpoint_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=3_600,
            description="审计条目最迟多少秒后入树并签署 / Seconds until entries are in the tree and signed",
        ),
    ] = 10.0
    audit_retention_days: Annotated[
        int | None,
        Field(
            ge=1, description="审计条目保留天数，默认不删 / Days for which audit entries are kept; default: for ever"
        ),
    ] = None
    audit_minimum_days: Annotated[
        int,
        Field(
            ge=0,
            description="审计条目最短保留天数（《网络安全法》：日志留存不少于六个月，请核对现行条文） / "
            "Fewest days the law lets audit entries be kept (Cybersecurity Law: six months; check the text in force)",
        ),
    ] = 184
    receipt_spool_bytes: Annotated[
        int, Field(ge=1_024, description="带回执的答复的最大字节数 / Largest answer given with a receipt, in bytes")
    ] = 512 * 1024 * 1024
    webhook_hosts: Annotated[
        str,
        Field(
            description="允许推送通知的主机，逗号分隔，空为不推送 / Hosts webhooks may go to (host or host:port, commas)"
        ),
    ] = ""
    webhook_private_addresses: Annotated[
        bool, Field(description="允许推送到内网地址 / Whether those hosts may have private addresses")
    ] = False
    webhook_plain_http: Annotated[
        bool, Field(description="允许以 http 推送到本机，仅供试验 / Plain http to this machine itself, for trials")
    ] = False
    webhook_give_up_days: Annotated[
        float,
        Field(gt=0, le=60, description="连续失败多少天后停止推送 / Days of failure after which a webhook is ended"),
    ] = 5

    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^/?#\s]+$",
            description="本服务对外的地址（https://…），用作令牌的签发者；默认为所监听的地址 / "
            "Address by which others know this service, issuer of its tokens; default: the address it listens on",
        ),
    ] = None
    token_form: Annotated[
        Literal["jwt", "opaque"],
        Field(description="访问令牌的形式：jwt（RFC 9068）或不透明 / Form of access tokens: jwt (RFC 9068) or opaque"),
    ] = "jwt"  # noqa: S105 - a form, no secret
    oidc_issuers: Annotated[
        tuple[OidcIssuer, ...],
        Field(description="人员登录的外部 OpenID Connect 签发者，JSON 列表 / External issuers for people, a JSON list"),
    ] = ()
    failures_allowed: Annotated[
        int,
        Field(
            ge=1, description="同一来源十分钟内可出示无效凭证的次数，超过则放慢 / Failures of one source before slowing"
        ),
    ] = 20
    requests_per_minute: Annotated[
        int | None,
        Field(
            ge=1,
            description="每个凭证每分钟的请求数，默认不限 / Requests of one credential a minute; default: no limit",
        ),
    ] = None
    requests_per_day: Annotated[
        int | None,
        Field(ge=1, description="每个凭证每天的请求数，默认不限 / Requests of one credential a day; default: no limit"),
    ] = None
    exports_at_once: Annotated[
        int, Field(ge=1, description="同时进行的大导出总数 / Large exports at once, of everybody together")
    ] = 64
    exports_per_credential: Annotated[
        int, Field(ge=1, description="一个凭证同时进行的大导出数 / Large exports at once of one credential")
    ] = 16
    longest_export_seconds: Annotated[
        float, Field(gt=0, le=86_400, description="一次大导出的最长秒数 / Longest time of one large export, in seconds")
    ] = 3_600
    send_timeout_seconds: Annotated[
        float,
        Field(
            gt=0, le=3_600, description="客户端不取数据时等待的秒数 / Seconds to wait for a reader who takes nothing"
        ),
    ] = 60
    receive_timeout_seconds: Annotated[
        float,
        Field(
            gt=0, le=3_600, description="客户端不送数据时等待的秒数 / Seconds to wait for a sender who sends nothing"
        ),
    ] = 60
    correction_working_days: Annotated[
        int,
        Field(
            ge=1,
            le=250,
            description="校核申请须在多少个工作日内答复（《政务数据共享条例》第二十六条） / "
            "Working days within which a question to a figure is answered (State Council Order 809, article 26)",
        ),
    ] = 10
    remind_days_before: Annotated[
        int, Field(ge=0, le=365, description="到期前多少天提醒 / Days before a due day at which it is reminded of")
    ] = 5
    evidence_url: Annotated[
        str,
        Field(
            description="佐证文件的存放处（fsspec 地址，如 s3://桶/目录），默认为数据文件夹内的 evidence / "
            "Where evidence is kept: an fsspec URL; default: evidence in the data folder"
        ),
    ] = ""
    evidence_max_bytes: Annotated[
        int, Field(ge=1_024, description="一份佐证文件的最大字节数 / Largest file of evidence, in bytes")
    ] = 20 * 1024 * 1024
    evidence_scanner: Annotated[
        str,
        Field(
            description="查毒命令，从标准输入读文件，退出码 0 为通过；默认不查 / "
            "Command that reads a file of evidence from stdin and exits 0 if it is clean; default: none"
        ),
    ] = ""
    metrics_token: Annotated[
        SecretStr | None,
        Field(
            description="抓取 /metrics 所用的令牌，空为不提供 / Bearer token for /metrics; without one it is not there"
        ),
    ] = None
    server_timing: Annotated[
        bool, Field(description="向管理员应答 Server-Timing / Server-Timing in answers to administrators")
    ] = False
    log_format: Annotated[
        Literal["text", "json"], Field(description="日志的形式 / Form of the log: text or JSON lines")
    ] = "text"
    log_requests: Annotated[
        bool, Field(description="每个请求记一行日志 / Whether each request gets a line in the log")
    ] = False
    slow_seconds: Annotated[
        float | None,
        Field(
            gt=0, description="超过多少秒的请求记入日志并说明 / Seconds after which a request is logged and explained"
        ),
    ] = 5.0


def _embedded(data_dir: Path) -> str:
    return f"sqlite:///{data_dir.absolute() / 'registry.db'}"


def load_settings() -> Settings:
    """Read the environment now. Raises pydantic's ``ValidationError`` naming every variable that is out of form."""
    return Settings()
