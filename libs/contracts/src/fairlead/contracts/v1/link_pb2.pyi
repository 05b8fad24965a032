from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AgentFrame(_message.Message):
    __slots__ = ("call", "traceparent", "hello", "heartbeat", "claim_accounts", "open_session", "stored_versions_request", "resource_states", "operation_report", "data_batch", "document", "tunnel_head", "tunnel_data", "tunnel_credit", "tunnel_end")
    CALL_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CLAIM_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    OPEN_SESSION_FIELD_NUMBER: _ClassVar[int]
    STORED_VERSIONS_REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_STATES_FIELD_NUMBER: _ClassVar[int]
    OPERATION_REPORT_FIELD_NUMBER: _ClassVar[int]
    DATA_BATCH_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_HEAD_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_DATA_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_CREDIT_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_END_FIELD_NUMBER: _ClassVar[int]
    call: int
    traceparent: str
    hello: Hello
    heartbeat: Heartbeat
    claim_accounts: ClaimAccounts
    open_session: OpenSession
    stored_versions_request: StoredVersionsRequest
    resource_states: ResourceStates
    operation_report: OperationReport
    data_batch: DataBatch
    document: Document
    tunnel_head: TunnelHead
    tunnel_data: TunnelData
    tunnel_credit: TunnelCredit
    tunnel_end: TunnelEnd
    def __init__(self, call: _Optional[int] = ..., traceparent: _Optional[str] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., claim_accounts: _Optional[_Union[ClaimAccounts, _Mapping]] = ..., open_session: _Optional[_Union[OpenSession, _Mapping]] = ..., stored_versions_request: _Optional[_Union[StoredVersionsRequest, _Mapping]] = ..., resource_states: _Optional[_Union[ResourceStates, _Mapping]] = ..., operation_report: _Optional[_Union[OperationReport, _Mapping]] = ..., data_batch: _Optional[_Union[DataBatch, _Mapping]] = ..., document: _Optional[_Union[Document, _Mapping]] = ..., tunnel_head: _Optional[_Union[TunnelHead, _Mapping]] = ..., tunnel_data: _Optional[_Union[TunnelData, _Mapping]] = ..., tunnel_credit: _Optional[_Union[TunnelCredit, _Mapping]] = ..., tunnel_end: _Optional[_Union[TunnelEnd, _Mapping]] = ...) -> None: ...

class GatewayFrame(_message.Message):
    __slots__ = ("call", "traceparent", "welcome", "heartbeat", "claim_verdicts", "session_opened", "stored_versions_page", "done", "call_failed", "session_closed", "repair_request", "operation", "cancel_operation", "data_ack", "drain", "link_state", "tunnel_lease", "tunnel_open", "tunnel_data", "tunnel_credit", "tunnel_end")
    CALL_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CLAIM_VERDICTS_FIELD_NUMBER: _ClassVar[int]
    SESSION_OPENED_FIELD_NUMBER: _ClassVar[int]
    STORED_VERSIONS_PAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    CALL_FAILED_FIELD_NUMBER: _ClassVar[int]
    SESSION_CLOSED_FIELD_NUMBER: _ClassVar[int]
    REPAIR_REQUEST_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    CANCEL_OPERATION_FIELD_NUMBER: _ClassVar[int]
    DATA_ACK_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    LINK_STATE_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_LEASE_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_OPEN_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_DATA_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_CREDIT_FIELD_NUMBER: _ClassVar[int]
    TUNNEL_END_FIELD_NUMBER: _ClassVar[int]
    call: int
    traceparent: str
    welcome: Welcome
    heartbeat: Heartbeat
    claim_verdicts: ClaimVerdicts
    session_opened: SessionOpened
    stored_versions_page: StoredVersionsPage
    done: Done
    call_failed: CallFailed
    session_closed: SessionClosed
    repair_request: RepairRequest
    operation: Operation
    cancel_operation: CancelOperation
    data_ack: DataAck
    drain: Drain
    link_state: LinkState
    tunnel_lease: TunnelLease
    tunnel_open: TunnelOpen
    tunnel_data: TunnelData
    tunnel_credit: TunnelCredit
    tunnel_end: TunnelEnd
    def __init__(self, call: _Optional[int] = ..., traceparent: _Optional[str] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., claim_verdicts: _Optional[_Union[ClaimVerdicts, _Mapping]] = ..., session_opened: _Optional[_Union[SessionOpened, _Mapping]] = ..., stored_versions_page: _Optional[_Union[StoredVersionsPage, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., call_failed: _Optional[_Union[CallFailed, _Mapping]] = ..., session_closed: _Optional[_Union[SessionClosed, _Mapping]] = ..., repair_request: _Optional[_Union[RepairRequest, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ..., cancel_operation: _Optional[_Union[CancelOperation, _Mapping]] = ..., data_ack: _Optional[_Union[DataAck, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., link_state: _Optional[_Union[LinkState, _Mapping]] = ..., tunnel_lease: _Optional[_Union[TunnelLease, _Mapping]] = ..., tunnel_open: _Optional[_Union[TunnelOpen, _Mapping]] = ..., tunnel_data: _Optional[_Union[TunnelData, _Mapping]] = ..., tunnel_credit: _Optional[_Union[TunnelCredit, _Mapping]] = ..., tunnel_end: _Optional[_Union[TunnelEnd, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol_version", "features", "agent_id", "zone_id", "software_version", "mode", "claims_incarnation")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    ZONE_ID_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_INCARNATION_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    features: _containers.RepeatedScalarFieldContainer[str]
    agent_id: str
    zone_id: str
    software_version: str
    mode: str
    claims_incarnation: str
    def __init__(self, protocol_version: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., agent_id: _Optional[str] = ..., zone_id: _Optional[str] = ..., software_version: _Optional[str] = ..., mode: _Optional[str] = ..., claims_incarnation: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("protocol_version", "features", "gateway_id", "software_version", "heartbeat_interval_ms", "frame_limit_bytes", "data_window_bytes")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    FRAME_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_WINDOW_BYTES_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    features: _containers.RepeatedScalarFieldContainer[str]
    gateway_id: str
    software_version: str
    heartbeat_interval_ms: int
    frame_limit_bytes: int
    data_window_bytes: int
    def __init__(self, protocol_version: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., gateway_id: _Optional[str] = ..., software_version: _Optional[str] = ..., heartbeat_interval_ms: _Optional[int] = ..., frame_limit_bytes: _Optional[int] = ..., data_window_bytes: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("sent_unix_ms", "claims_incarnation")
    SENT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_INCARNATION_FIELD_NUMBER: _ClassVar[int]
    sent_unix_ms: int
    claims_incarnation: str
    def __init__(self, sent_unix_ms: _Optional[int] = ..., claims_incarnation: _Optional[str] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class LinkState(_message.Message):
    __slots__ = ("connected", "connection")
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    connected: bool
    connection: int
    def __init__(self, connected: _Optional[bool] = ..., connection: _Optional[int] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CallFailed(_message.Message):
    __slots__ = ("code", "message", "retry_after_ms")
    class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CODE_UNSPECIFIED: _ClassVar[CallFailed.Code]
        CODE_UNAVAILABLE: _ClassVar[CallFailed.Code]
        CODE_REFUSED: _ClassVar[CallFailed.Code]
        CODE_INVALID: _ClassVar[CallFailed.Code]
        CODE_SESSION_CLOSED: _ClassVar[CallFailed.Code]
    CODE_UNSPECIFIED: CallFailed.Code
    CODE_UNAVAILABLE: CallFailed.Code
    CODE_REFUSED: CallFailed.Code
    CODE_INVALID: CallFailed.Code
    CODE_SESSION_CLOSED: CallFailed.Code
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    code: CallFailed.Code
    message: str
    retry_after_ms: int
    def __init__(self, code: _Optional[_Union[CallFailed.Code, str]] = ..., message: _Optional[str] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class ClusterIdentity(_message.Message):
    __slots__ = ("uid", "server", "ca_fingerprint")
    UID_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    CA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    uid: str
    server: str
    ca_fingerprint: str
    def __init__(self, uid: _Optional[str] = ..., server: _Optional[str] = ..., ca_fingerprint: _Optional[str] = ...) -> None: ...

class AccountClaim(_message.Message):
    __slots__ = ("name", "cluster", "server_version", "namespaces", "read_roles", "write_roles", "execute_roles", "own_cluster")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    READ_ROLES_FIELD_NUMBER: _ClassVar[int]
    WRITE_ROLES_FIELD_NUMBER: _ClassVar[int]
    EXECUTE_ROLES_FIELD_NUMBER: _ClassVar[int]
    OWN_CLUSTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    cluster: ClusterIdentity
    server_version: str
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    read_roles: _containers.RepeatedScalarFieldContainer[str]
    write_roles: _containers.RepeatedScalarFieldContainer[str]
    execute_roles: _containers.RepeatedScalarFieldContainer[str]
    own_cluster: bool
    def __init__(self, name: _Optional[str] = ..., cluster: _Optional[_Union[ClusterIdentity, _Mapping]] = ..., server_version: _Optional[str] = ..., namespaces: _Optional[_Iterable[str]] = ..., read_roles: _Optional[_Iterable[str]] = ..., write_roles: _Optional[_Iterable[str]] = ..., execute_roles: _Optional[_Iterable[str]] = ..., own_cluster: _Optional[bool] = ...) -> None: ...

class ClaimAccounts(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[AccountClaim]
    def __init__(self, accounts: _Optional[_Iterable[_Union[AccountClaim, _Mapping]]] = ...) -> None: ...

class ClaimVerdict(_message.Message):
    __slots__ = ("name", "granted", "reason", "message")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    granted: bool
    reason: str
    message: str
    def __init__(self, name: _Optional[str] = ..., granted: _Optional[bool] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ClaimVerdicts(_message.Message):
    __slots__ = ("verdicts",)
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedCompositeFieldContainer[ClaimVerdict]
    def __init__(self, verdicts: _Optional[_Iterable[_Union[ClaimVerdict, _Mapping]]] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("group", "version", "plural", "kind", "namespaced")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLURAL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAMESPACED_FIELD_NUMBER: _ClassVar[int]
    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    def __init__(self, group: _Optional[str] = ..., version: _Optional[str] = ..., plural: _Optional[str] = ..., kind: _Optional[str] = ..., namespaced: _Optional[bool] = ...) -> None: ...

class OpenSession(_message.Message):
    __slots__ = ("account", "resource", "namespace", "scope", "known_epoch", "ended_epoch")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    KNOWN_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ENDED_EPOCH_FIELD_NUMBER: _ClassVar[int]
    account: str
    resource: Resource
    namespace: str
    scope: str
    known_epoch: int
    ended_epoch: int
    def __init__(self, account: _Optional[str] = ..., resource: _Optional[_Union[Resource, _Mapping]] = ..., namespace: _Optional[str] = ..., scope: _Optional[str] = ..., known_epoch: _Optional[int] = ..., ended_epoch: _Optional[int] = ...) -> None: ...

class SessionOpened(_message.Message):
    __slots__ = ("session", "epoch", "checkpoint", "checkpoint_age_ms", "highest", "rows")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    session: str
    epoch: int
    checkpoint: str
    checkpoint_age_ms: int
    highest: str
    rows: int
    def __init__(self, session: _Optional[str] = ..., epoch: _Optional[int] = ..., checkpoint: _Optional[str] = ..., checkpoint_age_ms: _Optional[int] = ..., highest: _Optional[str] = ..., rows: _Optional[int] = ...) -> None: ...

class StoredVersionsRequest(_message.Message):
    __slots__ = ("session", "resumed", "after_namespace", "after_name")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    AFTER_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    AFTER_NAME_FIELD_NUMBER: _ClassVar[int]
    session: str
    resumed: bool
    after_namespace: str
    after_name: str
    def __init__(self, session: _Optional[str] = ..., resumed: _Optional[bool] = ..., after_namespace: _Optional[str] = ..., after_name: _Optional[str] = ...) -> None: ...

class StoredVersion(_message.Message):
    __slots__ = ("namespace", "name", "uid", "version", "epoch", "tombstone")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    uid: str
    version: str
    epoch: int
    tombstone: bool
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., uid: _Optional[str] = ..., version: _Optional[str] = ..., epoch: _Optional[int] = ..., tombstone: _Optional[bool] = ...) -> None: ...

class StoredVersionsPage(_message.Message):
    __slots__ = ("versions", "last")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[StoredVersion]
    last: bool
    def __init__(self, versions: _Optional[_Iterable[_Union[StoredVersion, _Mapping]]] = ..., last: _Optional[bool] = ...) -> None: ...

class SessionClosed(_message.Message):
    __slots__ = ("session", "reason")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    session: str
    reason: str
    def __init__(self, session: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ObjectName(_message.Message):
    __slots__ = ("namespace", "name")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class RepairRequest(_message.Message):
    __slots__ = ("session", "objects", "relist")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    RELIST_FIELD_NUMBER: _ClassVar[int]
    session: str
    objects: _containers.RepeatedCompositeFieldContainer[ObjectName]
    relist: bool
    def __init__(self, session: _Optional[str] = ..., objects: _Optional[_Iterable[_Union[ObjectName, _Mapping]]] = ..., relist: _Optional[bool] = ...) -> None: ...

class ResourceState(_message.Message):
    __slots__ = ("account", "resource", "namespace", "state", "since_unix_ms", "message")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[ResourceState.State]
        STATE_LISTING: _ClassVar[ResourceState.State]
        STATE_LIVE: _ClassVar[ResourceState.State]
        STATE_STALE: _ClassVar[ResourceState.State]
        STATE_REFUSED: _ClassVar[ResourceState.State]
        STATE_GONE: _ClassVar[ResourceState.State]
    STATE_UNSPECIFIED: ResourceState.State
    STATE_LISTING: ResourceState.State
    STATE_LIVE: ResourceState.State
    STATE_STALE: ResourceState.State
    STATE_REFUSED: ResourceState.State
    STATE_GONE: ResourceState.State
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    account: str
    resource: Resource
    namespace: str
    state: ResourceState.State
    since_unix_ms: int
    message: str
    def __init__(self, account: _Optional[str] = ..., resource: _Optional[_Union[Resource, _Mapping]] = ..., namespace: _Optional[str] = ..., state: _Optional[_Union[ResourceState.State, str]] = ..., since_unix_ms: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class ResourceStates(_message.Message):
    __slots__ = ("states",)
    STATES_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedCompositeFieldContainer[ResourceState]
    def __init__(self, states: _Optional[_Iterable[_Union[ResourceState, _Mapping]]] = ...) -> None: ...

class DataBatch(_message.Message):
    __slots__ = ("id", "envelope", "stream_sequence")
    ID_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    STREAM_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    id: int
    envelope: bytes
    stream_sequence: int
    def __init__(self, id: _Optional[int] = ..., envelope: _Optional[bytes] = ..., stream_sequence: _Optional[int] = ...) -> None: ...

class DataAck(_message.Message):
    __slots__ = ("through",)
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    through: int
    def __init__(self, through: _Optional[int] = ...) -> None: ...

class Document(_message.Message):
    __slots__ = ("id", "account", "kind", "path", "sha256", "chunk", "last", "content")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Document.Kind]
        KIND_DISCOVERY: _ClassVar[Document.Kind]
        KIND_OPENAPI_V2: _ClassVar[Document.Kind]
        KIND_OPENAPI_V3: _ClassVar[Document.Kind]
    KIND_UNSPECIFIED: Document.Kind
    KIND_DISCOVERY: Document.Kind
    KIND_OPENAPI_V2: Document.Kind
    KIND_OPENAPI_V3: Document.Kind
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    id: int
    account: str
    kind: Document.Kind
    path: str
    sha256: str
    chunk: int
    last: bool
    content: bytes
    def __init__(self, id: _Optional[int] = ..., account: _Optional[str] = ..., kind: _Optional[_Union[Document.Kind, str]] = ..., path: _Optional[str] = ..., sha256: _Optional[str] = ..., chunk: _Optional[int] = ..., last: _Optional[bool] = ..., content: _Optional[bytes] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("id", "account", "attempt", "first_incarnation", "deadline_unix_ms", "chunk", "last", "request")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FIRST_INCARNATION_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    id: str
    account: str
    attempt: int
    first_incarnation: str
    deadline_unix_ms: int
    chunk: int
    last: bool
    request: bytes
    def __init__(self, id: _Optional[str] = ..., account: _Optional[str] = ..., attempt: _Optional[int] = ..., first_incarnation: _Optional[str] = ..., deadline_unix_ms: _Optional[int] = ..., chunk: _Optional[int] = ..., last: _Optional[bool] = ..., request: _Optional[bytes] = ...) -> None: ...

class CancelOperation(_message.Message):
    __slots__ = ("id", "account")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    id: str
    account: str
    def __init__(self, id: _Optional[str] = ..., account: _Optional[str] = ...) -> None: ...

class OperationReport(_message.Message):
    __slots__ = ("id", "account", "attempt", "state", "code", "reason", "message", "resource", "namespace", "name", "uid", "version", "chunk", "last", "body", "started_unix_ms", "finished_unix_ms")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[OperationReport.State]
        STATE_CLAIMED: _ClassVar[OperationReport.State]
        STATE_SUCCEEDED: _ClassVar[OperationReport.State]
        STATE_FAILED: _ClassVar[OperationReport.State]
        STATE_UNKNOWN: _ClassVar[OperationReport.State]
        STATE_NO_EXECUTOR: _ClassVar[OperationReport.State]
    STATE_UNSPECIFIED: OperationReport.State
    STATE_CLAIMED: OperationReport.State
    STATE_SUCCEEDED: OperationReport.State
    STATE_FAILED: OperationReport.State
    STATE_UNKNOWN: OperationReport.State
    STATE_NO_EXECUTOR: OperationReport.State
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    id: str
    account: str
    attempt: int
    state: OperationReport.State
    code: int
    reason: str
    message: str
    resource: Resource
    namespace: str
    name: str
    uid: str
    version: str
    chunk: int
    last: bool
    body: bytes
    started_unix_ms: int
    finished_unix_ms: int
    def __init__(self, id: _Optional[str] = ..., account: _Optional[str] = ..., attempt: _Optional[int] = ..., state: _Optional[_Union[OperationReport.State, str]] = ..., code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., resource: _Optional[_Union[Resource, _Mapping]] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., uid: _Optional[str] = ..., version: _Optional[str] = ..., chunk: _Optional[int] = ..., last: _Optional[bool] = ..., body: _Optional[bytes] = ..., started_unix_ms: _Optional[int] = ..., finished_unix_ms: _Optional[int] = ...) -> None: ...

class HttpHeader(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class TunnelOpen(_message.Message):
    __slots__ = ("id", "account", "method", "target", "headers", "content", "last", "answer_within_ms", "idle_ms", "window_bytes", "bridge")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    ANSWER_WITHIN_MS_FIELD_NUMBER: _ClassVar[int]
    IDLE_MS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_BYTES_FIELD_NUMBER: _ClassVar[int]
    BRIDGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    account: str
    method: str
    target: str
    headers: _containers.RepeatedCompositeFieldContainer[HttpHeader]
    content: bytes
    last: bool
    answer_within_ms: int
    idle_ms: int
    window_bytes: int
    bridge: str
    def __init__(self, id: _Optional[str] = ..., account: _Optional[str] = ..., method: _Optional[str] = ..., target: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[HttpHeader, _Mapping]]] = ..., content: _Optional[bytes] = ..., last: _Optional[bool] = ..., answer_within_ms: _Optional[int] = ..., idle_ms: _Optional[int] = ..., window_bytes: _Optional[int] = ..., bridge: _Optional[str] = ...) -> None: ...

class TunnelHead(_message.Message):
    __slots__ = ("id", "status", "headers")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: int
    headers: _containers.RepeatedCompositeFieldContainer[HttpHeader]
    def __init__(self, id: _Optional[str] = ..., status: _Optional[int] = ..., headers: _Optional[_Iterable[_Union[HttpHeader, _Mapping]]] = ...) -> None: ...

class TunnelData(_message.Message):
    __slots__ = ("id", "sequence", "content", "last")
    ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    id: str
    sequence: int
    content: bytes
    last: bool
    def __init__(self, id: _Optional[str] = ..., sequence: _Optional[int] = ..., content: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...

class TunnelCredit(_message.Message):
    __slots__ = ("id", "bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    bytes: int
    def __init__(self, id: _Optional[str] = ..., bytes: _Optional[int] = ...) -> None: ...

class TunnelEnd(_message.Message):
    __slots__ = ("id", "code", "reason")
    class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CODE_UNSPECIFIED: _ClassVar[TunnelEnd.Code]
        CODE_NOT_DISPATCHED: _ClassVar[TunnelEnd.Code]
        CODE_LOST: _ClassVar[TunnelEnd.Code]
        CODE_REFUSED: _ClassVar[TunnelEnd.Code]
        CODE_CANCELLED: _ClassVar[TunnelEnd.Code]
    CODE_UNSPECIFIED: TunnelEnd.Code
    CODE_NOT_DISPATCHED: TunnelEnd.Code
    CODE_LOST: TunnelEnd.Code
    CODE_REFUSED: TunnelEnd.Code
    CODE_CANCELLED: TunnelEnd.Code
    ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    code: TunnelEnd.Code
    reason: str
    def __init__(self, id: _Optional[str] = ..., code: _Optional[_Union[TunnelEnd.Code, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class TunnelLease(_message.Message):
    __slots__ = ("bridge", "ids")
    BRIDGE_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    bridge: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, bridge: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...
